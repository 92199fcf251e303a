"""The charges with their users and teams, which all marts are computed from."""

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import cache

from recomputation.ledger import Ledger
from recomputation.line_items import LineItem, LineItems
from recomputation.listings import Listings
from recomputation.rows import currency_of, grouped, read_csv

UNASSIGNED = "Unassigned"
TOKENS_IN_ONE = {"tokens": Decimal(1), "1000_tokens": Decimal(1000)}


@dataclass(frozen=True)
class Charge:
    """A row of the costs API with its user and its team."""

    organization_id: str
    date: date
    project_id: str | None
    api_key_id: str | None
    currency: str
    amount: Decimal
    quantity: Decimal | None
    quantity_unit: str | None
    item: LineItem
    user_id: str | None = None
    attribution: str = "unattributed"
    unattributed_because: str | None = None
    owner_assumed_because: str | None = None
    team: str = UNASSIGNED
    cost_center: str | None = None

    @property
    def is_credit(self):
        return self.amount < 0

    @property
    def tokens(self):
        """The quantity in tokens; None if something else is counted."""
        if self.quantity is None or self.quantity_unit not in TOKENS_IN_ONE:
            return None
        return self.quantity * TOKENS_IN_ONE[self.quantity_unit]

    @property
    def family(self):
        return self.item.family


class Books:
    """An organization's charges and everything that explains them.

    `loads` are the raw tables after each load, the last one last. `seeds` is the folder of the
    project's seeds, `own_seeds` the folder of those that people fill in. `charges` are those in the
    warehouse; `user_charges` are the same by user, which the API returns separately on
    `days_by_user`; `trimmed` are those of days that are no longer in the warehouse.
    """

    def __init__(self, loads, seeds, own_seeds):
        self.loads, self.raw, self.seeds, self.own_seeds = loads, loads[-1], seeds, own_seeds
        self.ledger = Ledger(loads)
        self.listings = Listings(self.raw)
        self.teams = read_teams(own_seeds / "teams.csv")
        self._parse = cache(LineItems(seeds).parse)
        self.charges = [self._charge(row) for row in self.raw["costs"]]
        self.trimmed = [self._charge(row) for row in self.ledger.trimmed_rows]
        apart = self.raw.get("costs_by_user", ())
        self.days_by_user = {(row["organization_id"], row["date"]) for row in apart}
        self.user_charges = [
            c for c in self.charges if (c.organization_id, c.date) not in self.days_by_user
        ]
        self.user_charges += map(self._charge_of_user, apart)
        self.costs_by_day = cache(self.costs_by_day)

    def in_scope(self, organization_id, currency, scope, id_):
        """The charges in a scope: of an organization, project, user, API key, team or model."""
        charges = self.user_charges if scope == "user" else self.charges
        key = organization_id, currency, id_
        return [c for c in charges if (c.organization_id, c.currency, id_in_scope(c, scope)) == key]

    def costs_by_day(self, organization_id, currency, scope, id_):
        """The cost of each day with charges in a scope."""
        costs = defaultdict(Decimal)
        for charge in self.in_scope(organization_id, currency, scope, id_):
            costs[charge.date] += charge.amount
        return dict(costs)

    def currencies(self, organization_id):
        return sorted({c.currency for c in self.charges if c.organization_id == organization_id})

    def ids(self, organization_id, currency, scope):
        """The ids in this scope that have charges; None among the projects is no project."""
        charges = self.user_charges if scope == "user" else self.charges
        return {
            id_in_scope(c, scope)
            for c in charges
            if (c.organization_id, c.currency) == (organization_id, currency)
        }

    def _charge(self, row):
        charge = Charge(
            organization_id=row["organization_id"],
            date=row["date"],
            project_id=row.get("project_id"),
            api_key_id=row.get("api_key_id"),
            currency=currency_of(row),
            amount=row["amount"],
            quantity=row["quantity"],
            quantity_unit=row["quantity_unit"],
            item=self._parse(row["line_item"]),
        )
        charge = replace(charge, **self._user(charge, row))
        team, cost_center = self._team(charge)
        return replace(charge, team=team, cost_center=cost_center)

    def _charge_of_user(self, row):
        charge = self._charge(row)
        is_known = charge.user_id is not None
        return (
            charge if is_known else replace(charge, unattributed_because="the API returned no user")
        )

    def _user(self, charge, row):
        """Whose charge it is: the user's that the API reports, else the owner's of the key."""
        if row["user_id"] is not None:
            return {"user_id": row["user_id"], "attribution": "reported"}
        if charge.api_key_id is None:
            if "api_key_id" in row["grouped_by"].split(","):
                return {"unattributed_because": "no API key"}
            return {"unattributed_because": "the API returned no keys for that day"}
        owner = self.listings.key_owner(charge.organization_id, charge.api_key_id, charge.date)
        if owner is None:
            return {"unattributed_because": "the API returned no owner of the key"}
        user_id, is_assumed = owner
        because = "the owner was first listed later" if is_assumed else None
        return {"user_id": user_id, "attribution": "key_owner", "owner_assumed_because": because}

    def _team(self, charge):
        """The team and cost center of the key, else of the user, else of the project."""
        for kind, id_ in (
            ("api_key", charge.api_key_id),
            ("user", charge.user_id),
            ("project", charge.project_id),
        ):
            for row in self.teams.get((charge.organization_id, kind, id_), ()):
                if row["first"] <= charge.date <= row["last"]:
                    return row["team"], row["cost_center"]
        return UNASSIGNED, None


def id_in_scope(charge, scope):
    column = {
        "organization": "organization_id",
        "project": "project_id",
        "user": "user_id",
        "api_key": "api_key_id",
        "team": "team",
        "model": "family",
    }[scope]
    return getattr(charge, column)


def read_teams(path):
    """The rows of teams.csv by organization, kind and id, without those with overlapping days."""
    rows = [
        {
            **row,
            "kind": {"service_account": "user"}.get(row["kind"], row["kind"]),
            "first": date.fromisoformat(row["valid_from"] or "0001-01-01"),
            "last": date.fromisoformat(row["valid_to"] or "9999-12-31"),
        }
        for row in read_csv(path)
    ]
    teams = grouped(rows, lambda row: (row["organization_id"], row["kind"], row["id"]))
    return {
        key: [row for row in of_id if not _overlaps(row, of_id)] for key, of_id in teams.items()
    }


def _overlaps(row, others):
    return any(
        row["first"] <= other["last"] and other["first"] <= row["last"]
        for other in others
        if other is not row
    )
