"""Unusual replies that were observed on live APIs, by name in `FAILURE_MODES`.

A failure mode takes a request and the reply that it would get, and returns the reply that it gets
instead. `restated`, `credits` and `usage-lost` change charges instead of replies. The command's
option `--trap` takes the names.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from functools import wraps
from typing import Any

from openai_costs_source.simulator.charges import Charge
from openai_costs_source.simulator.organization import Organization
from openai_costs_source.simulator.server import Reply
from openai_costs_source.simulator.unix_time import midnight
from openai_costs_source.simulator.usage_kinds import KINDS


@dataclass(frozen=True)
class Request:
    """A request; `number` counts the server's requests from 0."""

    number: int
    path: str
    query: Mapping[str, list[str]]
    organization: Organization

    @property
    def group_by(self) -> list[str]:
        return self.query.get("group_by", self.query.get("group_by[]", []))

    @property
    def start_time(self) -> int:
        return int(self.query["start_time"][0])

    def day(self, days_ago: int) -> date:
        return self.organization.today - timedelta(days=days_ago)


LOST_MODEL = "gpt-5.6-sol"
LOST_DAYS_AGO = 10

FailureMode = Callable[[Request, Reply], Reply]
_Page = dict[str, Any]

_REPORTS = ("/costs", *(f"/usage/{kind}" for kind in KINDS))
_NO_PERMISSION = (
    "You have insufficient permissions for this operation. Missing scopes: {}. Check that you have "
    "the correct role in your organization."
)


def _refused(status: int, message: str, param: str | None = None, code: str | None = None) -> Reply:
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return Reply(status, json.dumps({"error": error}), {"Content-Type": "application/json"})


def _costs(mode: FailureMode) -> FailureMode:
    """Limit a failure mode to requests for costs."""

    @wraps(mode)
    def on_costs(request: Request, reply: Reply) -> Reply:
        return mode(request, reply) if request.path.endswith("/costs") else reply

    return on_costs


def _pages(change: Callable[[Request, _Page], None]) -> FailureMode:
    """Return the failure mode that changes each page of costs in place."""

    @wraps(change)
    def on_pages(request: Request, reply: Reply) -> Reply:
        if not request.path.endswith("/costs") or reply.status != 200:
            return reply
        page = json.loads(reply.body, parse_float=str)
        change(request, page)
        return replace(reply, body=json.dumps(page))

    return on_pages


def _results(page: _Page) -> Iterator[dict[str, Any]]:
    return (result for bucket in page["data"] for result in bucket["results"])


def _users_apart_before(days_ago: int) -> FailureMode:
    @_costs
    def mode(request: Request, reply: Reply) -> Reply:
        if not {"user_id", "project_id"} <= set(request.group_by):
            return reply
        if request.start_time >= midnight(request.day(days_ago)):
            return reply
        return _refused(400, "group_by user_id cannot be combined with project_id.", "group_by")

    return mode


@_costs
def _key_floor(request: Request, reply: Reply) -> Reply:
    floor = midnight(request.day(20))
    if "api_key_id" not in request.group_by or request.start_time >= floor:
        return reply
    message = (
        "group_by=api_key_id is not available for this time range. "
        f"Try a start_time on or after {floor}."
    )
    return _refused(400, message, "start_time")


def _no_api_keys(request: Request, reply: Reply) -> Reply:
    if request.path.endswith(_REPORTS) and "api_key_id" in request.group_by:
        message = "group_by=api_key_id is not available for this organization."
        return _refused(400, message, "group_by")
    return reply


def _no_service_tier(request: Request, reply: Reply) -> Reply:
    if "service_tier" not in request.group_by:
        return reply
    position = request.group_by.index("service_tier")
    message = (
        "Invalid value: 'service_tier'. Supported values are: 'project_id', 'user_id', "
        "'api_key_id', 'model', and 'batch'."
    )
    return _refused(400, message, f"group_by[{position}]", "invalid_value")


@_costs
def _two_dimensions(request: Request, reply: Reply) -> Reply:
    if len(request.group_by) <= 2:
        return reply
    return _refused(400, "You can group by at most 2 dimensions.", "group_by")


@_costs
def _horizon_on_a_later_page(request: Request, reply: Reply) -> Reply:
    earliest = request.organization.earliest + timedelta(days=1)
    if "page" not in request.query or request.start_time >= midnight(earliest):
        return reply
    return _refused(
        400,
        "Usage and cost data are available for the past year. Earliest supported start date: "
        f"{earliest} (UTC).",
        code="reporting_lookback_exceeded",
    )


@_pages
def _missing_amounts(request: Request, page: _Page) -> None:
    for result in _results(page):
        if float(result["amount"]["value"]) == 0:
            del result["amount"]


