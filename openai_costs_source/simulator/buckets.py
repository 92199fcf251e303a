"""What the simulated API makes of a query: its parameters, checked, its refusals, and pages of
daily buckets, which costs and usage tell alike.
"""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta

from openai_costs_source.simulator.organization import Organization, midnight

Sent = Mapping[str, list[str]]

_LATEST = midnight(date.max)
_STALE_PAGE = "The page token is invalid, have you modified the query parameters?"


class Refusal(Exception):
    """An answer other than 200, with the body that OpenAI gives it."""

    def __init__(
        self, status: int, message: str, param: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        kind = "server_error" if status >= 500 else "invalid_request_error"
        error = {"message": message, "type": kind, "param": param, "code": code}
        self.body = json.dumps({"error": error})


class Query:
    """A query's parameters, checked: `many` may repeat, also as `name[]`; `one` may not."""

    def __init__(self, sent: Sent, one: Iterable[str] = (), many: Iterable[str] = ()) -> None:
        self.values: dict[str, list[str]] = {}
        for name, values in sent.items():
            known = name.removesuffix("[]")
            if known not in many and name not in one:
                raise Refusal(400, f"Unknown parameter: '{name}'.", name, "unknown_parameter")
            self.values.setdefault(known, []).extend(values)
        for name in one:
            if len(self.many(name)) > 1:
                raise Refusal(400, f"Duplicate parameter: '{name}'.", name, "duplicate_parameter")

    def many(self, name: str, allowed: Iterable[str] = ()) -> list[str]:
        values = self.values.get(name, [])
        for value in values:
            if allowed and value not in allowed:
                choices = ", ".join(f"'{choice}'" for choice in allowed)
                message = f"Invalid value: '{value}'. Supported values are: {choices}."
                raise Refusal(400, message, name, "invalid_value")
        return values

    def one(self, name: str, default: str, allowed: Iterable[str] = ()) -> str:
        return (self.many(name, allowed) or [default])[0]

    def integer(self, name: str, default: int | None, least: int, most: int) -> int:
        if name not in self.values:
            if default is None:
                message = f"Missing required parameter: '{name}'."
                raise Refusal(400, message, name, "missing_required_parameter")
            return default
        text = self.one(name, "")
        if not re.fullmatch("-?[0-9]+", text):
            message = f"Invalid type for '{name}': expected an integer, but got '{text}' instead."
            raise Refusal(400, message, name, "invalid_type")
        if not least <= int(text) <= most:
            message = f"Invalid '{name}': expected {least} to {most}, but got {text} instead."
            raise Refusal(400, message, name, "integer_out_of_range")
        return int(text)


class Window:
    """The days that a query asks the organization for, checked: it may ask for `most` in a page,
    which holds at most `days_per_page`."""

    PARAMETERS = ("start_time", "end_time", "bucket_width", "limit", "page")

    def __init__(
        self, query: Query, organization: Organization, most: int, days_per_page: int
    ) -> None:
        self.query = query
        tomorrow = midnight(organization.today + timedelta(days=1))
        self.start = query.integer("start_time", None, 0, _LATEST)
        self.end = query.integer("end_time", tomorrow, 0, _LATEST)
        self.limit = min(query.integer("limit", 7, 1, most), days_per_page)
        query.one("bucket_width", "1d", allowed=("1d",))
        if self.start < midnight(organization.earliest):
            raise Refusal(
                400,
                f"Usage and cost data are available for the past "
                f"{(organization.today - organization.earliest).days} days. "
                f"Earliest supported start date: {organization.earliest} (UTC).",
                "start_time",
                "reporting_lookback_exceeded",
            )
        if self.end <= self.start:
            raise Refusal(400, "'end_time' must be after 'start_time'.", "end_time")
        self.first = datetime.fromtimestamp(self.start, UTC).date()
        self.days = max(0, -((midnight(self.first) - min(self.end, tomorrow)) // 86400))

    def page(self, endpoint: str, results: Callable[[date], Iterable[str]]) -> str:
        """The page that is asked for, with a bucket a day of `results`, as JSON texts."""
        values = self.query.values
        # A token holds for the very query that minted it, resolved default of end_time included.
        minting = {name: values[name] for name in sorted(values) if name != "page"}
        offset = 0
        if page := self.query.one("page", ""):
            tokens = (_token(n, endpoint, minting, self.end) for n in range(self.days))
            offset = next((n for n, token in enumerate(tokens) if token == page), -1)
            if offset < 0:
                raise Refusal(400, _STALE_PAGE, "page")
        until = min(self.days, offset + self.limit)
        asked = [self.first + timedelta(days=n) for n in range(offset, until)]
        has_more = until < self.days
        next_page = _token(until, endpoint, minting, self.end) if has_more else None
        return as_object(
            {
                "object": '"page"',
                "has_more": json.dumps(has_more),
                "next_page": json.dumps(next_page),
                "data": f"[{', '.join(_bucket(day, results(day)) for day in asked)}]",
            }
        )


def as_object(fields: Mapping[str, object]) -> str:
    """A JSON object out of JSON texts: a number in them keeps each digit."""
    return "{" + ", ".join(f'"{name}": {text}' for name, text in fields.items()) + "}"


def _bucket(day: date, results: Iterable[str]) -> str:
    start, following = midnight(day), day + timedelta(days=1)
    fields = {"object": '"bucket"', "start_time": start, "end_time": midnight(following)}
    if day.toordinal() % 3:
        offset = "+00:00" if day.toordinal() % 2 else ""
        fields["start_time_iso"] = f'"{day}T00:00:00{offset}"'
        fields["end_time_iso"] = f'"{following}T00:00:00{offset}"'
    return as_object({**fields, "results": f"[{', '.join(results)}]"})


def _token(offset: int, *minting: object) -> str:
    digest = hashlib.blake2b(repr((offset, minting)).encode(), digest_size=18).digest()
    return f"page_{base64.urlsafe_b64encode(digest).decode()}"
