"""What a refusal of the API means: days and dimensions that it excludes, remedy, whether to retry.

Pure. The phrases and codes are those of OpenAI's published errors and of live replies.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta

from openai_costs_source.errors import OpenAICostsError

_HORIZON = re.compile(r"start date:?\s*(\d{4}-\d{2}-\d{2})")
_FIRST_MOMENT = re.compile(r"on or after (?:(\d{9,10})|(\d{4}-\d{2}-\d{2}))\b")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_MOST_DIMENSIONS = re.compile(
    r"(?:at most|up to|no more than|maximum of) (\d+|one|two|three|four)(?: \w+)? "
    r"(?:dimension|grouping|group_by|field|value|column)"
    r"|'group_by': array too long.* maximum length (\d+)",
    re.I | re.S,
)
_NUMBERS = {"one": 1, "two": 2, "three": 3, "four": 4}
_INVALID_VALUE = re.compile(r"invalid value:? ['\"`](\w+)['\"`]", re.I)
_IS_REFUSED = re.compile(r"group_by[\s=:]+(\w+) (?:is|are) (?:not|un)", re.I)
# A name in quotation marks, after `group_by`, or with an underscore: `model` may be a plain word.
_NAMES = re.compile(
    r"['\"`](\w+)['\"`]|group(?:ed|ing)?[_ ]by[\s=:]+(\w+)|\b([a-z]+_[a-z_]+)\b", re.I
)
_NEGATIVE = re.compile(r"\b(?:not|cannot|can't|un\w+|invalid|without)\b|n't\b", re.I)
_ONLY = re.compile(
    r"\bonly\b|(?:supported|allowed|accepted|available|valid|possible|permitted) values"
    r"|(?:must|should) be|expected one of|(?:are|is) (?:supported|allowed|available)",
    re.I,
)
_POSITION = re.compile(r"group_by\[(\d+)\]")
_ORGANIZATION = re.compile(r"\b(?:this|your|the) (?:organization|account)\b", re.I)
_MOST_IMPORTANT = ("project_id", "line_item", "model", "api_key_id", "user_id")
"""The dimensions to keep if the API limits their number, the most important first."""
_HOST = re.compile(r"\b(?:https://)?((?:[\w-]+\.)+openai\.com)\b")

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
_REMEDIES["billing_hard_limit_reached"] = _REMEDIES["insufficient_quota"]
_PERMANENT = ("not_found", "insufficient_quota", "billing_hard_limit_reached")
_NO_QUOTA = "exceeded your current quota"


def refused_dimensions(refusal: OpenAICostsError, group_by: Collection[str]) -> tuple[str, ...]:
    """The dimensions of the grouping that the refusal names as the problem; none if it is another.

    The position in `param` decides, then an invalid value, then the first sentence that names
    dimensions. Of a combination, the least important dimension is the problem: users that cannot
    be combined with projects, not the projects. If the API limits the number of dimensions, these
    are the least important ones.
    """
    param, message = refusal.param or "", refusal.message
    if param and not param.startswith("group_by"):
        refused = _IS_REFUSED.search(message)
        return tuple(name for name in (refused[1] if refused else "",) if name in group_by)
    if most := _MOST_DIMENSIONS.search(message):
        text = most[1] or most[2]
        number = _NUMBERS.get(text.lower()) or int(text)
        if number < len(group_by):
            return tuple(sorted(group_by, key=_importance)[number:])
    position = _POSITION.fullmatch(param)
    if position and int(position[1]) < len(group_by):
        return (tuple(group_by)[int(position[1])],)
    if (invalid := _INVALID_VALUE.search(message)) and invalid[1] in group_by:
        return (invalid[1],)
    for sentence in _SENTENCE_END.split(message):
        names = {name for match in _NAMES.findall(sentence) for name in match if name in group_by}
        if names and _ONLY.search(sentence) and not _NEGATIVE.search(sentence):
            return tuple(name for name in group_by if name not in names)
        if names:
            return (max(sorted(names), key=_importance),)
    if param and {"user_id", "project_id"} <= {*group_by}:
        return ("user_id",)
    return ()


def is_lasting(refusal: OpenAICostsError, dimension: str) -> bool:
    """Whether the organization or the API does not have the dimension, as opposed to a passing
    error: users cannot be combined with projects, a value is invalid, or a sentence says so."""
    return dimension == "user_id" or refusal.code == "invalid_value" or names_organization(refusal)


def names_organization(refusal: OpenAICostsError) -> bool:
    """Whether the refusal is about the organization, and so about all days."""
    return _ORGANIZATION.search(refusal.message) is not None


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

    OpenAI has named a Unix time, which need not be midnight.
    """
    named = _FIRST_MOMENT.search(refusal.message)
    if not named:
        return None
    if named[2]:
        try:
            return date.fromisoformat(named[2])
        except ValueError:
            return None
    first = datetime.fromtimestamp(int(named[1]), UTC)
    is_midnight = first.timestamp() % 86_400 == 0
    return first.date() if is_midnight else first.date() + timedelta(days=1)


def is_transient(status: int, code: str | None, message: str = "") -> bool:
    """Whether waiting can help. During outages, OpenAI has returned 404 for paths that exist."""
    is_permanent = code in _PERMANENT or _NO_QUOTA in message
    return status in (404, 408, 429, *range(500, 600)) and not is_permanent


def remedy(status: int, code: str | None, message: str, is_foreign: bool) -> str | None:
    """What to do about a refusal: by its code, else by its text, else by its status.

    `is_foreign`: its body is a text other than JSON, which the API does not send.
    """
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
    if _NO_QUOTA in message:
        return _REMEDIES["insufficient_quota"]
    if is_transient(status, code):
        return "This may be temporary: run again later."
    if is_foreign:
        return (
            "This reply is not from OpenAI's API, but from a proxy, a firewall or a block page in "
            "between: let it pass requests to this host."
        )
    is_about_key = "api key" in message.lower() or "unauthorized" in message.lower()
    return _REVOKED if status == 401 and is_about_key else None


PROXY_CREDENTIALS = (
    "The proxy requires a user and a password: set HTTPS_PROXY to http://USER:PASSWORD@HOST:PORT."
)


def _importance(dimension: str) -> int:
    named = dimension in _MOST_IMPORTANT
    return _MOST_IMPORTANT.index(dimension) if named else len(_MOST_IMPORTANT)
