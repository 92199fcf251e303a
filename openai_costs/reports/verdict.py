"""The result of the reconciliation checks of an organization, in one line."""

from __future__ import annotations

from openai_costs.query import Query
from openai_costs.terminal import Part

_STATUSES = ("equal", "within tolerance", "not comparable")

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


def verdict(query: Query, organization_id: str) -> Part:
    """Return the number of checks by status, or the first check that differs."""
    counts = {row[0]: row[1] for row in query(_CHECKS, organization_id)}
    total = sum(counts.values())
    # The mart grows with the history, so the second query runs only if a check differs.
    if "differs" in counts and (differing := query(_DIFFERING, organization_id)):
        *check, reason = (str(value) for value in differing[0] if value is not None)
        message = f"{len(differing)} of {total:,} checks differ; {', '.join(check)}: {reason}"
        return message, "yellow"
    parts = [f"{counts[status]:,} {status}" for status in _STATUSES if status in counts]
    return f"{total:,} checks: {', '.join(parts)}" if parts else "nothing to compare"
