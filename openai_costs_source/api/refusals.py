"""What a refusal of the API means: days and dimensions that it excludes, remedy, whether to retry.

Pure. The phrases and codes are those of OpenAI's published errors and of live replies.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta

from openai_costs_source.errors import OpenAICostsError

_HORIZON = re.compile(r"start date:?\s*(\d{4}-\d{2}-\d{2})")
_FIRST_MOMENT = re.compile(r"on or after (\d{9,11})")
# After the invalid value, a message may list all valid ones.
_VALID_VALUES = re.compile(
    r"(?:supported|allowed|accepted|valid|possible) values|(?:must be|expected) one of", re.I
)
_MOST_DIMENSIONS = re.compile(
    r"(?:at most|up to|no more than|maximum(?: length)?(?: of)?) (\d+|one|two|three|four)\b", re.I
)
_NUMBERS = {"one": 1, "two": 2, "three": 3, "four": 4}
# A name in quotation marks, after `group_by`, or with an underscore: `model` may be a plain word.
_NAMES = re.compile(r"['\"`](\w+)['\"`]|group(?:ed|ing)?[_ ]by[\s=:]+(\w+)|\b([a-z]+_[a-z_]+)\b")
_POSITION = re.compile(r"group_by\[(\d+)\]")
_MOST_IMPORTANT = ("project_id", "line_item", "model", "api_key_id", "user_id")
"""The dimensions to keep if the API limits their number, the most important first."""
_HOST = re.compile(r"request(?:s)? to (?:https://)?((?:[\w-]+\.)*openai\.com)\b")

_REVOKED = "It was revoked or is mistyped: create a new admin key, or correct OPENAI_ADMIN_KEY."
_REMEDIES = {
    "invalid_api_key": _REVOKED,
    "ip_not_authorized": (
        "The organization allows listed IP addresses only: run from one of these, or let an "
        "Organization Owner add this machine's public address."
    ),
    "organization_membership_required": (
        "Whoever created the key must be a member of the organization: add them again, or let an "
        "Organization Owner create a new admin key."
    ),
    "insufficient_quota": (
        "Waiting does not help: check the organization's plan and credit at "
        "https://platform.openai.com/settings/organization/billing."
    ),
    "unsupported_country_region_territory": (
        "OpenAI does not serve the region of this machine's public address: run in another one."
    ),
}
_PERMANENT = ("not_found", "insufficient_quota")


def refused_dimensions(refusal: OpenAICostsError, group_by: Collection[str]) -> tuple[str, ...]:
    """The dimensions of the grouping that the refusal names as the problem; none if it is another.

    Users that cannot be combined with projects are the problem, not the projects. If the API limits
    the number of dimensions, these are the least important ones.
    """
    problem = _VALID_VALUES.split(refusal.message)[0]
    param = refusal.param or ""
    if "group" in f"{problem} {param}".lower() and (most := _MOST_DIMENSIONS.search(problem)):
        number = _NUMBERS.get(most[1].lower()) or int(most[1])
        if number < len(group_by):
            kept = sorted(group_by, key=_importance)[:number]
            return tuple(name for name in group_by if name not in kept)
    names = [name for match in _NAMES.findall(problem) for name in match if name in group_by]
    if {"user_id", "project_id"} <= {*names}:
        return ("user_id",)
    if names:
        return (names[0],)
    if (position := _POSITION.fullmatch(param)) and int(position[1]) < len(group_by):
        return (tuple(group_by)[int(position[1])],)
    if param.removesuffix("[]") == "group_by" and {"user_id", "project_id"} <= {*group_by}:
        return ("user_id",)
    return ()


def earliest_day(refusal: OpenAICostsError) -> date | None:
    """The first day of the API's history, if the refusal names it."""
    horizon = None
    if refusal.code == "reporting_lookback_exceeded":
        horizon = _HORIZON.search(refusal.message)
    try:
        return date.fromisoformat(horizon[1]) if horizon else None
    except ValueError:
        return None


def first_day_of_dimension(refusal: OpenAICostsError) -> date | None:
    """The first whole day for which the API returns the refused dimension, if the refusal names it.

    OpenAI names a Unix time, which need not be midnight.
    """
    moment = _FIRST_MOMENT.search(refusal.message)
    if not moment:
        return None
    first = datetime.fromtimestamp(int(moment[1]), UTC)
    is_midnight = first.timestamp() % 86_400 == 0
    return first.date() if is_midnight else first.date() + timedelta(days=1)


def is_transient(status: int, code: str | None) -> bool:
    """Whether waiting can help. During outages, OpenAI has returned 404 for paths that exist."""
    return status in (404, 408, 429, *range(500, 600)) and code not in _PERMANENT


def remedy(status: int, code: str | None, message: str, is_json: bool) -> str | None:
    """What to do about a refusal: by its code, else by its text, else by its status."""
    if code == "incorrect_hostname":
        named = _HOST.search(message)
        url = f"https://{named[1]}/v1" if named else "the address of the host that OpenAI names"
        return f"Set OPENAI_BASE_URL to {url}."
    if code in _REMEDIES:
        return _REMEDIES[code]
    if "insufficient permissions" in message.lower():
        return (
            "The key needs the Usage API scope and Organization administration set to read, and "
            "whoever created it must still be an Organization Owner."
        )
    if status == 407:
        return PROXY_CREDENTIALS
    if is_transient(status, code):
        return "This may be temporary: run again later."
    if not is_json:
        return (
            "This reply is not from OpenAI's API, but from a proxy, a firewall or a block page in "
            "between: let it pass requests to this host."
        )
    return _REVOKED if status == 401 and "api key" in message.lower() else None


PROXY_CREDENTIALS = (
    "The proxy requires a user and a password: set HTTPS_PROXY to http://USER:PASSWORD@HOST:PORT."
)


def _importance(dimension: str) -> int:
    named = dimension in _MOST_IMPORTANT
    return _MOST_IMPORTANT.index(dimension) if named else len(_MOST_IMPORTANT)
