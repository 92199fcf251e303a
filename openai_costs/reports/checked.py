"""What a run checked: which days and tables, and whether any required check is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from openai_costs.folders import COMMAND
from openai_costs.project_files import marts
from openai_costs.query import Query
from openai_costs.terminal import Stop

Day = tuple[Any, ...]
"""Organization and date, then what the day was loaded and built by."""

_REQUIRED_CHECKS = (
    "daily_costs_by_model equals raw by model, meter and unit",
    "daily_costs_by_project equals raw by project",
    "daily_costs_by_team equals raw by team and cost center",
    "daily_costs_by_user equals raw by user and attribution",
    "focus_costs equals raw by line item",
    "focus_costs equals raw by project, user and API key",
    "rows equal the API's daily total",
)
"""Each day with costs has a row of each of these in the mart `reconciliation`."""

_CHECKS = """
select check_name, count(*), count(distinct case when period = 'day' then period_start end)
from openai_marts.reconciliation
where period in ({periods}) and (period <> 'day' or period_start >= %s)
group by check_name
"""
_DAYS_WITH_COSTS = """
select count(distinct date)
from openai_raw.cost_days
where row_count > 0 and date >= %s
"""


@dataclass
class Checked:
    """The days that were due and are checked now, against what they were checked, and warnings."""

    days: list[date]
    tables: list[str] = field(default_factory=list)
    checks: int = 0
    warnings: Sequence[str] = ()


def checked(query: Query, due: set[Day], warnings: Sequence[str], complete: bool) -> Checked:
    """Return what was checked if these days were due.

    Only a complete build checks months and the whole history again. Raises Stop if a required check
    of a day is missing.
    """
    if not due:
        return Checked([], warnings=warnings)
    days = sorted({day for _, day in due})
    periods = "'day', 'month', 'history'" if complete else "'day'"
    rows = query(_CHECKS.format(periods=periods), days[0])
    ((days_with_costs,),) = query(_DAYS_WITH_COSTS, days[0])
    checked_days = {name: number for name, _, number in rows}
    for name in _REQUIRED_CHECKS:
        if checked_days.get(name, 0) < days_with_costs:
            raise Stop(
                f'The models are built, but the check "{name}" is missing for some days: restore '
                f"it in dbt_project, and run {COMMAND} models."
            )
    tables = {name.split(" ")[0] for name in checked_days} & marts()
    return Checked(days, sorted(tables), sum(number for _, number, _ in rows), warnings)
