"""Three small organizations with known bills and listings, and their API.

Acme has two currencies, charges without a currency or line item, credits, free usage, a price that
changes during a day, a key that changes its owner, data residency, an outlier and restated days.
Beta is billed in euros; its users cannot be combined with projects, and its first days have no API
keys. The history of Late begins during a month.
"""

import json
from datetime import date
from decimal import Decimal

from openai_costs_source.simulator.api import SimulatedApi
from openai_costs_source.simulator.buckets import json_object
from openai_costs_source.simulator.charges import EXACT, Charge
from openai_costs_source.simulator.organization import Organization
from openai_costs_source.simulator.server import Reply, Server
from openai_costs_source.simulator.unix_time import midnight

FIRST, SECOND, LAST = date(2026, 9, 10), date(2026, 10, 2), date(2026, 10, 20)
"""The days on which the organizations are loaded. Tuesday, the last one, is not over."""
PRICE_CHANGE = date(2026, 9, 17)
OUTLIER = date(2026, 10, 7)
EMPTY = date(2026, 9, 27)
MILLION = Decimal(10**6)


def billed(project, key, user, line_item, quantity, price, unit="tokens", per=MILLION):
    """A charge for a quantity at a price for `per` of its units."""
    quantity = Decimal(quantity).normalize()
    amount = EXACT.multiply(quantity, Decimal(price) / per)
    ids = (project and f"proj_{project}", user and f"user-{user}", key and f"key_{key}")
    return Charge(*ids, line_item, amount, quantity, unit)


def without_quantity(project, key, line_item, amount):
    return billed(project, key, None, line_item, 1, amount, None, 1)._replace(quantity=None)


def activity(day, read_on):
    """The share of a weekday's usage: less on weekends, and on the day that is not over."""
    share = Decimal("0.4") if day.weekday() > 4 else Decimal(1)
    return share * Decimal("0.3") if day == read_on else share


def acme(day, read_on):
    """The bill of a day as the API returns it on the day `read_on`."""
    if day == EMPTY:
        return []
    share, used = activity(day, read_on), MILLION * activity(day, read_on)
    restated = day if read_on >= SECOND else None
    # Who causes the charges: a project, an API key and a user.
    search, playground, nobody = (
        ("search", "search", None),
        ("search", None, "dora"),
        ("search", None, None),
    )
    own_key, euro = ("search", "ann", None), ("support", "euro", None)
    desk, colleague = ("support", "support", None), ("support", "support", "erik")

    sol = "2.00" if day < PRICE_CHANGE else "1.70" if day == PRICE_CHANGE else "1.50"
    more = Decimal("1.1") if restated == date(2026, 9, 8) else 1
    euros = 2 if restated == date(2026, 9, 9) else 1
    outlier = 8 if day == OUTLIER else 1
    charges = [
        billed(*search, "gpt-5.6-sol, input", 20 * used * more, sol),
        billed(*search, "gpt-5.6-sol, cached input", 40 * used, "0.2"),
        billed(*playground, "gpt-5.6-sol, output", used, "12.00000000000001"),
        billed(*desk, "batch | gpt-5.6-luna, input", 50 * used * outlier, "0.3"),
        billed(*euro, "gpt-5.6-luna, cached input", 90 * used * euros, "0.055"),
        billed(
            *nobody, "assistants api | file search", "12.345678912", "0.41", "gibibyte_hours", 1
        ),
    ]
    # A restated day may be split differently and cost the same.
    calls = {"gone": 120, "old": 80} if restated == date(2026, 9, 7) else {"gone": 200}
    for key, number in calls.items():
        searches = ("web search tool calls | gpt-4o", number * share, 25, None, 1000)
        charges.append(billed("support", key, None, *searches))
    if day.weekday() in (0, 3):
        charges.append(billed(*colleague, "gpt-5.6-luna, output", 2 * used, 0))
    if day.weekday() in (1, 3, 4):
        charges.append(billed(*desk, "gpt-5.6-luna, output", used, "3.6"))
    if day.month == 9 and day.weekday() < 5:
        charges.append(billed(*colleague, "gpt-5.6-luna, input", 3 * used, "0.6"))
    if day.weekday() == 1:
        charges.append(billed(*search, "gpt-5.6-sol, cache writes", MILLION, "2.5"))
    if day.weekday() == 5:
        tuned = ("ft-gpt-4o-2024-08-06, input", "512.125", "0.00375", "1000_tokens", 1)
        charges.append(billed(*own_key, *tuned))
        charges.append(billed(*own_key, "whisper", 3600, "0.0001", "duration_seconds", 1))
    if day.weekday() == 0:
        charges.append(billed(*own_key, "quantum teleportation", 3, "1.25", "widgets", 1))
        long = "gpt-5.6-sol, cached input, long context"
        charges.append(billed(*own_key, long, 5 * MILLION, "0.4"))
    if day.day % 2 == 0:
        charges.append(billed("search", "euro", None, "gpt-5.6-terra, output", MILLION / 2, 9))
    if day.day == 5:
        charges.append(without_quantity(None, None, "Goodwill credit", -25))
    if day == date(2026, 10, 12):
        charges.append(without_quantity("support", None, "Goodwill credit", -400))
    if day == date(2026, 10, 14):
        charges.append(without_quantity("search", "ann", "gpt-5.6-sol, input", 3))
        charges.append(without_quantity("search", "search", None, 4))
    if day == date(2026, 10, 15):
        charges.append(without_quantity("search", None, None, -1))
    return charges