@_pages
def _unknown_units(request: Request, page: _Page) -> None:
    for n, result in enumerate(_results(page)):
        result["quantity_unit"] = ("parsecs", None, "Zeichen")[n % 3]
        if n % 3 == 1:
            result["quantity"] = None


@_pages
def _no_extras(request: Request, page: _Page) -> None:
    for bucket in page["data"]:
        for name in ("start_time_iso", "end_time_iso"):
            bucket.pop(name, None)
    for result in _results(page):
        for name in ("organization_id", "organization_name", "project_name", "user_email"):
            result.pop(name, None)


def _no_header(request: Request, reply: Reply) -> Reply:
    kept = {k: v for k, v in reply.headers.items() if k != "openai-organization"}
    return replace(reply, headers=kept)


@_pages
def _today_is_missing(request: Request, page: _Page) -> None:
    today = midnight(request.day(0))
    page["data"] = [bucket for bucket in page["data"] if bucket["start_time"] < today]


@_pages
def _day_is_missing(request: Request, page: _Page) -> None:
    day = midnight(request.day(4))
    page["data"] = [bucket for bucket in page["data"] if bucket["start_time"] != day]


@_pages
def _row_is_missing(request: Request, page: _Page) -> None:
    for bucket in page["data"]:
        if request.group_by and bucket["start_time"] == midnight(request.day(4)):
            bucket["results"].pop(0)


@_pages
def _buckets_in_no_order(request: Request, page: _Page) -> None:
    page["data"].reverse()
    for bucket in page["data"]:
        bucket["results"].reverse()


@_costs
def _pages_without_end(request: Request, reply: Reply) -> Reply:
    if request.query.get("page", [""])[0].startswith("beyond"):
        page: _Page = {"object": "page", "data": []}
        reply = replace(reply, status=200)
    elif reply.status != 200:
        return reply
    else:
        page = json.loads(reply.body, parse_float=str)
        if page["has_more"]:
            return reply
    page |= {"has_more": True, "next_page": f"beyond {request.number}"}
    return replace(reply, body=json.dumps(page))


@_pages
def _more_without_a_token(request: Request, page: _Page) -> None:
    page |= {"has_more": True, "next_page": None}


@_costs
def _same_token_again(request: Request, reply: Reply) -> Reply:
    if "page" not in request.query:
        body = json.loads(reply.body, parse_float=str) | {"has_more": True, "next_page": "again"}
        return replace(reply, body=json.dumps(body)) if reply.status == 200 else reply
    day = {"object": "bucket", "start_time": 0, "end_time": 86400, "results": []}
    page = {"object": "page", "data": [day], "has_more": True, "next_page": "again"}
    return replace(reply, status=200, body=json.dumps(page))


def _missing_scope(scope: str, status: int, *ends: str) -> FailureMode:
    """Return the failure mode that refuses paths with one of these ends, or without ends, all."""

    def mode(request: Request, reply: Reply) -> Reply:
        refused = not ends or request.path.endswith(ends)
        return _refused(status, _NO_PERMISSION.format(scope)) if refused else reply

    return mode


def _revoked_key(request: Request, reply: Reply) -> Reply:
    return _refused(401, "Incorrect API key provided: sk-a***min.", code="invalid_api_key")


def _always(status: int, message: str, code: str) -> FailureMode:
    """Return the failure mode that refuses each request with this error."""
    return lambda request, reply: _refused(status, message, code=code)


def _blocked(request: Request, reply: Reply) -> Reply:
    page = "<html><head><title>Attention Required! | Cloudflare</title></head></html>"
    return Reply(403, page, {"Content-Type": "text/html"})


def _other_organization(request: Request, reply: Reply) -> Reply:
    if not request.path.endswith(_REPORTS) or reply.status != 200:
        return reply
    page = json.loads(reply.body)
    for bucket in page["data"]:
        bucket["results"] = []
    headers = {**reply.headers, "openai-organization": "org-demo-empty"}
    return replace(reply, body=json.dumps(page), headers=headers)


def _rate_limit(request: Request, reply: Reply) -> Reply:
    if request.number % 4:
        return reply
    return replace(_refused(429, "Rate limit reached."), headers={"Retry-After": "1"})


def _rate_limit_without_seconds(request: Request, reply: Reply) -> Reply:
    return reply if request.number % 4 else _refused(429, "Rate limit reached.")


@_costs
def _outage(request: Request, reply: Reply) -> Reply:
    if request.number % 3 == 0:
        return _refused(404, "Not found.")
    return Reply(502, "<html>Bad gateway</html>") if request.number % 3 == 1 else reply


def _captive_portal(request: Request, reply: Reply) -> Reply:
    return Reply(200, "<html>Welcome! Log in to go on.</html>", {"Content-Type": "text/html"})


