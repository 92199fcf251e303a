"""What of the models is not built, or not checked, by the project's current version."""

from __future__ import annotations

from openai_costs.project_files import project_files
from openai_costs.query import Query
from openai_costs.reports.loaded_days import day_ranges
from openai_costs.warehouse.run_log import built_from

_UNCHECKED_DAYS = """
select organization_id, date
from openai_intermediate.int_openai__days_to_build
where fact = 'tests'
order by date
"""
_CHECKED_BY = "select max(checked_by) from openai_intermediate.int_openai__loaded_days"


def unverified(query: Query, organization_id: str | None = None) -> list[str]:
    """Return a sentence for each reason why the marts may be wrong; none if all is checked.

    Without an id, names the days of all organizations. If dbt was run without the command, it is
    unknown which files it used, and only the days are compared. Raises DatabaseException without
    models.
    """
    sentences = []
    rows = query(_UNCHECKED_DAYS)
    if days := {day for row_id, day in rows if organization_id in (None, row_id)}:
        sentences.append(f"These days have not passed the checks: {day_ranges(sorted(days))}")
    ((checked_by,),) = query(_CHECKED_BY)
    if checked_by and built_from(query, checked_by) not in (None, project_files()):
        sentences.append("Another version of this project built and checked the models")
    return sentences
