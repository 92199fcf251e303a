"""Terminal output: results, progress, and the message of a run that stops.

Names, error messages and file names contain any character. `Output` writes them so that they are
text for every reader: a terminal, a CI runner and a stream that cannot encode them.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import re
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Literal, Self, TextIO

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

INTERRUPTED = "Interrupted. The warehouse is unchanged, or complete: run again to continue."

Part = str | tuple[str, str]
"""A part of a line: text, or text and its style, such as `bold` or `red`."""

_NOT_ASCII_OR_COMMAND = re.compile(r"[^ -~]|##(?=\[|vso\[)")
"""Azure DevOps and GitHub read `##[` and `##vso[` anywhere in a line as a command."""
_ESCAPED_CATEGORIES = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode's control characters, format characters such as bidi marks, surrogates, line ends."""
_SMALLEST_NAME, _USUAL_NAME = 12, 36
"""Widths of the column of names in tables."""


class Stop(Exception):
    """Ends the run with a message of one or two sentences and an exit code."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def printable(text: str) -> str:
    """Return text as one line without control characters and commands of CI runners.

    They are escaped as in JSON, so that JSON stays the same value.
    """
    # GitHub reads a line that starts with "::" as a command, and ignores white space before it.
    return re.sub(r"^(\s*):(?=:)", r"\1\\u003a", _escaped(text))


def _escaped(text: str) -> str:
    def escape(match: re.Match[str]) -> str:
        found = match[0]
        if found == "##":
            return "#\\u0023"
        if unicodedata.category(found) not in _ESCAPED_CATEGORIES:
            return found
        return f"\\u{ord(found):04x}" if found <= "\uffff" else json.dumps(found)[1:-1]

    return _NOT_ASCII_OR_COMMAND.sub(escape, text)


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Discard what follows: a reader such as `head` wants no more, and the run goes on."""
        discard(self.file)


def discard(stream: object) -> None:
    """Let a stream that cannot be written to write to nowhere, also at Python's end."""
    with contextlib.suppress(AttributeError, OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())  # type: ignore[attr-defined]
        os.close(nowhere)


class Output(io.TextIOBase):
    """A stream that prints lines as text; in its `with` block, it replaces the standard stream.

    Only `line` and `table` print styles, and only on a terminal. What any other code writes to the
    standard stream, such as argparse, a library or a traceback, is printed without styles.
    """

    def __init__(self, name: Literal["stdout", "stderr"]) -> None:
        self._name = name
        self._console = self._new_console()
        self._rest = ""
        self._live: Live | None = None

    def _new_console(self, file: TextIO | None = None) -> Console:
        return _Console(
            file=file, stderr=self._name == "stderr", highlight=False, markup=False, soft_wrap=True
        )

    def __enter__(self) -> Self:
        self._replaced: TextIO | None = getattr(sys, self._name)
        # Without standard streams, Python has none of these objects.
        self._console = self._new_console(self._replaced or io.StringIO())
        setattr(sys, self._name, self)
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.clear()
        if self._rest:
            self.write("\n")
        setattr(sys, self._name, self._replaced)
        self._console = self._new_console()

    @property
    def is_terminal(self) -> bool:
        return self._console.is_terminal

    def isatty(self) -> bool:
        return self.is_terminal

    def fileno(self) -> int:
        return self._console.file.fileno()

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        """Write text; each line is printed once it is complete."""
        *lines, self._rest = f"{self._rest}{text}".split("\n")
        for line in lines:
            self.line(line)
        return len(text)

    def line(self, *parts: Part) -> None:
        """Print one line. Raises Stop if the stream cannot be written to."""
        text = Text()
        for part in parts:
            content, style = (part, "") if isinstance(part, str) else part
            text.append(self._encodable(_escaped(content)), style)
        # As in `printable`: "::" may start in one part and end in the next one.
        indent = len(text.plain) - len(text.plain.lstrip())
        if text.plain.startswith("::", indent):
            text = text[:indent] + "\\u003a" + text[indent + 1 :]
        if self is not errors:
            errors.clear()
        try:
            self._console.print(text)
        except OSError as error:
            discard(self._console.file)
            raise Stop(f"The output cannot be written: {error.strerror or error}.") from None

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print a column of names and columns of amounts.

        If the lines are too wide, names are shortened, and amounts are not.
        """
        lines = [(self._encodable(printable(name)), *amounts) for name, *amounts in (header, *rows)]
        names, *columns = zip(*lines, strict=True)
        widths = [max(map(len, column)) for column in columns]
        room = self._console.width - sum(width + 2 for width in widths)
        name_width = max(min(max(_USUAL_NAME, *map(cell_len, names)), room), _SMALLEST_NAME)
        for number, (name, *amounts) in enumerate(lines):
            cells = [f"{amount:>{width}}" for amount, width in zip(amounts, widths, strict=True)]
            text = "  ".join([self._fitted(name, name_width), *cells])
            self.line((text, "" if number else "bold"))

    def _fitted(self, text: str, width: int) -> str:
        """Return text that is padded or shortened to a width."""
        if cell_len(text) > width:
            ellipsis = "…" if self._encodable("…") == "…" else "..."
            text = set_cell_size(text, width - len(ellipsis)) + ellipsis
        return set_cell_size(text, width)

    def _encodable(self, text: str) -> str:
        """Return text in which characters that the stream cannot encode are escaped."""
        encoding = self._console.encoding
        return text.encode(encoding, "backslashreplace").decode(encoding)

    def show(self, step: str) -> None:
        """Show the current step until `clear`; without a terminal, show nothing."""
        if not self.is_terminal:
            return
        text = self._fitted(self._encodable(printable(step)), self._console.width - 3).rstrip()
        # Each output can encode this spinner.
        spinner = Spinner("line", Text(text))
        if self._live:
            self._live.update(spinner)
            return
        self._live = Live(
            spinner,
            console=self._console,
            refresh_per_second=10,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start(refresh=True)

    def clear(self) -> None:
        """Remove the current step from the terminal."""
        if self._live:
            self._live.stop()
            self._live = None


output, errors = Output("stdout"), Output("stderr")


class Progress(logging.Handler):
    """Shows the steps of a task; prints warnings, such as waits for a rate limit.

    `errors` counts the errors that were logged, `requests` the requests to the API.
    """

    def __init__(self, task: str) -> None:
        super().__init__()
        self.errors = 0
        self.requests = 0
        self.show(task)

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno == logging.DEBUG:
            self.requests += record.name == "openai_costs_source.api.client"
            return
        self.errors += record.levelno >= logging.ERROR
        if record.levelno >= logging.WARNING:
            say(record.getMessage())
        else:
            self.show(record.getMessage())

    def show(self, step: str) -> None:
        errors.show(step)


@contextlib.contextmanager
def progress(task: str) -> Iterator[Progress]:
    """Show a task, and the steps that the source logs meanwhile."""
    log, handler = logging.getLogger("openai_costs_source"), Progress(task)
    log.setLevel(logging.DEBUG)
    log.addHandler(handler)
    try:
        yield handler
    finally:
        log.removeHandler(handler)
        errors.clear()


def say(message: str) -> None:
    """Print a message to standard error."""
    errors.line(message)


def announce(task: str) -> None:
    """Print a task if no terminal shows its steps, such as in the log of a CI job."""
    if not errors.is_terminal:
        say(f"{task}.")


def first_lines(message: object) -> str:
    """Return the first two lines that are not empty, joined into one."""
    lines = [line.strip() for line in str(message).splitlines() if line.strip()]
    return " ".join(lines[:2])
