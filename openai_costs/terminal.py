"""Terminal output: results, progress, and the message of a run that stops."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

from rich.console import Console
from rich.markup import escape

output = Console(highlight=False)
errors = Console(stderr=True, highlight=False, soft_wrap=True)

INTERRUPTED = "Interrupted. The warehouse is unchanged, or complete: run again to continue."


class Stop(Exception):
    """Ends the run with a message of one or two sentences and an exit code."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Progress(logging.Handler):
    """Shows the current step on a terminal; prints warnings, such as waits for a rate limit.

    `errors` counts the errors that were logged, `requests` the requests to the API.
    """

    def __init__(self, task: str) -> None:
        super().__init__()
        self.status = errors.status(task) if errors.is_terminal else None
        self.errors = 0
        self.requests = 0

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
        if self.status:
            self.status.update(escape(step))


@contextlib.contextmanager
def progress(task: str) -> Iterator[Progress]:
    """Show a task, and the steps that the source logs meanwhile."""
    log, handler = logging.getLogger("openai_costs_source"), Progress(task)
    log.setLevel(logging.DEBUG)
    log.addHandler(handler)
    try:
        with handler.status or contextlib.nullcontext():
            yield handler
    finally:
        log.removeHandler(handler)


def say(message: str) -> None:
    """Print a message to standard error."""
    errors.print(escape(message))


def first_lines(message: object) -> str:
    """Return the first two lines that are not empty, joined into one."""
    lines = [line.strip() for line in str(message).splitlines() if line.strip()]
    return " ".join(lines[:2])
