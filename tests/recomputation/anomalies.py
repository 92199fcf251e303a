"""`cost_anomalies`: days that cost much more than the same weekday in earlier weeks."""

from datetime import timedelta
from decimal import Decimal

from recomputation.daily_costs import by_model
from recomputation.rows import ONE_DAY, ZERO, days_between, grouped, lower_median, ratio, total

SCORE, MINIMUM, MINIMUM_SHARE = 4, 25, 0.03
WEEKS, LEAST_WEEKS = 8, 4
STANDARD_DEVIATION = 1.4826
"""One standard deviation as a multiple of the median distance from the median."""


def cost_anomalies(books):
    return [
        row
        for organization_id in books.ledger.organization_ids
        for currency in books.currencies(organization_id)
        for scope in ("project", "user", "api_key", "model")
        for id_ in books.ids(organization_id, currency, scope)
        if id_ is not None or scope == "project"
        for row in _anomalies(books, organization_id, currency, scope, id_)
    ]


def _anomalies(books, organization_id, currency, scope, id_):
    whole = books.costs_by_day(organization_id, currency, "organization", organization_id)
    costs = books.costs_by_day(organization_id, currency, scope, id_)
    for day in sorted(books.ledger.loaded(organization_id)):
        earlier = _earlier_weekdays(books, organization_id, whole, day)
        before = [costs.get(past, ZERO) for past in earlier]
        if len(before) < LEAST_WEEKS:
            continue
        actual, usual = costs.get(day, ZERO), lower_median(before)
        excess = actual - usual
        spread = STANDARD_DEVIATION * float(lower_median([abs(cost - usual) for cost in before]))
        spread = max(spread, 0.15 * float(usual))
        minimum = max(MINIMUM, MINIMUM_SHARE * _mean_before(whole, day))
        if excess < max(minimum, SCORE * spread) or actual < Decimal("1.25") * sorted(before)[-2]:
            continue
        if scope in ("user", "model") or not usual:
            parent = _parent(books, organization_id, currency, scope, id_, day) or whole
            parents_usual = lower_median([parent.get(past, ZERO) for past in earlier])
            if parent.get(day, ZERO) - parents_usual < excess / 2:
                continue
        effects = _effects(books, (organization_id, currency, scope, id_), day, earlier)
        yield {
            "date": day,
            "organization_id": organization_id,
            "organization_name": books.listings.organization_name(organization_id),
            "scope": scope,
            "scope_id": id_ or "",
            "currency": currency,
            "actual": actual,
            "expected": usual,
            "excess": excess,
            "score": ratio(excess, max(spread, minimum / SCORE)),
            **(effects if usual else {**effects, "explained_by": f"new {scope}"}),
        }


def _earlier_weekdays(books, organization_id, whole, day):
    """The same weekdays of eight weeks that are loaded, from the first costs on."""
    earlier = [day - timedelta(weeks=weeks) for weeks in range(1, WEEKS + 1)]
    loaded = books.ledger.loaded(organization_id)
    return [past for past in earlier if past in loaded and past >= min(whole)]


def _mean_before(whole, day):
    """What the days with costs among the 28 before cost on average."""
    before = days_between(day - timedelta(days=28), day - ONE_DAY)
    costs = [float(whole[past]) for past in before if past in whole]
    return sum(costs) / len(costs) if costs else 0.0


def _parent(books, organization_id, currency, scope, id_, day):
    """The costs of the key's project; None for other scopes."""
    if scope != "api_key":
        return None
    projects = {
        c.project_id
        for c in books.charges
        if (c.organization_id, c.api_key_id, c.date) == (organization_id, id_, day)
    }
    (project_id,) = projects
    return books.costs_by_day(organization_id, currency, "project", project_id)


def _effects(books, of_scope, day, earlier):
    """How much of the excess over the mean of the earlier weekdays is volume, price and mix."""
    by_item = grouped(
        books.in_scope(*of_scope), lambda c: tuple(v for k, v in by_model(c) if k != "date")
    )
    volume = price = mix = 0.0
    for charges in by_item.values():
        now = [c for c in charges if c.date == day and c.quantity]
        past = [c for c in charges if c.date in earlier and c.quantity]
        cost, quantity = _sums(now)
        mean_cost, mean_quantity = (value / len(earlier) for value in _sums(past))
        if now and past and mean_quantity:
            volume += (quantity - mean_quantity) * mean_cost / mean_quantity
            price += cost - quantity * mean_cost / mean_quantity
        else:
            mix += cost - mean_cost
    effects = {"volume": volume, "price": price, "model mix": mix}
    return {
        "explained_by": max(effects, key=effects.get),
        "volume_effect": volume,
        "price_effect": price,
        "mix_effect": mix,
    }


def _sums(charges):
    return float(total(c.amount for c in charges)), float(total(c.quantity for c in charges))
