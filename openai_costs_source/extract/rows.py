"""Arrow rows of `costs`, `cost_days` and their related tables. Pure, like `pages`.

bytes ──> pages.read_page ──> Page ──> cost_rows, cost_day_rows ──> dlt
"""

from __future__ import annotations

import decimal
import functools
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from openai_costs_source.api.pages import DAY_SECONDS, MONEY, QUANTITY, Page, stored_decimal

INSTANT = pa.timestamp("us", tz="UTC")

ONE_ROUNDING = decimal.Decimal("1e-18")
"""The most by which rounding can change the amount of a row."""

TOO_LARGE = 10**15
"""Amounts from here on are refused: sums of smaller ones fit the decimals of every engine."""

DEFAULT_CURRENCY = "usd"
"""The currency of a row for which the API returns none or an empty one, such as one without an
amount."""

_EXACT_SUM = pa.decimal256(76, 18)


class DaySum(NamedTuple):
    """The amount of a day in one currency, and the number of its rows."""

    amount: decimal.Decimal
    row_count: int


NOTHING = DaySum(decimal.Decimal(0), 0)

COSTS = pa.schema(
    [
        ("organization_id", pa.string()),
        ("organization_name", pa.string()),
        ("bucket_start", INSTANT),
        ("bucket_end", INSTANT),
        ("date", pa.date32()),
        ("project_id", pa.string()),
        ("project_name", pa.string()),
        ("user_id", pa.string()),
        ("user_email", pa.string()),
        ("api_key_id", pa.string()),
        ("line_item", pa.string()),
        ("api_source", pa.string()),
        ("amount", MONEY),
        ("currency", pa.string()),
        ("quantity", QUANTITY),
        ("quantity_unit", pa.string()),
        ("grouped_by", pa.string()),
        ("loaded_at", INSTANT),
    ]
)
"""One row per result of the API. `date` is the bucket's UTC day: a date that is derived from a
timestamp would depend on the session's time zone."""

COSTS_BY_USER = pa.schema(
    [field for field in COSTS if field.name not in ("project_id", "project_name", "api_key_id")]
)
"""The user × line item response, for days on which the API cannot combine users with projects: the
same money as in `costs`, in another grouping."""

COST_DAYS = pa.schema(
    [
        ("organization_id", pa.string()),
        ("organization_name", pa.string()),
        ("date", pa.date32()),
        ("loaded_at", INSTANT),
        ("is_closed", pa.bool_()),
        ("grouped_by", pa.string()),
        ("row_count", pa.int64()),
        ("currency", pa.string()),
        ("row_amount", MONEY),
        ("api_amount", MONEY),
    ]
)
"""The ledger: one row per organization and loaded day, also for a day without costs. The currency
and the amounts of a day with several currencies are null."""

COST_DAYS_BY_CURRENCY = pa.schema(
    [
        ("organization_id", pa.string()),
        ("date", pa.date32()),
        ("currency", pa.string()),
        ("loaded_at", INSTANT),
        ("row_count", pa.int64()),
        ("row_amount", MONEY),
        ("api_amount", MONEY),
    ]
)
"""One row per organization, day and currency, for days with several currencies."""

COST_RESTATEMENTS = pa.schema(
    [
        ("organization_id", pa.string()),
        ("date", pa.date32()),
        ("currency", pa.string()),
        ("was_amount", MONEY),
        ("is_amount", MONEY),
        ("was_row_count", pa.int64()),
        ("is_row_count", pa.int64()),
        ("was_loaded_at", INSTANT),
        ("seen_at", INSTANT),
        ("seen_on", pa.date32()),
        ("seen_us", pa.int64()),
    ]
)
"""One row per restatement of a closed day and currency: its amount in the load before, and now.
`seen_on` and `seen_us` (microseconds since 1970) repeat `seen_at`."""

ORGANIZATIONS = pa.schema(
    [
        ("organization_id", pa.string()),
        ("name_in_header", pa.string()),
        ("earliest_day", pa.date32()),
        ("earliest_seen_on", pa.date32()),
        ("loaded_at", INSTANT),
    ]
)
"""One row per organization: its name in OpenAI's replies, and the first day of OpenAI's own history
when a load last reached it."""


def cost_rows(
    page: Page,
    organization_id: str,
    grouped_by: Sequence[str],
    loaded_at: datetime,
    schema: pa.Schema = COSTS,
) -> pa.Table:
    """The page as rows of `COSTS`, or of `COSTS_BY_USER`."""
    amount = page.results["amount"].combine_chunks()
    money = {
        "amount": pc.struct_field(amount, "value"),
        "currency": pc.struct_field(amount, "currency"),
    }
    return dated_rows(page, organization_id, grouped_by, loaded_at, schema, money)


def dated_rows(
    page: Page,
    organization_id: str,
    grouped_by: Sequence[str],
    loaded_at: datetime,
    schema: pa.Schema,
    other_columns: Mapping[str, pa.Array] = MappingProxyType({}),
) -> pa.Table:
    """A page's results as rows of `schema`, each with its day and its grouping."""
    sizes = [bucket.size for bucket in page.buckets]
    starts = _repeated([bucket.start for bucket in page.buckets], sizes)
    ends = _repeated([bucket.end for bucket in page.buckets], sizes)
    results = page.results
    columns = {name: results[name] for name in results.column_names} | {
        "organization_id": _constant(organization_id, results.num_rows, pa.string()),
        "bucket_start": starts.cast(pa.timestamp("s", tz="UTC")).cast(INSTANT),
        "bucket_end": ends.cast(pa.timestamp("s", tz="UTC")).cast(INSTANT),
        "date": pc.divide(starts, DAY_SECONDS).cast(pa.int32()).cast(pa.date32()),
        "grouped_by": _constant(",".join(grouped_by), results.num_rows, pa.string()),
        "loaded_at": _constant(loaded_at, results.num_rows, INSTANT),
        **other_columns,
    }
    return pa.table([columns[name] for name in schema.names], schema=schema)