def beta(day, read_on):
    share, used = activity(day, read_on), MILLION * activity(day, read_on)
    mini = "gpt-4o-mini-2024-07-18, input"
    return [
        billed("beta", "beta", "bea", "gpt-5.6-sol, output", used / 2, 11),
        billed("beta", "beta", "ben", mini, 30 * used, "0.14"),
        billed("beta", None, None, "file search tool calls", 400 * share, "2.2", None, 1000),
    ]


def late(day, read_on):
    share = activity(day, read_on)
    mini = "gpt-4o-mini-2024-07-18, input"
    return [billed("late", "late", None, mini, 100 * MILLION * share, "0.15")]


def small_organizations():
    return [
        Small("acme", "usd", acme, listings_of_acme, date(2026, 7, 13)),
        Small(
            *("beta", "eur", beta, listings_of_beta, date(2026, 8, 25)),
            failure_modes=["users-apart"],
            key_floor=midnight(date(2026, 8, 30)),
        ),
        Small("late", "usd", late, listings_of_late, date(2026, 10, 7)),
    ]


class Small(Organization):
    """An organization with a history that begins on `earliest`, as the API returns it on `today`.

    `limits` are settings of the simulated API.
    """

    def __init__(self, name, currency, bill, listings, earliest, **limits):
        super().__init__(FIRST)
        self.emails = {f"user-{name}": f"{name}@example.com" for name in ("erik", "dora", "ben")}
        self.id, self.name, self.slug = f"org-{name}", name.title(), f"org-{name}"
        self._currency, self._bill, self._listings = currency, bill, listings
        self.earliest, self.limits = earliest, limits

    def charges(self, day):
        return self._bill(day, self.today) if day <= self.today else []

    def currency(self, charge):
        return {"key_euro": "eur", "key_ann": " "}.get(charge.api_key_id, self._currency)

    def change(self, day):
        """Let it be this day."""
        self.today, listings = day, self._listings(day)
        self.project_names = listings["projects"]
        self.projects = [
            {
                **listed(id_, name),
                "status": "active",
                "residency": listings.get("residencies", {}).get(id_),
            }
            for id_, name in self.project_names.items()
        ]
        self.users = [
            {**listed(id_, name), "email": self.emails.get(id_), "added_at": CREATED}
            for id_, name in listings["users"].items()
        ]
        self.service_accounts = {project_id: [] for project_id in self.project_names}
        for project_id, id_, name in listings.get("service_accounts", ()):
            self.service_accounts[project_id].append(listed(id_, name))
        self.api_keys = {project_id: [] for project_id in self.project_names}
        for project_id, id_, name, owner in listings["api_keys"]:
            self.api_keys[project_id].append({**listed(id_, name), "owner": owner_of_key(owner)})
        self.spend_limits = listings.get("spend_limits", {})
        self.spend_alerts = listings.get("spend_alerts", {})


CREATED = midnight(date(2026, 1, 2))


def listed(id_, name):
    """An object of a listing."""
    access = {"owner_project_access": "active"}
    return {"id": id_, "name": name, "role": "member", "created_at": CREATED, **access}


def owner_of_key(id_):
    if id_ is None:
        return {}
    kind = "service_account" if id_.startswith("svc_") else "user"
    return {"type": kind, kind: {"id": id_, "name": f"{id_} as owner"}}


