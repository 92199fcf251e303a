"""What a person sees while the command works, and the sentence that it stops with."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

from rich.console import Console
from rich.markup import escape

output = Console(highlight=False)
errors = Console(stderr=True, highlight=False, soft_wrap=True)

INTERRUPTED = "Interrupted. The warehouse is as it was, or whole: run again to go on."


class Stop(Exception):
    """The run ends here: one or two sentences for a person, and the exit code."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Progress(logging.Handler):
    """What is going on, on a terminal; warnings, such as a rate limit waited for, everywhere."""

    def __init__(self, task: str) -> None:
        super().__init__()
        self.status = errors.status(task) if errors.is_terminal else None
        self.errors = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.errors += record.levelno >= logging.ERROR
        if record.levelno >= logging.WARNING:
            say(record.getMessage())
        else:
            self.tell(record.getMessage())

    def tell(self, text: str) -> None:
        if self.status:
            self.status.update(escape(text))


@contextlib.contextmanager
def progress(task: str) -> Iterator[Progress]:
    log, progress = logging.getLogger("openai_costs_source"), Progress(task)
    log.setLevel(logging.INFO)
    log.addHandler(progress)
    try:
        with progress.status or contextlib.nullcontext():
            yield progress
    finally:
        log.removeHandler(progress)


def say(message: str) -> None:
    errors.print(escape(message))


def first_line(message: object) -> str:
    lines = [line.strip() for line in str(message).splitlines() if line.strip()]
    return " ".join(lines[:2])
