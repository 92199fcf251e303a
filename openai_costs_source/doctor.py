"""Checks what an admin key can read, by requests to the API: findings, with remedies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

from openai_costs_source.api.client import Client, Observe
from openai_costs_source.api.credentials import checked_key
from openai_costs_source.api.date_ranges import (
    BY_USER,
    FIRST_DAY,
    GROUP_BY,
    ONE_DAY,
    DateRange,
)
from openai_costs_source.api.endpoint import Endpoint
from openai_costs_source.api.usage_kinds import USAGE_KINDS
from openai_costs_source.errors import OpenAICostsError
from openai_costs_source.extract.listing_rows import read_listing
from openai_costs_source.extract.organization import Organization

RECENT_DAYS = 30
MAX_WAIT_SECONDS = 20
LARGEST_CLOCK_ERROR = timedelta(minutes=5)
_SUBJECTS = {
    "project_id": "project",
    "user_id": "user",
    "api_key_id": "API key",
    "line_item": "line item",
    "api_source": "API source",
}
_ADMINISTRATION_REMEDY = (
    "Set the key's Organization administration to read: until then, ids are shown instead of names."
)


@dataclass(frozen=True)
class Finding:
    """The result of one check of a key.

    `status` is `ok`, `note` (OpenAI returns less than one might expect), `warning` (a load is
    possible but incomplete) or `failed` (no load is possible).
    """

    check: str
    status: str
    finding: str
    remedy: str | None = None
    key: int | None = None
    """The number of the key, from 1, if several keys are checked."""


def check_key(
    key: str,
    base_url: str,
    today: date,
    group_by: tuple[str, ...] = GROUP_BY,
    observe: Observe | None = None,
) -> Iterator[Finding]:
    """Yield the findings of a key, the most basic first, until no further check is possible.

    `group_by` are the dimensions that a load requests. `observe` is called with each reply of the
    API.
    """
    try:
        subject = "key"
        checked_key(key)
        subject = "settings"
        client = Client(key, base_url, MAX_WAIT_SECONDS)
        client.observe = observe
    except OpenAICostsError as error:
        yield Finding(subject, "failed", error.message, error.remedy)
        return
    yield Finding("key", "ok", "It has the format of an admin key.")
    organization = Organization(client, today)
    try:
        organization.read_totals(DateRange(FIRST_DAY, today + ONE_DAY))
        earliest = min(organization.totals, default=today)
        if earliest == FIRST_DAY:
            earliest = organization.first_used or today
        # The requests of a load, with the same decisions about what the API refuses.
        history = DateRange(earliest, today + ONE_DAY, group_by)
        requests = organization.discover_limits(history)
        dimensions = list(_dimensions(organization, requests, group_by))
    except OpenAICostsError as error:
        yield Finding("costs", "failed", error.message, error.remedy)
        if error.is_missing_permission:
            # Each endpoint has its own permission.
            yield from _names(client)
        return
    yield Finding("costs", "ok", "The key can read them.")
    yield _identity(organization, today)
    yield from _names(client)
    yield _usage(client, today, group_by)
    yield _history(organization)
    yield from dimensions
    yield Finding(
        "detail",
        "note",
        "OpenAI returns costs by day, project, user, API key and line item, but not by hour, "
        "request or tag, and not those of Azure OpenAI, ChatGPT seats or a prepaid balance.",
        "To distinguish applications, give each its own project or API key.",
    )
    yield _clock(client)


def _identity(organization: Organization, today: date) -> Finding:
    name = organization.id_in_rows or organization.id_in_header
    if not name:
        return Finding(
            "organization",
            "warning",
            "OpenAI's replies do not name the organization.",
            "A gateway may be dropping the header openai-organization: let it pass, or several "
            "keys cannot load into one warehouse.",
        )
    label = f"{organization.name} ({name})" if organization.name else name
    days = [today - ONE_DAY * n for n in range(RECENT_DAYS)]
    recent = [amount for day in days for amount in organization.totals.get(day, {}).values()]
    if not any(recent):
        return Finding(
            "organization",
            "warning",
            f"The key belongs to {label}, which has had no costs for {RECENT_DAYS} days.",
            "If it should have some, the key is another organization's: choose the one that spends "
            "at https://platform.openai.com/settings/organization/general and create the key "
            "there. Costs lag usage by hours.",
        )
    return Finding("organization", "ok", f"The key belongs to {label}.")


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
            objects = client.listing(path, read_listing, {}, ids)
            # An archived project may refuse to list its keys.
            first = next((row for row in objects if row.get("status") != "archived"), None)
        except OpenAICostsError as error:
            remedy = _ADMINISTRATION_REMEDY if error.is_missing_permission else error.remedy
            yield Finding(check, "warning", error.message, remedy)
            continue
        if check == "projects" and first:
            project_id = first["id"]
        yield Finding(check, "ok", "The key can read their names.")


def _usage(client: Client, today: date, group_by: tuple[str, ...]) -> Finding:
    refusals: dict[str, OpenAICostsError] = {}
    without: dict[str, list[str]] = {}
    for kind in USAGE_KINDS:
        endpoint = Endpoint(client, today, kind.path, kind.read, 1, final=(404,))
        try:
            yesterday = DateRange(today - ONE_DAY, today, kind.group_by(group_by))
            list(endpoint.first_pages(yesterday))
        except OpenAICostsError as error:
            refusals[kind.name] = error
        for name in endpoint.refusals:
            without.setdefault(name, []).append(kind.name)
    if refusals:
        first = next(iter(refusals.values()))
        kinds = ", ".join(refusals)
        remedy = first.remedy or "The load skips them; costs are complete without them."
        finding = f"These cannot be read: {kinds}. {first.message}"
        return Finding("usage", "warning", finding, remedy)
    if without:
        missing = "; ".join(f"{name} in {', '.join(kinds)}" for name, kinds in without.items())
        finding = f"The key can read all kinds, but OpenAI does not return {missing}."
        return Finding("usage", "note", finding, "The load requests them without these dimensions.")
    return Finding("usage", "ok", "The key can read all kinds.")


def _history(organization: Organization) -> Finding:
    earliest = organization.endpoint.earliest_day
    if not earliest:
        return Finding("history", "ok", "OpenAI sets no limit to how far back costs can be read.")
    return Finding(
        "history",
        "ok",
        f"OpenAI returns costs from {earliest} on. That day moves forward each day.",
        "Load before OpenAI drops more days: the warehouse keeps the days that were loaded.",
    )


def _dimensions(
    organization: Organization, requests: list[DateRange], group_by: tuple[str, ...]
) -> Iterator[Finding]:
    """Yield for each dimension whether the requests of a load contain it."""
    refusals = organization.endpoint.refusals
    for name in group_by:
        check = f"costs by {_SUBJECTS[name]}"
        without = [request for request in requests if name not in request.group_by]
        days = [request.since for request in requests if name in request.group_by]
        if not without:
            yield Finding(check, "ok", "OpenAI returns them for the whole history.")
        elif name == "user_id":
            yield _users(check, organization, without, is_always=not days)
        elif not days:
            finding = f"OpenAI does not return them. {refusals[name].message}"
            yield Finding(check, "note", finding, "Costs load without this dimension.")
        elif without[-1].until <= min(days):
            finding = f"OpenAI returns them from {min(days)} on."
            yield Finding(check, "note", finding, "Earlier days load without this dimension.")
        else:
            ranges = ", ".join(map(str, without))
            finding = f"OpenAI returns them, but not for {ranges}."
            yield Finding(check, "note", finding, "These days load without this dimension.")


def _users(
    check: str, organization: Organization, without: list[DateRange], is_always: bool
) -> Finding:
    """Return whether the days without users within projects have users separately."""
    separately = [replace(request, group_by=BY_USER) for request in without]
    found = [request for each in separately for request in organization.discover_limits(each)]
    if not all("user_id" in request.group_by for request in found):
        finding = (
            f"OpenAI does not return them. {organization.endpoint.refusals['user_id'].message}"
        )
        remedy = "Costs are attributed to the owners of API keys."
        return Finding(check, "note", finding, remedy)
    if is_always:
        finding = "OpenAI does not return this organization's users within its projects."
        remedy = "Users are loaded separately, into costs_by_user."
    else:
        finding = "OpenAI returns them within each project, for part of the history."
        remedy = "Users of the other days are loaded separately, into costs_by_user."
    return Finding(check, "note", finding, remedy)


def _clock(client: Client) -> Finding:
    if client.clock_error is None:
        return Finding("clock", "note", "OpenAI's replies have no time to compare with.")
    seconds = round(abs(client.clock_error).total_seconds())
    if abs(client.clock_error) > LARGEST_CLOCK_ERROR:
        direction = "ahead of" if client.clock_error > timedelta(0) else "behind"
        return Finding(
            "clock",
            "warning",
            f"This machine's clock is {seconds:,} s {direction} OpenAI's.",
            "Correct it: around midnight, a day that is not over could be stored as closed.",
        )
    return Finding("clock", "ok", f"This machine's and OpenAI's are within {seconds + 1} s.")
