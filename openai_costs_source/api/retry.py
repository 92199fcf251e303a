"""Which errors are retried, how long each wait is, and the retry budget of a client."""

from __future__ import annotations

import contextlib
import logging
import re
import time
from collections.abc import Callable, Container, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Event
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception

from openai_costs_source.errors import OpenAICostsError

log = logging.getLogger(__name__)

MAX_WAIT_SECONDS = 600
"""The default retry budget of a client."""

_SECONDS = re.compile(r"\d+(\.\d+)?")

T = TypeVar("T")


class RetryBudget:
    """Retries transient errors until the waits of all requests together exceed the budget.

    Waits of concurrent requests overlap and count once.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds_left = seconds

    def call(
        self, send: Callable[[], T], final: Container[int] = (), cancelled: Event | None = None
    ) -> T:
        """What `send` returns; it is called again after each OpenAICostsError that is transient.

        Errors with one of the `final` statuses are not retried, and none once `cancelled` is set.
        """
        seconds_left = self._seconds_left

        def waited(state: RetryCallState) -> float:
            return (state.seconds_since_start or 0) + state.upcoming_sleep

        def stop(state: RetryCallState) -> bool:
            is_final = getattr(_error(state), "status", None) in final
            is_cancelled = cancelled is not None and cancelled.is_set()
            return is_final or is_cancelled or waited(state) > seconds_left

        def before_sleep(state: RetryCallState) -> None:
            self._seconds_left = min(self._seconds_left, seconds_left - waited(state))
            error = _error(state)
            message = getattr(error, "message", error)
            log.warning("%s Waiting %.0f s before the next try.", message, state.upcoming_sleep)

        retrying = Retrying(
            retry=retry_if_exception(
                lambda error: isinstance(error, OpenAICostsError) and error.is_transient
            ),
            wait=_wait,
            stop=stop,
            before_sleep=before_sleep,
            sleep=lambda seconds: _sleep(seconds, cancelled),
            reraise=True,
        )
        return retrying(send)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds of the header Retry-After, also if it is a date; None without a valid one.

    A date is compared with the time of the reply, because this machine's clock may be wrong.
    """
    text = headers.get("Retry-After", "").strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    with contextlib.suppress(TypeError, ValueError, OverflowError):
        until = parsedate_to_datetime(text)
        try:
            now = parsedate_to_datetime(headers.get("Date", ""))
        except (TypeError, ValueError, OverflowError):
            now = datetime.now(UTC)
        return max((until - now).total_seconds(), 0)
    return None


def _wait(state: RetryCallState) -> float:
    """Seconds: the API's Retry-After if it is at least one, else 1, 2, 4 … up to a minute."""
    requested = getattr(_error(state), "retry_after", None)
    backoff = min(2 ** (state.attempt_number - 1), 60)
    return float(requested if requested and requested >= 1 else backoff)


def _error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def _sleep(seconds: float, cancelled: Event | None) -> None:
    """Sleep, but no longer than until the request is cancelled."""
    if cancelled:
        cancelled.wait(seconds)
    else:
        time.sleep(seconds)