@_costs
def _body_is_cut(request: Request, reply: Reply) -> Reply:
    return replace(reply, body=reply.body[: len(reply.body) // 2])


def _no_usage_kind(request: Request, reply: Reply) -> Reply:
    if request.path.endswith("/usage/moderations"):
        return _refused(403, _NO_PERMISSION.format("api.usage.read"))
    if request.path.endswith("/usage/decisions"):
        return _refused(404, f"Invalid URL (GET {request.path})")
    return reply


def _unchanged(request: Request, reply: Reply) -> Reply:
    """Return the reply as it is: this failure mode changes charges."""
    return reply


FAILURE_MODES: Mapping[str, FailureMode] = {
    "users-apart": _users_apart_before(-1),
    "users-apart-before": _users_apart_before(20),
    "key-floor": _key_floor,
    "no-api-keys": _no_api_keys,
    "no-service-tier": _no_service_tier,
    "two-dimensions": _two_dimensions,
    "horizon-on-a-later-page": _horizon_on_a_later_page,
    "missing-amounts": _missing_amounts,
    "unknown-units": _unknown_units,
    "no-extras": _no_extras,
    "no-header": _no_header,
    "restated": _unchanged,
    "credits": _unchanged,
    "usage-lost": _unchanged,
    "no-usage-kind": _no_usage_kind,
    "today-is-missing": _today_is_missing,
    "day-is-missing": _day_is_missing,
    "row-is-missing": _row_is_missing,
    "buckets-in-no-order": _buckets_in_no_order,
    "pages-without-end": _pages_without_end,
    "more-without-a-token": _more_without_a_token,
    "same-token-again": _same_token_again,
    "ordinary-key": _missing_scope("api.usage.read", 403),
    "ordinary-key-401": _missing_scope("api.usage.read", 401),
    "no-usage-scope": _missing_scope("api.usage.read", 403, *_REPORTS),
    "no-management-scope": _missing_scope(
        "api.management.read",
        403,
        *("/projects", "/users", "/api_keys", "/spend_limit", "/spend_alerts"),
    ),
    "revoked-key": _revoked_key,
    "incorrect-hostname": _always(
        401, "Please make your request to us.api.openai.com", "incorrect_hostname"
    ),
    "ip-not-authorized": _always(
        401, "Your IP address is not authorized to access this resource.", "ip_not_authorized"
    ),
    "no-membership": _always(
        401,
        "You must be a member of an organization to use the API.",
        "organization_membership_required",
    ),
    "no-quota": _always(
        429,
        "You exceeded your current quota, please check your plan and billing details.",
        "insufficient_quota",
    ),
    "blocked": _blocked,
    "other-organization": _other_organization,
    "rate-limit": _rate_limit,
    "rate-limit-without-seconds": _rate_limit_without_seconds,
    "outage": _outage,
    "captive-portal": _captive_portal,
    "body-is-cut": _body_is_cut,
}


def restated_days(organization: Organization) -> dict[date, list[Charge]]:
    """Return closed days as `restated` changes them: emptied, shortened, corrected."""
    days = {ago: organization.today - timedelta(days=ago) for ago in (2, 5, 9)}
    first, *others = organization.charges(days[9])
    return {
        days[2]: [],
        days[5]: organization.charges(days[5])[1::2],
        days[9]: [first._replace(amount=first.amount + 1), *others],
    }


def credited_days(organization: Organization) -> dict[date, list[Charge]]:
    """Return days with negative rows, as `credits` adds them: with and without a project."""
    days = {ago: organization.today - timedelta(days=ago) for ago in (3, 12, 40)}
    charges = {day: organization.charges(day) for day in days.values()}
    grant = Charge(None, None, None, "promotional credit", Decimal("-250"), None, None)
    refund = Charge(
        "proj_studio", None, None, "dall-e-2, output", Decimal("-12.345678901234567891"), None, None
    )
    return {
        days[3]: [*charges[days[3]], refund],
        days[12]: [*charges[days[12]], grant],
        days[40]: [*charges[days[40]], grant._replace(amount=Decimal("-0.000000000000000001"))],
    }


def charges_with_lost_usage(
    organization: Organization, kind: str, day: date, charges: list[Charge]
) -> list[Charge]:
    """Return the charges that usage is derived from under `usage-lost`: on one closed day, a tenth
    of the input of one busy model is missing.
    """
    if kind != "completions" or (organization.today - day).days != LOST_DAYS_AGO:
        return charges
    lost = (f"{LOST_MODEL}, input", f"{LOST_MODEL}, cached input")
    return [
        charge._replace(quantity=charge.quantity - charge.quantity // 10)
        if charge.quantity and charge.line_item in lost
        else charge
        for charge in charges
    ]
