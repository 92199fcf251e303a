"""Pages of daily buckets, in which the API returns both costs and usage."""

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta

from openai_costs_source.simulator.organization import Organization
from openai_costs_source.simulator.query import Query, Refusal
from openai_costs_source.simulator.unix_time import midnight

_LATEST = midnight(date.max)
_STALE_PAGE = "The page token is invalid, have you modified the query parameters?"


class BucketRequest:
    """A request for daily buckets, validated.

    `limit` may be up to `largest_limit`; a page holds at most `days_per_page`, whatever the limit.
    """

    PARAMETERS = ("start_time", "end_time", "bucket_width", "limit", "page")

    def __init__(
        self, query: Query, organization: Organization, largest_limit: int, days_per_page: int
    ) -> None:
        self.query = query
        tomorrow = midnight(organization.today + timedelta(days=1))
        self.start = query.integer("start_time", None, 0, _LATEST)
        self.end = query.integer("end_time", tomorrow, 0, _LATEST)
        self.limit = min(query.integer("limit", 7, 1, largest_limit), days_per_page)
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
        """Return the requested page as JSON; `results` returns the JSON texts of a day's rows."""
        values = self.query.values
        # A token is valid only for the query that created it, after the default of end_time.
        query = {name: values[name] for name in sorted(values) if name != "page"}
        offset = 0
        if page := self.query.one("page", ""):
            tokens = (_token(n, endpoint, query, self.end) for n in range(self.days))
            offset = next((n for n, token in enumerate(tokens) if token == page), -1)
            if offset < 0:
                raise Refusal(400, _STALE_PAGE, "page")
        until = min(self.days, offset + self.limit)
        days = [self.first + timedelta(days=n) for n in range(offset, until)]
        has_more = until < self.days
        next_page = _token(until, endpoint, query, self.end) if has_more else None
        return json_object(
            {
                "object": '"page"',
                "has_more": json.dumps(has_more),
                "next_page": json.dumps(next_page),
                "data": f"[{', '.join(_bucket(day, results(day)) for day in days)}]",
            }
        )


def json_object(fields: Mapping[str, object]) -> str:
    """Return a JSON object made of JSON texts, so that numbers keep every digit."""
    return "{" + ", ".join(f'"{name}": {text}' for name, text in fields.items()) + "}"


def _bucket(day: date, results: Iterable[str]) -> str:
    start, following = midnight(day), day + timedelta(days=1)
    fields = {"object": '"bucket"', "start_time": start, "end_time": midnight(following)}
    if day.toordinal() % 3:
        offset = "+00:00" if day.toordinal() % 2 else ""
        fields["start_time_iso"] = f'"{day}T00:00:00{offset}"'
        fields["end_time_iso"] = f'"{following}T00:00:00{offset}"'
    return json_object({**fields, "results": f"[{', '.join(results)}]"})


def _token(offset: int, *query: object) -> str:
    digest = hashlib.blake2b(repr((offset, query)).encode(), digest_size=18).digest()
    return f"page_{base64.urlsafe_b64encode(digest).decode()}"