def cost_day_rows(
    page: Page,
    organization_id: str,
    organization_name: str | None,
    grouped_by: Sequence[str],
    loaded_at: datetime,
    api_amounts: Mapping[date, Mapping[str, decimal.Decimal]],
) -> pa.Table:
    """The page's days as rows of the ledger `COST_DAYS`; a day is closed once it is over.

    `api_amounts` are the API's own totals by day and currency.
    """
    days = []
    for bucket in page.buckets:
        amounts = _amounts(page, bucket.day, api_amounts)
        days.append(
            {
                **(amounts[0] if len(amounts) == 1 else {}),
                "organization_id": organization_id,
                "organization_name": organization_name,
                "date": bucket.day,
                "loaded_at": loaded_at,
                "is_closed": bucket.day < loaded_at.date(),
                "grouped_by": ",".join(grouped_by),
                "row_count": bucket.size,
            }
        )
    return pa.Table.from_pylist(days, schema=COST_DAYS)


def cost_day_rows_by_currency(
    page: Page,
    organization_id: str,
    loaded_at: datetime,
    api_amounts: Mapping[date, Mapping[str, decimal.Decimal]],
) -> pa.Table:
    """The page's days with several currencies as rows of `COST_DAYS_BY_CURRENCY`."""
    days = []
    for bucket in page.buckets:
        amounts = _amounts(page, bucket.day, api_amounts)
        if len(amounts) > 1:
            day = {"organization_id": organization_id, "date": bucket.day, "loaded_at": loaded_at}
            days += [day | amount for amount in amounts]
    return pa.Table.from_pylist(days, schema=COST_DAYS_BY_CURRENCY)


def _amounts(
    page: Page, day: date, api_amounts: Mapping[date, Mapping[str, decimal.Decimal]]
) -> list[dict[str, Any]]:
    """The amounts of a day by currency, at least one, as columns of the ledger."""
    sums, api = sums_per_day(page)[day], api_amounts.get(day)
    return [
        {
            "currency": currency or None,
            "row_count": sums.get(currency, NOTHING).row_count,
            "row_amount": sums.get(currency, NOTHING).amount,
            "api_amount": None if api is None else api.get(currency, decimal.Decimal(0)),
        }
        for currency in sorted({*sums, *(api or ())}) or [""]
    ]


def organization_row(*values: Any) -> pa.Table:
    """One row of `ORGANIZATIONS`, its values in the schema's order."""
    row = dict(zip(ORGANIZATIONS.names, values, strict=True))
    return pa.Table.from_pylist([row], schema=ORGANIZATIONS)


@functools.lru_cache(maxsize=4)
def sums_per_day(page: Page) -> Mapping[date, Mapping[str, DaySum]]:
    """The sum of each day of the page in each currency; nothing for an empty day.

    Raises ValueError if the amount of a row or a day is too large.
    """
    amount = page.results["amount"].combine_chunks()
    values, currencies = pc.struct_field(amount, "value"), pc.struct_field(amount, "currency")
    days: dict[date, Mapping[str, DaySum]] = {}
    offset = 0
    for bucket in page.buckets:
        amounts = values.slice(offset, bucket.size)
        currency = currencies.slice(offset, bucket.size)
        codes: dict[str, list[str | None]] = {}
        for code in pc.unique(currency).to_pylist():
            codes.setdefault(((code or "").strip() or DEFAULT_CURRENCY).lower(), []).append(code)
        sums = {}
        for name, of_name in codes.items():
            is_of_name = pc.is_in(currency, value_set=pa.array(of_name, pa.string()))
            selected = amounts.filter(is_of_name) if len(codes) > 1 else amounts
            sums[name] = DaySum(_sum(selected, bucket.day), len(selected))
        days[bucket.day] = MappingProxyType(sums)
        offset += bucket.size
    return MappingProxyType(days)


def _sum(amounts: pa.Array, day: date) -> decimal.Decimal:
    # PyArrow's sum of 128-bit decimals overflows without an error.
    total = pc.sum(amounts.cast(_EXACT_SUM)).as_py() or decimal.Decimal(0)
    largest = pc.max(pc.abs(amounts)).as_py() or 0
    if max(largest, total.copy_abs()) >= TOO_LARGE:
        raise ValueError(f"an amount of {day} is too large: {largest or total}")
    return stored_decimal(f"the sum of {day}", total, MONEY)


def last_value(page: Page, field: str) -> str | None:
    """The last value of a text field that every result repeats, such as the organization's id."""
    values = page.results[field].drop_null()
    return str(values[-1].as_py()) if len(values) else None


def distinct_values(page: Page, field: str) -> set[str]:
    """The values of a text field, without null."""
    return set(pc.unique(page.results[field].drop_null()).to_pylist())


def _repeated(values: Sequence[int], sizes: Sequence[int]) -> pa.Array:
    indices = pa.array([i for i, size in enumerate(sizes) for _ in range(size)], type=pa.int64())
    return pa.array(values, type=pa.int64()).take(indices)


def _constant(value: Any, size: int, kind: pa.DataType) -> pa.Array:
    return pa.repeat(pa.scalar(value, type=kind), size)
