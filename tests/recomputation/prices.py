"""`unit_prices`: what was paid for one unit, and since when."""

from collections import defaultdict
from decimal import Decimal

from recomputation.books import TOKENS_IN_ONE
from recomputation.daily_costs import by_model
from recomputation.rows import MILLION, ZERO, grouped, total

ROUNDING = Decimal("1e-6")
"""The share by which two prices may differ because of the rounding of a division."""


def unit_prices(books):
    charges = [c for c in books.charges if c.quantity and not c.is_credit]
    histories = {key: _history(by_day) for key, by_day in _sequences(charges).items()}
    return [
        _row(books, key, of_day, histories) for key, of_day in grouped(charges, by_model).items()
    ]


def _row(books, key, charges, histories):
    paid = [c for c in charges if c.amount]
    free = [c for c in charges if not c.amount]
    scale, priced_per = _priced_per(charges[0])
    usual, average, history = None, None, (False, None, None)
    if paid:
        usual = _usual_charge(paid)
        average = total(c.amount for c in paid) / total(c.quantity for c in paid)
        history = histories[_sequence(usual)][usual.date]
    is_mixed, previous, changed_on = history
    return {
        **dict(key),
        "organization_name": books.listings.organization_name(charges[0].organization_id),
        "quantity": total(c.quantity for c in paid) if paid else None,
        "free_quantity": total(c.quantity for c in free) if free else None,
        "unblended_cost": total(c.amount for c in charges),
        "priced_per": priced_per,
        "average_price": None if average is None else float(average * scale),
        "usual_price": None if usual is None else float(_price(usual) * scale),
        "previous_price": None if previous is None else float(previous * scale),
        "changed_on": changed_on,
        "is_mixed": is_mixed,
        "model_family": charges[0].family,
    }


def _price(charge):
    return charge.amount / charge.quantity


def _priced_per(charge):
    """How many of the API's units a price is for, and the name of that unit."""
    if charge.quantity_unit in TOKENS_IN_ONE:
        return MILLION / TOKENS_IN_ONE[charge.quantity_unit], "million tokens"
    return Decimal(1), charge.quantity_unit or charge.item.meter


def _usual_charge(charges):
    """The charge with the median price by quantity."""
    so_far, whole = ZERO, total(c.quantity for c in charges)
    for charge in sorted(charges, key=_price):
        so_far += charge.quantity
        if so_far * 2 >= whole:
            return charge
    raise AssertionError("no charge has a quantity")


def _sequence(charge):
    """What has one price over time: what is priced, in a project."""
    _, *same = by_model(charge)
    return (charge.project_id, *same)


def _sequences(charges):
    """The usual price of each day, by sequence."""
    sequences = defaultdict(dict)
    paid = [c for c in charges if c.amount]
    for (sequence, day), of_day in grouped(paid, lambda c: (_sequence(c), c.date)).items():
        sequences[sequence][day] = _price(_usual_charge(of_day))
    return sequences


def _history(by_day):
    """By day: whether it is mixed, the price before the last change, and the day of that change."""
    days = sorted(by_day)
    prices = [by_day[day] for day in days]
    history, last, previous, changed_on, mixed_since = {}, None, None, None, None
    for index, (day, price) in enumerate(zip(days, prices, strict=True)):
        is_mixed = 0 < index < len(days) - 1 and _is_between(
            price, *prices[index - 1 : index + 2 : 2]
        )
        if is_mixed:
            mixed_since = mixed_since or day
        if last is not None and _differ(last, price):
            previous, changed_on = last, mixed_since or day
        if not is_mixed:
            last, mixed_since = price, None
        history[day] = is_mixed, previous, changed_on
    return history


def _is_between(price, before, after):
    return min(before, after) < price < max(before, after) and all(
        _differ(price, other) for other in (before, after)
    )


def _differ(price, other):
    return abs(price - other) > ROUNDING * max(price, other)
