"""The seeds that people of the simulated organization would fill in: teams, invoices, budgets and
prepaid credits.

They are written to a separate folder and never reach the warehouse of a real organization.
"""

import csv
from calendar import monthrange
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal
from pathlib import Path

from openai_costs_source.simulator.charges import EXACT, Charge
from openai_costs_source.simulator.organization import Organization

# kind; id; team; cost center. Two projects and most people have no team.
_TEAMS = """
    project;         proj_storefront;        Commerce;         CC-1100
    project;         proj_support;           Customer care;    CC-1200
    project;         proj_search;            Search platform;  CC-2100
    project;         proj_studio;            Brand;            CC-1300
    user;            user-kavya;             Customer care;    CC-1200
    user;            user-hugo;              Research;         CC-3100
    user;            user-noah;              Commerce;         CC-1100
    service_account; svc_acct_studio-render; Media production; CC-1310
    service_account; svc_acct_helpdesk-bot;  Customer care;    CC-1200
    api_key;         key_search-codex-ci;    Developer tools;  CC-2200
    api_key;         key_europe-tuned;       Research;         CC-3100
"""
# scope; id; percentage of its cost in the month before. The budget of proj_europe is too small.
_BUDGETS = """
    organization; ;               115
    project;      proj_europe;    25
    project;      proj_support;   130
    team;         Commerce;       120
    user;         user-greta;     150
    model;        gpt-5.6-sol;    150
"""
_CREDITS = Decimal("250.00")
_TAX_RATE = Decimal("0.20")
_CENT = Decimal("0.01")


def write_seeds(
    organization: Organization,
    folder: Path,
    overrides: Mapping[date, list[Charge]] | None = None,
) -> None:
    """Write a file for each seed; `overrides` are those of the API, if it has any."""
    folder.mkdir(parents=True, exist_ok=True)
    teams = [
        [organization.id, *(cell.strip() for cell in line.split(";"))]
        for line in _TEAMS.strip().splitlines()
    ]
    header = ["organization_id", "kind", "id", "team", "cost_center"]
    _write(folder / "teams.csv", header, teams)
    header = ["organization_id", "month", "amount_before_tax", "credits", "tax", "currency"]
    _write(folder / "invoices.csv", header, _invoices(organization, overrides or {}))
    header = ["organization_id", "scope", "id", "month", "from_month", "to_month"]
    _write(folder / "budgets.csv", [*header, "amount", "currency"], _budgets(organization))
    header = ["organization_id", "granted_on", "amount", "currency"]
    _write(folder / "credit_grants.csv", header, _credit_grants(organization))


def _invoices(
    organization: Organization, overrides: Mapping[date, list[Charge]]
) -> list[list[str]]:
    """Return one invoice for each month that is over; the second to last has credits.

    The first month began before the history: its invoice is higher than the costs that can be
    loaded.
    """
    bills: dict[date, Decimal] = {}
    day = organization.earliest
    days_in_first_month = monthrange(day.year, day.month)[1] - day.day + 1
    while day < organization.today.replace(day=1):
        for charge in overrides.get(day, organization.charges(day)):
            month = day.replace(day=1)
            bills[month] = EXACT.add(bills.get(month, Decimal(0)), charge.amount)
        day += timedelta(days=1)
    rows = []
    for month, bill in bills.items():
        if month < organization.earliest:
            bill = bill * monthrange(month.year, month.month)[1] / days_in_first_month
        amount = bill.quantize(_CENT, ROUND_HALF_EVEN)
        credits = min(_CREDITS, amount) if month == list(bills)[-2:][0] else Decimal("0.00")
        tax = ((amount - credits) * _TAX_RATE).quantize(_CENT, ROUND_HALF_EVEN)
        figures = [str(figure) for figure in (amount, credits, tax)]
        rows.append([organization.id, f"{month:%Y-%m}", *figures, "USD"])
    return rows


def _budgets(organization: Organization) -> list[list[str]]:
    """Return budgets that apply from the month before this one, rounded up to whole hundreds."""
    month, charges = _month_before(organization)
    rows = []
    for line in _BUDGETS.strip().splitlines():
        scope, id, share = (cell.strip() for cell in line.split(";"))
        bill = sum((c.amount for c in charges if _belongs_to(c, scope, id)), Decimal(0))
        amount = (bill * int(share) / 10000).to_integral_value(ROUND_CEILING) * 100
        rows.append([organization.id, scope, id, "", f"{month:%Y-%m}", "", f"{amount}.00", "USD"])
    return rows


def _belongs_to(charge: Charge, scope: str, id: str) -> bool:
    if scope == "team":  # One project makes up nearly all of the only team with a budget.
        return charge.project_id == "proj_storefront"
    if scope == "model":
        return charge.line_item.startswith(f"{id},")
    return not id or id in (charge.project_id, charge.user_id)


def _credit_grants(organization: Organization) -> list[list[str]]:
    """Return a grant of four months' costs, and the part of it that expired."""
    month, charges = _month_before(organization)
    granted_on = max(month, organization.earliest)
    bill = sum((charge.amount for charge in charges), Decimal(0))
    amount = (bill / 250).to_integral_value(ROUND_CEILING) * 1000
    return [
        [organization.id, f"{granted_on}", f"{amount}.00", "USD"],
        [organization.id, f"{organization.today.replace(day=1)}", "-500.00", "USD"],
    ]


def _month_before(organization: Organization) -> tuple[date, list[Charge]]:
    """Return the first day of the month before this one, and its charges."""
    end = organization.today.replace(day=1)
    month = (end - timedelta(days=1)).replace(day=1)
    days = [month + timedelta(days=n) for n in range((end - month).days)]
    return month, [charge for day in days for charge in organization.charges(day)]


def _write(file: Path, header: list[str], rows: Iterable[list[str]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as seed:
        csv.writer(seed, lineterminator="\n").writerows([header, *rows])
