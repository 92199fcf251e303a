"""`budget_status`: budgets of the seed, and limits and alerts that are set at OpenAI."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from recomputation.books import UNASSIGNED
from recomputation.entities import seen
from recomputation.forecasts import forecast
from recomputation.line_items import family
from recomputation.list_prices import ListPrices
from recomputation.rows import ZERO, days_of_month, month_of, ratio, read_csv


@dataclass(frozen=True)
class Budget:
    organization_id: str
    source: str
    scope: str
    id: str
    month: date
    amount: Decimal
    currency: str


def budget_status(books):
    known = _known(books)
    budgets = [*_of_seed(books), *_at_openai(books)]
    return [_row(books, budget, known) for budget in budgets]


def _of_seed(books):
    for row in read_csv(books.own_seeds / "budgets.csv"):
        organization_id, id_ = row["organization_id"], row["id"] or row["organization_id"]
        if row["scope"] == "model":
            id_ = family(id_)
        for month in sorted({month_of(day) for day in books.ledger.loaded(organization_id)}):
            text = f"{month:%Y-%m}"
            first, last = row["month"] or row["from_month"], row["month"] or row["to_month"]
            if (first or text) <= text <= (last or text):
                amount, currency = Decimal(row["amount"]), row["currency"].upper()
                yield Budget(
                    organization_id, "budgets.csv", row["scope"], id_, month, amount, currency
                )


def _at_openai(books):
    """The limits and alerts that the last listings contained, for the current month."""
    read_at = {
        (row["organization_id"], row["kind"], row["project_id"]): row["listed_at"]
        for row in books.listings.listings
    }
    in_force = {
        (row["organization_id"], row["kind"], row["id"])
        for row in books.listings.listed
        if row["listed_at"] >= read_at[row["organization_id"], row["kind"], row["project_id"]]
    }
    for row in books.raw.get("spend_limits", ()):
        organization_id = row["organization_id"]
        if row["valid_to"] is None and (organization_id, row["kind"], row["id"]) in in_force:
            scope = "project" if row["project_id"] else "organization"
            id_ = row["project_id"] or organization_id
            month = month_of(books.ledger.last_day(organization_id))
            amount, currency = row["threshold_amount"], row["currency"]
            yield Budget(organization_id, row["kind"], scope, id_, month, amount, currency)


def _known(books):
    """The ids that a budget may refer to, with their organization, by scope."""
    families = ListPrices(books.seeds).families
    return {
        "organization": {(id_, id_) for id_ in books.ledger.organization_ids},
        "project": set(seen(books, "project")),
        "user": set(seen(books, "user")),
        "team": {
            (organization_id, row["team"])
            for (organization_id, _, _), rows in books.teams.items()
            for row in rows
        }
        | {(id_, UNASSIGNED) for id_ in books.ledger.organization_ids},
        "model": {(c.organization_id, c.family) for c in books.charges}
        | {(id_, name) for id_ in books.ledger.organization_ids for name in families},
        "currency": {(c.organization_id, c.currency) for c in (*books.charges, *books.trimmed)},
    }


def _refers_to_nothing(budget, known):
    if (budget.organization_id, budget.id) not in known[budget.scope]:
        return {
            "team": f"no row of teams.csv has the team {budget.id}",
            "model": f"no charge or list price has the model {budget.id}",
        }.get(budget.scope, f"no {budget.scope} has the id {budget.id}")
    if (budget.organization_id, budget.currency) not in known["currency"]:
        return f"the organization is not billed in {budget.currency}"
    return None


def _row(books, budget, known):
    of_scope = (budget.organization_id, budget.currency, budget.scope, budget.id)
    of_month = forecast(books, *of_scope, budget.month)
    unknown = _refers_to_nothing(budget, known) or of_month.unknown_because
    expected = None if unknown else of_month.month_end
    days, costs = days_of_month(budget.month), books.costs_by_day(*of_scope)
    loaded = books.ledger.loaded(budget.organization_id)
    as_of = books.ledger.as_of(budget.organization_id)
    if of_month.spent > budget.amount:
        status = "breached"
    elif unknown:
        status = "unknown"
    elif all(day in loaded and loaded[day].is_closed for day in days):
        status = "kept"
    else:
        status = "at risk" if expected > budget.amount else "on track"
    expected_days = of_month.by_day.items() if status == "at risk" else ()
    return {
        "organization_id": budget.organization_id,
        "budget_source": budget.source,
        "scope": budget.scope,
        "scope_id": budget.id,
        "scope_name": _name(books.listings, budget),
        "month": budget.month,
        "currency": budget.currency,
        "budget": budget.amount,
        "unblended_cost": of_month.spent,
        "spent_share": ratio(of_month.spent, budget.amount),
        "expected_month_end": expected,
        "breached_on": _first_above(budget.amount, [(d, costs.get(d, ZERO)) for d in days]),
        "expected_breach_on": _first_above(float(budget.amount), expected_days, after=as_of),
        "status": status,
        "unknown_because": unknown,
    }


def _first_above(limit, cost_by_day, after=date.min):
    """The first day after another one on which the sum exceeds the limit; None if none does."""
    so_far = 0
    for day, cost in cost_by_day:
        so_far += cost
        if so_far > limit and day > after:
            return day
    return None


def _name(listings, budget):
    if budget.scope == "organization":
        return listings.organization_name(budget.organization_id)
    if budget.scope == "project":
        return listings.project_name(budget.organization_id, budget.id)
    if budget.scope == "user":
        return listings.user_name(budget.organization_id, budget.id)
    return budget.id