def limit(dollars, **fields):
    return {
        "object": "organization.spend_limit",
        "threshold_amount": dollars * 100,
        "currency": "USD",
        "interval": "month",
        "enforcement": {"status": "inactive"},
        **fields,
    }


def listings_of_acme(day):
    """Names and owners: key_search changes from Ann to Bob, and key_ann has no owner later.

    The API does not return the residency of the projects in each listing.
    """
    is_later, is_last = day >= SECOND, day >= LAST
    users = {"user-ann": "Ann", "user-bob": "Bob", "user-carla": "Carla", "user-dora": "Dora"}
    if is_last:
        users["user-bob"] = "Robert"
        del users["user-dora"]
    return {
        "projects": {
            "proj_search": "Search and ranking" if is_later else "Search",
            "proj_support": "Support",
            "proj_idle": "Idle",
        },
        "residencies": {
            "proj_search": "EU_STORAGE_PROCESSING" if is_later and not is_last else None,
            "proj_support": "JP_STORAGE" if is_last else None,
        },
        "users": users,
        "service_accounts": [("proj_support", "svc_desk", "desk")],
        "api_keys": [
            ("proj_search", "key_search", "search", "user-bob" if is_later else "user-ann"),
            ("proj_search", "key_ann", "ann", None if is_later else "user-ann"),
            ("proj_support", "key_support", "desk 2" if is_later else "desk", "svc_desk"),
            ("proj_support", "key_euro", "euro", "user-carla"),
        ],
        "spend_limits": {"": limit(5000), "proj_search": limit(400)},
        "spend_alerts": {"proj_support": [limit(390, id="alert_support")]},
    }


def listings_of_beta(day):
    return {
        "projects": {"proj_beta": "Beta's project"},
        "residencies": {"proj_beta": "ZZ_STORAGE_PROCESSING"},
        "users": {"user-bea": "Bea", "user-ben": "Ben"},
        "api_keys": [("proj_beta", "key_beta", "beta", "user-bea")],
    }


def listings_of_late(day):
    return {
        "projects": {"proj_late": "Late's project"},
        "residencies": {"proj_late": "GLOBAL"},
        "users": {},
        "api_keys": [("proj_late", "key_late", "late", None)],
    }


class SmallApi(SimulatedApi):
    """The API of a small organization, which may bill in several currencies."""

    def _cost_rows(self, dimensions, query, day):
        groups = {}
        for charge in self._charges(day):
            key = tuple(getattr(charge, name) for name in dimensions)
            groups.setdefault((*key, self.organization.currency(charge)), []).append(charge)
        for (*key, currency), charges in groups.items():
            yield cost_row(
                self.organization, dict(zip(dimensions, key, strict=True)), currency, charges
            )


def cost_row(organization, values, currency, charges):
    amount, counted = Decimal(0), [c.quantity for c in charges if c.quantity is not None]
    for charge in charges:
        amount = EXACT.add(amount, charge.amount)
    has_quantity = counted and "line_item" in values
    unit = charges[0].quantity_unit if "line_item" in values else None
    return json_object(
        {
            "object": '"organization.costs.result"',
            "amount": f'{{"value": "{amount:f}", "currency": "{currency}"}}',
            **{
                name: json.dumps(values.get(name))
                for name in ("project_id", "user_id", "api_key_id", "line_item", "api_source")
            },
            "quantity": f"{sum(counted):f}" if has_quantity else "null",
            "quantity_unit": json.dumps(unit),
            "organization_id": json.dumps(organization.id),
            "organization_name": json.dumps(organization.name),
            "user_email": json.dumps(organization.emails.get(values.get("user_id"))),
        }
    )


class AllApis:
    """Serves the API of several organizations; the admin key selects one."""

    def __init__(self, organizations):
        self._organizations = {f"sk-admin-of-{each.id}": each for each in organizations}
        self._apis = {
            f"Bearer {key}": SmallApi(each, key, **each.limits)
            for key, each in self._organizations.items()
        }

    def read_on(self, day):
        """Let it be this day; returns the keys of the organizations that have a history."""
        for organization in self._organizations.values():
            organization.change(day)
        return [key for key, each in self._organizations.items() if each.earliest < day]

    def __enter__(self):
        self._server = Server(self._reply)
        self.base_url = f"http://127.0.0.1:{self._server.port}/v1"
        return self

    def __exit__(self, *_):
        self._server.close()

    def _reply(self, method, target, authorization) -> Reply:
        return self._apis[authorization]._reply(method, target, authorization)
