"""The rows of `/costs`: charges added up by the requested dimensions, as JSON texts.

No number passes through a float, so that amounts keep every digit.
"""

import functools
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal

from openai_costs_source.simulator.buckets import json_object
from openai_costs_source.simulator.charges import EXACT, Charge
from openai_costs_source.simulator.noise import noise
from openai_costs_source.simulator.organization import Organization

DIMENSIONS = ("project_id", "user_id", "api_key_id", "line_item", "api_source")
FILTERS = {"project_ids": "project_id", "api_key_ids": "api_key_id", "line_items": "line_item"}
"""The filter parameters, each with the dimension that it filters by."""


def cost_rows(
    organization: Organization, day: date, charges: Iterable[Charge], dimensions: Iterable[str]
) -> Iterator[str]:
    """Yield one row for each combination of the dimensions' values, and each currency, among the
    day's charges."""
    dimensions = tuple(dimensions)
    groups: dict[tuple[str | None, ...], list[Charge]] = {}
    for charge in charges:
        key = (charge.currency, *[getattr(charge, name) for name in dimensions])
        groups.setdefault(key, []).append(charge)
    for key, group in groups.items():
        yield _row(organization, day, dict(zip(dimensions, key[1:], strict=True)), group)


def _row(
    organization: Organization,
    day: date,
    values: Mapping[str, str | None],
    charges: list[Charge],
) -> str:
    amount, quantity = Decimal(0), None
    for charge in charges:
        amount = EXACT.add(amount, charge.amount)
        if charge.quantity is not None and "line_item" in values:
            quantity = EXACT.add(quantity or Decimal(0), charge.quantity)
    unit = charges[0].quantity_unit if "line_item" in values else None
    row_key = (day.toordinal(), *values.values())
    fields = {
        "object": '"organization.costs.result"',
        "amount": f'{{"value": {literal(amount, *row_key)}, "currency": "{charges[0].currency}"}}',
        **{name: _json(values.get(name)) for name in DIMENSIONS},
        "quantity": "null" if quantity is None else f"{quantity:f}",
        "quantity_unit": _json(unit),
    }
    # Undocumented fields, not on every row; the e-mail address of a deleted user stays on the bill.
    if noise("extras", *row_key)[0] < 0.85:
        fields["organization_id"] = _json(organization.id)
        fields["organization_name"] = _json(organization.name)
        if project_id := values.get("project_id"):
            fields["project_name"] = _json(organization.project_names.get(project_id))
        if user_id := values.get("user_id"):
            fields["user_email"] = _json(organization.emails.get(user_id))
    return json_object(fields)


_json = functools.cache(json.dumps)
"""The JSON of a name or an id, cached because many rows repeat it."""


def literal(amount: Decimal, *row_key: object) -> str:
    """Return the JSON text of an amount in one of the spellings that the live API uses.

    A number, a string or a string of 39 decimals; zero also as `0E-6176`, bare or as a string.
    Which one depends on `row_key` alone.
    """
    choice = noise("literal", *row_key)[0]
    if amount == 0 and choice < 0.6:
        return "0E-6176" if choice < 0.3 else '"0E-6176"'
    if choice < 0.75:
        return str(amount)
    return f'"{amount:f}"' if choice < 0.9 else f'"{amount:.39f}"'
