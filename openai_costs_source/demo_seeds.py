"""What a person of the simulated organization would enter by hand: its teams and its invoices.

They are written into a folder of the demo's own and never reach the warehouse of a real one.
"""

import csv
from calendar import monthrange
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

from .demo import EXACT, Charge, Organization

# kind; id; team; cost centre. The projects for Europe and of 2025 and most people have no team.
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
_CREDITS = Decimal("250.00")
_TAX_RATE = Decimal("0.20")
_CENT = Decimal("0.01")


def write_seeds(
    organization: Organization,
    folder: Path,
    overrides: Mapping[date, list[Charge]] | None = None,
) -> None:
    """Write `teams.csv` and `invoices.csv`; `overrides` are those of the API, where it has some."""
    folder.mkdir(parents=True, exist_ok=True)
    teams = [
        [organization.id, *(cell.strip() for cell in line.split(";"))]
        for line in _TEAMS.strip().splitlines()
    ]
    header = ["organization_id", "kind", "id", "team", "cost_center"]
    _write(folder / "teams.csv", header, teams)
    header = ["organization_id", "month", "amount_before_tax", "credits", "tax", "currency"]
    _write(folder / "invoices.csv", header, _invoices(organization, overrides or {}))


def _invoices(
    organization: Organization, overrides: Mapping[date, list[Charge]]
) -> list[list[str]]:
    """One for each month that is over, the credits in the last but one.

    The first month had begun before the history does: its invoice comes to more than can be loaded.
    """
    bills: dict[date, Decimal] = {}
    day = organization.earliest
    told_in_first_month = monthrange(day.year, day.month)[1] - day.day + 1
    while day < organization.today.replace(day=1):
        for charge in overrides.get(day, organization.charges(day)):
            month = day.replace(day=1)
            bills[month] = EXACT.add(bills.get(month, Decimal(0)), charge.amount)
        day += timedelta(days=1)
    rows = []
    for month, bill in bills.items():
        if month < organization.earliest:
            bill = bill * monthrange(month.year, month.month)[1] / told_in_first_month
        amount = bill.quantize(_CENT, ROUND_HALF_EVEN)
        credits = min(_CREDITS, amount) if month == list(bills)[-2:][0] else Decimal("0.00")
        tax = ((amount - credits) * _TAX_RATE).quantize(_CENT, ROUND_HALF_EVEN)
        figures = [str(figure) for figure in (amount, credits, tax)]
        rows.append([organization.id, f"{month:%Y-%m}", *figures, "USD"])
    return rows


def _write(file: Path, header: list[str], rows: Iterable[list[str]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as seed:
        csv.writer(seed, lineterminator="\n").writerows([header, *rows])
