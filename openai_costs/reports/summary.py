"""The summary that a run ends with: what is loaded, what it cost, and who spent it on what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

Query = Callable[..., Sequence[Sequence[Any]]]
"""Runs a SQL statement with its parameters on the warehouse and gives the rows."""

_STATUSES = ("equal", "within tolerance", "not comparable")
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
_CHECKS = """
select status, count(*)
from openai_marts.reconciliation
where organization_id = %s
group by status
"""
_DIFFERING = """
select check_name, period_start, currency, model_family, meter, reason
from openai_marts.reconciliation
where organization_id = %s and status = 'differs'
order by check_name, period_start, model_family, meter
"""
_TOPS = {
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


def print_summary(console: Console, query: Query) -> None:
    """Print each organization's summary. Money is exact where it says so, else cents."""
    organizations = query(_LEDGER)
    if not organizations:
        console.print("Nothing is loaded yet: run python pipeline.py.")
    for organization_id, first, last, days, rows, open_days in organizations:
        so_far = " so far" if open_days else ""
        this_month = last.replace(day=1)
        last_month = (this_month - timedelta(days=1)).replace(day=1)
        totals = query(_TOTALS, this_month, last_month, this_month, organization_id)
        name = totals[0][0] if totals else organization_id
        console.print(f"\n[bold]{escape(name)}[/bold] ({organization_id})")
        facts = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
        facts.add_row("  Days", _days(first, last, days, open_days))
        facts.add_row("  Rows", f"{rows:,}")
        for _, currency, total, month, month_before in totals:
            facts.add_row("  Total", f"{_cents(total)} {currency}, exactly {exact(total)}")
            facts.add_row(f"  {this_month:%B}", f"{_cents(month)} {currency}" + so_far)
            facts.add_row(f"  {last_month:%B}", f"{_cents(month_before)} {currency}")
        facts.add_row("  Verdict", verdict(query, organization_id))
        console.print(facts)
        for _, currency, *_ in totals:
            _print_tops(console, query, organization_id, currency, last)


def verdict(query: Query, organization_id: str) -> str:
    """Whether the bill proves itself, in a line: the mart `reconciliation` holds each check."""
    counts = {row[0]: row[1] for row in query(_CHECKS, organization_id)}
    total = sum(counts.values())
    # The mart is looked through once where nothing differs: it grows with the history.
    if "differs" in counts and (differing := query(_DIFFERING, organization_id)):
        *first, reason = (str(each) for each in differing[0] if each is not None)
        said = f"{len(differing)} of {total:,} checks differ; {', '.join(first)}: {reason}"
        return f"[yellow]{escape(said)}[/yellow]"
    told = [f"{counts[status]:,} {status}" for status in _STATUSES if status in counts]
    return f"{total:,} checks: {', '.join(told)}" if told else "nothing to compare"


def _print_tops(
    console: Console, query: Query, organization_id: str, currency: str, last: date
) -> None:
    since = last - timedelta(days=TOP_DAYS)
    for what, sql in _TOPS.items():
        ranked = query(sql, organization_id, currency, since)
        whole = sum((cost for _, cost in ranked), Decimal(0))
        if not whole:
            continue
        table = Table(box=None, padding=(0, 2, 0, 0), title_justify="left")
        table.add_column(f"  Top {what}, last {TOP_DAYS} days", min_width=36, no_wrap=True)
        table.add_column(currency, justify="right", min_width=12)
        table.add_column("share", justify="right")
        shown = [*ranked[:TOP]]
        if rest := sum((cost for _, cost in ranked[TOP:]), Decimal(0)):
            shown.append((f"{len(ranked) - TOP} more", rest))
        for name, cost in shown:
            table.add_row(f"  {escape(name)}", _cents(cost), f"{cost / whole:.0%}")
        console.print()
        console.print(table)


def _days(first: date, last: date, days: int, open_days: int) -> str:
    missing = (last - first).days + 1 - days
    return (
        f"{days}, {first} to {last}"
        + (f", {missing} in between not loaded" if missing else "")
        + (f"; {open_days} not over when read" if open_days else "")
    )


def exact(amount: Decimal) -> str:
    # Decimal.normalize() would round to 28 digits.
    return f"{amount:f}".rstrip("0").rstrip(".")


def _cents(amount: Decimal) -> str:
    return f"{amount:,.2f}"
