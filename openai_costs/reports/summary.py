"""The summary at the end of a run: days loaded, costs, and the top projects, users and models."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from openai_costs.folders import COMMAND
from openai_costs.query import Query
from openai_costs.reports.amounts import cents, exact, percent
from openai_costs.reports.verdict import verdict
from openai_costs.terminal import Output, Part

TOP = 5
TOP_DAYS = 30

_LEDGER = """
select organization_id, min(date), max(date), count(*), sum(row_count),
    sum(case when is_closed then 0 else 1 end)
from openai_raw.cost_days
group by organization_id
order by organization_id
"""
_TOTALS = """
select organization_name, currency, sum(unblended_cost),
    sum(case when date >= %s then unblended_cost else 0 end),
    sum(case when date >= %s and date < %s then unblended_cost else 0 end)
from openai_marts.daily_costs_by_project
where organization_id = %s
group by organization_name, currency
order by currency
"""
_LOADED_DAYS = """
select count(case when date >= %s then 1 end), count(case when date < %s then 1 end)
from openai_raw.cost_days
where organization_id = %s and date >= %s
"""
_TOP_COSTS = {
    "projects": """
select coalesce(min(project_name), 'no project'), sum(unblended_cost)
from openai_marts.daily_costs_by_project
where organization_id = %s and currency = %s and date > %s
group by project_id
order by 2 desc
""",
    "users": """
select coalesce(min(user_name), 'unattributed'), sum(unblended_cost)
from openai_marts.daily_costs_by_user
where organization_id = %s and currency = %s and date > %s
group by user_id
order by 2 desc
""",
    "models": """
select coalesce(model, service), sum(unblended_cost)
from openai_marts.daily_costs_by_model
where organization_id = %s and currency = %s and date > %s
group by 1
order by 2 desc
""",
}


def print_summary(output: Output, query: Query) -> None:
    """Print each organization's summary. The total is exact; other amounts are rounded to cents."""
    organizations = query(_LEDGER)
    if not organizations:
        output.line(f"Nothing is loaded yet: run {COMMAND}.")
    for organization_id, first, last, days, rows, open_days in organizations:
        so_far = " so far" if open_days else ""
        this_month = last.replace(day=1)
        last_month = (this_month - timedelta(days=1)).replace(day=1)
        totals = query(_TOTALS, this_month, last_month, this_month, organization_id)
        loaded, loaded_before = query(
            _LOADED_DAYS, this_month, this_month, organization_id, last_month
        )[0]
        name = totals[0][0] if totals else organization_id
        output.line()
        output.line((name, "bold"), f" ({organization_id})")
        facts: list[tuple[str, Part]] = [
            ("Days", _days(first, last, days, open_days)),
            ("Rows", f"{rows:,}"),
        ]
        for _, currency, total, month, month_before in totals:
            facts.append(("Total", f"{cents(total)} {currency}, exactly {exact(total)}"))
            amount = _month(month, currency + so_far, loaded, last.day)
            facts.append((f"{this_month:%B}", amount))
            days_before = (this_month - last_month).days
            amount = _month(month_before, currency, loaded_before, days_before)
            facts.append((f"{last_month:%B}", amount))
        facts.append(("Verdict", verdict(query, organization_id)))
        for label, fact in facts:
            output.line(f"  {label:<11}", fact)
        for _, currency, *_ in totals:
            _print_top_costs(output, query, organization_id, currency, last)


def _print_top_costs(
    output: Output, query: Query, organization_id: str, currency: str, last: date
) -> None:
    since = last - timedelta(days=TOP_DAYS)
    for kind, sql in _TOP_COSTS.items():
        costs = query(sql, organization_id, currency, since)
        total = sum((cost for _, cost in costs), Decimal(0))
        if not total:
            continue
        lines = [*costs[:TOP]]
        if rest := sum((cost for _, cost in costs[TOP:]), Decimal(0)):
            lines.append((f"{len(costs) - TOP} more", rest))
        output.line()
        output.table(
            (f"  Top {kind}, last {TOP_DAYS} days", f"{currency:>12}", "share"),
            [(f"  {name}", cents(cost), percent(cost / total)) for name, cost in lines],
        )


def _month(amount: Decimal, currency: str, loaded: int, days: int) -> str:
    """Return the cost of a month, with the number of its loaded days if some are missing."""
    if not loaded:
        return "not loaded"
    note = f", {loaded} of {days} days loaded" if loaded < days else ""
    return f"{cents(amount)} {currency}{note}"


def _days(first: date, last: date, days: int, open_days: int) -> str:
    missing = (last - first).days + 1 - days
    return (
        f"{days}, {first} to {last}"
        + (f", {missing} in between not loaded" if missing else "")
        + (f"; {open_days} not over when read" if open_days else "")
    )
