"""The objects that the API lists: projects, people, service accounts, keys, limits and alerts."""

from datetime import date, timedelta
from typing import Any

from openai_costs_source.simulator.noise import noise
from openai_costs_source.simulator.unix_time import midnight
from openai_costs_source.simulator.workloads import SERVICE_ACCOUNTS, WORKLOADS, Workload

Listed = dict[str, Any]
"""One object of a listing, as JSON."""

# id; name; residency; archived
_PROJECTS = """
    storefront; Storefront assistant; GLOBAL;
    support;    Support desk;         GLOBAL;
    search;     Search and ranking;   US_STORAGE_PROCESSING;
    studio;     Image studio;         GLOBAL;
    europe;     Europe;               EU_STORAGE_PROCESSING;
    prototype;  Chat prototype 2025;  GLOBAL; archived
"""
_PEOPLE = """
    Amara Osei; Bruno Carvalho; Chiara Bellini; Dmitri Volkov; Elif Demir; Farid Haddad;
    Greta Lindqvist; Hugo Lefèvre; Ines Duarte; Jonas Weber; Kavya Raman; Liam O'Connor;
    Mei Tanaka; Noah Stein; Olga Marczak
"""
_OWNERS = ("user-amara", "user-greta")

# The project, empty for the whole organization; kind; dollars a month
_BUDGETS = """
    ;           limit; 60000
    ;           alert; 30000
    ;           alert; 45000
    storefront; alert; 15000
    studio;     limit; 9000
"""


def projects(today: date) -> list[Listed]:
    """Return all projects, archived ones too."""
    return [_project(today, *row) for row in _table(_PROJECTS)]


def people() -> list[Listed]:
    """Return everybody who was ever billed, deleted people too."""
    return [_user(name.strip()) for name in _PEOPLE.split(";")]


def service_accounts() -> dict[str, list[Listed]]:
    """Return the service accounts by project id."""
    accounts: dict[str, list[Listed]] = {f"proj_{slug}": [] for slug, *_ in _table(_PROJECTS)}
    for slug, project in SERVICE_ACCOUNTS.items():
        accounts[f"proj_{project}"].append(_service_account(slug))
    return accounts


def api_keys(owners: list[Listed], today: date) -> dict[str, list[Listed]]:
    """Return the keys by project id; `owners` are the listed people and service accounts."""
    by_id = {owner["id"]: owner for owner in owners}
    keys: dict[str, list[Listed]] = {f"proj_{slug}": [] for slug, *_ in _table(_PROJECTS)}
    for work in WORKLOADS:
        if work.key and work.state not in ("deleted", "archived"):
            keys[f"proj_{work.project}"].append(_api_key(work, by_id, today))
    return keys


def spend_limits() -> dict[str, Listed]:
    """Return the hard limits by project id, the organization's under an empty id."""
    return {
        f"proj_{project}" if project else "": _spend_limit(project, int(dollars))
        for project, kind, dollars in _table(_BUDGETS)
        if kind == "limit"
    }


def spend_alerts() -> dict[str, list[Listed]]:
    """Return the alerts by project id, the organization's under an empty id."""
    alerts: dict[str, list[Listed]] = {}
    for project, kind, dollars in _table(_BUDGETS):
        if kind == "alert":
            project_id = f"proj_{project}" if project else ""
            alerts.setdefault(project_id, []).append(_spend_alert(project, int(dollars)))
    return alerts


def _table(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split(";")] for line in text.strip().splitlines()]


def _project(today: date, slug: str, name: str, residency: str, archived: str) -> Listed:
    # Archived on the first of the month after its last charge, so that the date stays for a month.
    first = ((today - timedelta(days=60)).replace(day=1) + timedelta(days=31)).replace(day=1)
    return {
        "id": f"proj_{slug}",
        "object": "organization.project",
        "name": name,
        "created_at": _created_at(2024, slug),
        "archived_at": midnight(first) if archived else None,
        "status": archived or "active",
        "residency": residency,
    }


def _user(name: str) -> Listed:
    slug = name.split()[0].lower()
    return {
        "object": "organization.user",
        "id": f"user-{slug}",
        "name": name,
        "email": f"{slug}@heliotrope.example",
        "role": "owner" if f"user-{slug}" in _OWNERS else "reader",
        "added_at": _created_at(2024, slug),
    }


def _service_account(slug: str) -> Listed:
    return {
        "object": "organization.project.service_account",
        "id": f"svc_acct_{slug}",
        "name": slug,
        "role": "member",
        "created_at": _created_at(2024, slug),
    }


def _api_key(work: Workload, owners: dict[str, Listed], today: date) -> Listed:
    kind = "service_account" if work.automatic else "user"
    owner = owners[f"svc_acct_{work.owner}" if work.automatic else f"user-{work.owner}"]
    described = {name: owner[name] for name in ("id", "name", "email") if name in owner}
    used_at = midnight(today) + int(noise(work.key, "used")[0] * 36000)
    return {
        "object": "organization.project.api_key",
        "id": f"key_{work.key}",
        "name": work.key,
        "redacted_value": f"sk-{kind[:4]}****{int(noise(work.key)[1] * 65536):04x}",
        "created_at": _created_at(2025, work.key),
        "last_used_at": used_at if work.mixes else None,
        "owner_project_access": "inactive" if work.state == "inactive" else "active",
        "owner": {
            "type": kind,
            kind: {**described, "created_at": _created_at(2024, work.owner), "role": "member"},
        },
    }


def _spend_limit(project: str, dollars: int) -> Listed:
    return {
        "object": f"{'project' if project else 'organization'}.spend_limit",
        "threshold_amount": dollars * 100,
        "currency": "USD",
        "interval": "month",
        "enforcement": {"status": "inactive"},
    }


def _spend_alert(project: str, dollars: int) -> Listed:
    return {
        "object": f"{'project' if project else 'organization'}.spend_alert",
        "id": f"alert_{project or 'heliotrope'}-{dollars}",
        "threshold_amount": dollars * 100,
        "currency": "USD",
        "interval": "month",
        "notification_channel": {
            "type": "email",
            "recipients": ["finops@heliotrope.example"],
            "subject_prefix": None,
        },
    }


def _created_at(year: int, slug: str) -> int:
    return midnight(date(year, 1, 15)) + int(noise(slug)[0] * 300 * 86400)
