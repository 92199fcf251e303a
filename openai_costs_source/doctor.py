"""What one key can read, asked of the API itself: findings, each with its remedy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from openai_costs_source.api.client import Client, OpenAICostsError, checked_key
from openai_costs_source.api.date_ranges import FIRST_DAY, ONE_DAY, Stretch, first_day_with_keys
from openai_costs_source.api.endpoint import Endpoint
from openai_costs_source.extract.listing_rows import read_listing
from openai_costs_source.extract.organization import Organization
from openai_costs_source.extract.usage import KINDS

RECENT_DAYS = 30
MAX_WAIT_SECONDS = 20
LARGEST_CLOCK_ERROR = timedelta(minutes=5)
_ADMINISTRATION = (
    "Set the key's Organization administration to read: until then ids stand in for names."
)


@dataclass(frozen=True)
class Finding:
    """`status`: ok; note, where OpenAI tells less than one might expect; warning, where a load is
    possible and lacks something; failed, where none is possible."""

    check: str
    status: str
    finding: str
    remedy: str | None = None
    key: int | None = None
    """Which one of several keys, counted from 1."""


def examine(key: str, base_url: str, today: date) -> Iterator[Finding]:
    """What is found of a key, the most basic first; ends where nothing more can be asked."""
    try:
        subject = "key"
        checked_key(key)
        subject = "settings"
        client = Client(key, base_url, MAX_WAIT_SECONDS)
    except OpenAICostsError as error:
        yield Finding(subject, "failed", error.said, error.remedy)
        return
    yield Finding("key", "ok", "It has the form of an admin key.")
    organization = Organization(client, today)
    try:
        organization.read_totals(Stretch(FIRST_DAY, today + ONE_DAY))
    except OpenAICostsError as error:
        yield Finding("costs", "failed", error.said, error.remedy)
        if error.is_missing_permission:
            # Each endpoint has a permission of its own.
            yield from _names(client)
        return
    yield Finding("costs", "ok", "The key reads them.")
    yield _whose(organization, today)
    yield from _names(client)
    yield _usage(client, today)
    yield _history(organization)
    earliest = min(organization.totals, default=today)
    if earliest == FIRST_DAY:
        earliest = organization.first_used or today
    yield _keys(organization, Stretch(earliest, today + ONE_DAY, ("project_id", "api_key_id")))
    yield _users(organization, Stretch(earliest, today + ONE_DAY, ("project_id", "user_id")))
    yield Finding(
        "detail",
        "note",
        "OpenAI tells costs by day, project, user, API key and line item: none by hour, request or "
        "tag, and none of Azure OpenAI, of ChatGPT seats or of a prepaid balance.",
        "To tell applications apart, give each its own project or API key.",
    )
    yield _clock(client)


def _whose(organization: Organization, today: date) -> Finding:
    name = organization.id_in_rows or organization.id_in_header
    if not name:
        return Finding(
            "organization",
            "warning",
            "OpenAI's replies do not name it.",
            "A gateway may be dropping the header openai-organization: let it pass, or several "
            "keys cannot load into one warehouse.",
        )
    called = f"{organization.name} ({name})" if organization.name else name
    recent = [organization.totals.get(today - ONE_DAY * n) for n in range(RECENT_DAYS)]
    if not any(recent):
        return Finding(
            "organization",
            "warning",
            f"The key opens {called}, which has had no costs for {RECENT_DAYS} days.",
            "If it should have some, the key is another organization's: choose the one that spends "
            "at https://platform.openai.com/settings/organization/general and create the key "
            "there. Costs lag usage by hours.",
        )
    return Finding("organization", "ok", f"The key opens {called}.")


def _names(client: Client) -> Iterator[Finding]:
    project_id = None
    listings = {
        "projects": "/organization/projects",
        "users": "/organization/users",
        "API keys": "/organization/projects/{project_id}/api_keys",
        "service accounts": "/organization/projects/{project_id}/service_accounts",
    }
    for check, path in listings.items():
        if "project_id" in path and not project_id:
            continue
        ids: dict[str, str] = (
            {"project_id": project_id} if project_id and "project_id" in path else {}
        )
        try:
            listed = client.listing(path, read_listing, {}, ids)
            # An archived project may refuse to tell its keys.
            first = next((each for each in listed if each.get("status") != "archived"), None)
        except OpenAICostsError as error:
            remedy = _ADMINISTRATION if error.is_missing_permission else error.remedy
            yield Finding(check, "warning", error.said, remedy)
            continue
        if check == "projects" and first:
            project_id = first["id"]
        yield Finding(check, "ok", "The key reads their names.")


def _usage(client: Client, today: date) -> Finding:
    refusals: dict[str, OpenAICostsError] = {}
    for kind in KINDS:
        endpoint = Endpoint(client, today, kind.path, kind.read, 1, final=(404,))
        try:
            refusal = endpoint.refusal(Stretch(today - ONE_DAY, today))
        except OpenAICostsError as error:
            refusal = error
        if refusal:
            refusals[kind.name] = refusal
    if not refusals:
        return Finding("usage", "ok", "The key reads all kinds.")
    first = next(iter(refusals.values()))
    left_out = ", ".join(refusals)
    remedy = first.remedy or "The load leaves them out; costs are complete without them."
    return Finding("usage", "warning", f"It cannot be read of {left_out}. {first.said}", remedy)


def _history(organization: Organization) -> Finding:
    earliest = organization.endpoint.earliest_day
    if not earliest:
        return Finding("history", "ok", "OpenAI sets no limit to how far back costs can be read.")
    return Finding(
        "history",
        "ok",
        f"OpenAI tells costs from {earliest} on, and each day forgets one more.",
        "Load before days are forgotten; what is loaded stays.",
    )


def _keys(organization: Organization, stretch: Stretch) -> Finding:
    refusal = organization.endpoint.refusal(stretch)
    if not refusal:
        return Finding("costs by API key", "ok", "OpenAI tells them for the whole history.")
    first = first_day_with_keys(str(refusal))
    told = f"OpenAI tells them from {first} on." if first else refusal.said
    return Finding(
        "costs by API key",
        "note",
        told,
        "Earlier days load without keys, with project, user and line item." if first else None,
    )


def _users(organization: Organization, stretch: Stretch) -> Finding:
    apart = "Users of the other days come in an answer of their own, in costs_by_user."
    if not organization.endpoint.refusal(stretch):
        return Finding("costs by user", "ok", "OpenAI tells them within each project.")
    newest = Stretch(stretch.until - ONE_DAY, stretch.until, stretch.group_by)
    if not organization.endpoint.refusal(newest):
        told = "OpenAI tells them within each project, for part of the history."
        return Finding("costs by user", "note", told, apart)
    told = "OpenAI does not tell this organization's users within its projects."
    return Finding("costs by user", "note", told, apart.replace("of the other days ", ""))


def _clock(client: Client) -> Finding:
    if client.clock_error is None:
        return Finding("clock", "note", "OpenAI's replies do not tell the time.")
    seconds = round(abs(client.clock_error).total_seconds())
    if abs(client.clock_error) > LARGEST_CLOCK_ERROR:
        direction = "ahead of" if client.clock_error > timedelta(0) else "behind"
        return Finding(
            "clock",
            "warning",
            f"This machine's is {seconds:,} s {direction} OpenAI's.",
            "Set it right: around midnight a day that is not over could be taken for closed.",
        )
    return Finding("clock", "ok", f"This machine's and OpenAI's are within {seconds + 1} s.")
