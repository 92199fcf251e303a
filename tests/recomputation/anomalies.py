"""`cost_anomalies`: days that cost much more than the same weekday in earlier weeks.

Rows for costs that moved to another key, model or user of the same project or organization are not
excluded: the organizations of the test have none.
"""

from datetime import timedelta

from recomputation.rows import ZERO, lower_median, ratio

LEAST_SCORE, LEAST_EXCESS, LEAST_SHARE = 4, 25, 0.03
LEAST_SPREAD = 0.15
"""The smallest usual spread, as a share of the usual cost."""
STANDARD_DEVIATION = 1.4826
"""One standard deviation as a multiple of the median distance from the median."""


def cost_anomalies(books):
    rows = []
    for organization_id in books.ledger.organization_ids:
        days = sorted(books.ledger.loaded(organization_id))
        for currency in books.currencies(organization_id):
            whole = books.costs_by_day(organization_id, currency, "organization", organization_id)
            typical = lower_median([whole.get(day, ZERO) for day in days])
            for scope in ("project", "user", "api_key", "model"):
                for id_ in books.ids(organization_id, currency, scope):
                    if id_ is None and scope != "project":
                        continue
                    costs = books.costs_by_day(organization_id, currency, scope, id_)
                    for day in days:
                        found = _anomaly(costs, days, day, typical)
                        if found:
                            rows.append(
                                {
                                    "date": day,
                                    "organization_id": organization_id,
                                    "scope": scope,
                                    "scope_id": id_ or "",
                                    "currency": currency,
                                    **found,
                                }
                            )
    return rows


def _anomaly(costs, days, day, typical):
    earlier = [day - timedelta(weeks=weeks) for weeks in range(1, 9)]
    earlier = [costs.get(past, ZERO) for past in earlier if past in days]
    if len(earlier) < 4:
        return None
    usual, actual = lower_median(earlier), costs.get(day, ZERO)
    distance = lower_median([abs(cost - usual) for cost in earlier])
    spread = max(STANDARD_DEVIATION * float(distance), LEAST_SPREAD * float(usual))
    excess = actual - usual
    least = max(LEAST_SCORE * spread, LEAST_EXCESS, LEAST_SHARE * float(typical))
    if excess < least:
        return None
    return {
        "actual": actual,
        "expected": usual,
        "excess": excess,
        "score": ratio(excess, spread),
    }
