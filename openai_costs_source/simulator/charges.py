"""The charges of a day, at the finest grain of the bill.

The bill contains: a weekday rhythm and slow growth; a migration from gpt-5.4 to gpt-5.6 centred 75
days ago; a price cut 50 days ago; a runaway key nine days ago; a project archived about 60 days
ago; people and keys deleted since; a key rotated 25 days ago; free tokens; days that are restated
when they are older.
"""

from datetime import date
from decimal import Context, Decimal, Inexact
from typing import NamedTuple

from openai_costs_source.simulator.noise import noise
from openai_costs_source.simulator.prices import AGENT_RUNTIME, METERS, Meter
from openai_costs_source.simulator.workloads import AGENTS_KEY, WORKLOADS, Workload

RUNAWAY_AGE = 9
RUNAWAY_KEY = "key_search-reranker"

# Sums and products of amounts raise an error instead of losing a digit.
EXACT = Context(prec=80, traps=[Inexact])

_DECIMALS = {"1000_tokens": 3, "duration_hours": 9, "gibibyte_hours": 9}
# Data stored in the EU costs a tenth more; the last digit gives amounts more than 18 decimals.
_UPLIFT = {"proj_europe": Decimal("1.10000000000001")}

_WEEKDAYS = (0.96, 1.06, 1.10, 1.05, 0.91)
_GROWTH_PER_DAY = 0.0011
_GROWTH_FROM = date(2026, 1, 1).toordinal()


class Charge(NamedTuple):
    """One row of a day's bill at the finest grain; `amount` is exactly `quantity` times a price."""

    project_id: str | None
    user_id: str | None
    api_key_id: str | None
    line_item: str
    amount: Decimal
    quantity: Decimal | None
    quantity_unit: str | None
    currency: str = "usd"

    @property
    def api_source(self) -> str:
        by_agents = self.line_item == AGENT_RUNTIME or self.api_key_id == AGENTS_KEY
        return "agents_api" if by_agents else "unlabeled"


def charges_at_age(day: date, age: int) -> list[Charge]:
    """Return the day's charges as the API returns them when the day is `age` days old.

    A day is partial at age 0, and lacks rows at age 1. From then on a day stays unchanged,
    with two exceptions: every eleventh day is restated at the age of five (amounts change and a row
    vanishes), and events that are defined by age (the runaway key, the migration) move with it.
    """
    ordinal = day.toordinal()
    restated = ordinal % 11 == 0
    charges: list[tuple[float, Charge]] = []
    for work in WORKLOADS:
        presence, volume = _rhythm(day, work)
        volume *= work.activity(age)
        if age == RUNAWAY_AGE and f"key_{work.key}" == RUNAWAY_KEY:
            volume *= 8
        for mix, dollars, frequency in work.mixes:
            for meter in METERS[mix]:
                coin, spread, late, order = noise(
                    ordinal, work.key or work.owner, work.project, meter.line_item
                )
                if coin >= frequency * presence or (age < 2 and late < 0.12):
                    continue
                size = dollars * volume * meter.share * meter.volume(age)
                size *= 0.75 + spread / 2
                if age == 0:
                    size *= 0.4
                if restated and age < 5 and late > 0.8:
                    size *= 0.9
                if charge := _charge(work, meter, size, free=mix == "free"):
                    charges.append((order, charge))
    if restated and age >= 5:
        charges.remove(min(charges))
    return [charge for _, charge in charges]


def _rhythm(day: date, work: Workload) -> tuple[float, float]:
    """Return how likely each of the workload's rows is on that weekday, and its relative volume."""
    growth = max(0.2, 1 + (day.toordinal() - _GROWTH_FROM) * _GROWTH_PER_DAY)
    if day.weekday() < 5:
        return 1.0, growth * _WEEKDAYS[day.weekday()]
    return (1.0, growth * 0.68) if work.automatic else (0.45, growth * 0.4)


def _charge(work: Workload, meter: Meter, dollars: float, free: bool) -> Charge | None:
    """Return the charge for about that many dollars. Volumes may be floats; amounts never are."""
    decimals = _DECIMALS.get(meter.unit, 0)
    quantity = Decimal(round(dollars / float(meter.price) * 10**decimals)).scaleb(-decimals)
    if not quantity:
        return None
    project_id = f"proj_{work.project}"
    price = EXACT.multiply(meter.price, _UPLIFT.get(project_id, Decimal(1)))
    return Charge(
        project_id=project_id,
        user_id=f"user-{work.owner}" if work.owner and not work.automatic else None,
        api_key_id=f"key_{work.key}" if work.key else None,
        line_item=meter.line_item,
        amount=Decimal(0) if free else EXACT.multiply(quantity, price),
        quantity=quantity,
        quantity_unit=None if meter.unit == "calls" else meter.unit,
    )
