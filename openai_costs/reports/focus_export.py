"""FOCUS files: one for each organization and billing month, and a file that describes them.

    focus-org-1a2b3c-2026-10.parquet    all charges of the month, in FOCUS's columns and ours
    focus-org-1a2b3c-metadata.json      FOCUS's metadata of all files of the organization

A file is the whole month and takes the place of the one before it (FOCUS: Overwrite, Replacement).
It is made beside that one and compared with what the warehouse says the month came to before it
takes its place; where nothing has changed, the one that is there stays.
"""

from __future__ import annotations

import contextlib
import filecmp
import functools
import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import chain, groupby
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from dlt.destinations.exceptions import DatabaseException, DatabaseUndefinedRelation
from rich.console import Console
from rich.markup import escape

from openai_costs.reports.amounts import exact
from openai_costs.reports.focus_metadata import DATE_TIME, write_metadata

FORMATS = ("parquet", "csv")
ROWS_AT_A_TIME = 20_000
_MODEL = Path(__file__).resolve().parents[2] / "dbt_project/models/marts/openai__focus_costs.yml"

# The months of the ledger, also those in which nothing was billed; and any that have charges.
_MONTHS = """
select organization_id, max(organization_name), start, max(days)
from (
    select organization_id, organization_name, period_start as start, actual as days
    from openai_marts.reconciliation
    where check_name = 'every day is in the ledger'
    union all
    select distinct BillingAccountId, BillingAccountName, cast(BillingPeriodStart as date), 0
    from openai_marts.focus_costs
) as told
group by organization_id, start
order by organization_id, start
"""
_BILLED = """
select BillingCurrency, count(*), sum(BilledCost)
from openai_marts.focus_costs
where BillingAccountId = %s and ChargePeriodStart >= %s and ChargePeriodStart < %s
group by BillingCurrency
order by BillingCurrency
"""
_DAYS = """
select ChargePeriodStart, count(*)
from openai_marts.focus_costs
where BillingAccountId = %s and ChargePeriodStart >= %s and ChargePeriodStart < %s
group by ChargePeriodStart
order by ChargePeriodStart
"""
# The same charges come in the same order, so that the same month is the same file.
_CHARGES = """
select {columns}
from openai_marts.focus_costs
where BillingAccountId = %s and ChargePeriodStart >= %s and ChargePeriodStart < %s
order by
    ChargePeriodStart, SubAccountId, x_PrincipalId, x_CredentialId, x_LineItem, x_ApiSource,
    x_QuantityUnit, BillingCurrency, BilledCost, x_Quantity
"""


class Month(NamedTuple):
    """A billing month of an organization; `is_whole` where each of its days is loaded and over."""

    organization_id: str
    organization_name: str
    start: date
    is_whole: bool

    @property
    def end(self) -> date:
        return (self.start + timedelta(days=31)).replace(day=1)


class Exported(NamedTuple):
    """A file: what it holds, and whether it is new or was there already. `billed` by currency."""

    month: Month
    file: Path
    rows: int
    billed: dict[str, Decimal]
    is_new: bool


class Differs(Exception):
    """A file does not hold what the warehouse says that the month came to."""


@functools.cache
def columns() -> pa.Schema:
    """The columns of a file, in FOCUS's order and spelling, as the model's description has them."""
    described = yaml.safe_load(_MODEL.read_text(encoding="utf-8"))["models"][0]["columns"]
    types = {
        "string": pa.string(),
        "timestamp": pa.timestamp("us", tz="UTC"),
        "decimal(38, 18)": pa.decimal128(38, 18),
        "decimal(38, 9)": pa.decimal128(38, 9),
    }
    return pa.schema([(column["name"], types[column["data_type"]]) for column in described])


def months(client: Any) -> list[Month]:
    """The months that the warehouse holds, also those in which nothing was billed."""
    found = [
        (Month(organization_id, name, start, False), int(days))
        for organization_id, name, start, days in client.execute_sql(_MONTHS)
    ]
    # The last day of a month was over when it was read where a later month is loaded as well.
    last = {month.organization_id: month.start for month, _ in found}
    return [
        month._replace(
            is_whole=days == (month.end - month.start).days
            and month.start < last[month.organization_id]
        )
        for month, days in found
    ]


def is_lacking(error: DatabaseException) -> bool:
    """Whether a query failed because the models are not there, or lack a column."""
    # Of a column, dlt says no more than that the statement is wrong.
    is_without_a_column = re.search("binder error|column .*does not exist", str(error).lower())
    return isinstance(error, DatabaseUndefinedRelation) or bool(is_without_a_column)


def export(
    client: Any, wanted: Sequence[Month], folder: Path, file_format: str, now: datetime
) -> Iterator[Exported]:
    """Write the files of these months, and the metadata of each organization after its last one.

    `client` is a dlt SQL client of a warehouse with the models. Raises Differs where a file does
    not hold what the warehouse says, and OSError or duckdb.Error where it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for _, organization in groupby(wanted, lambda each: each.organization_id):
        done: list[Exported] = []
        try:
            for month in organization:
                done.append(_exported(client, month, folder, file_format))
                yield done[-1]
        finally:
            # Also of the months that were done when a later one failed.
            if done:
                file = folder / f"{_name(done[0].month)}-metadata.json"
                with _beside(file) as part:
                    write_metadata(part, file, columns(), done, now)


def print_exported(console: Console, exported: Sequence[Exported]) -> None:
    """Print what each file holds, and what all hold together, exactly."""
    for (organization_id, name), organization in groupby(exported, lambda each: each.month[:2]):
        console.print(f"\n[bold]{escape(name)}[/bold] ({escape(organization_id)})", soft_wrap=True)
        total: dict[str, Decimal] = {}
        rows = 0
        for month, file, count, billed, is_new in organization:
            rows += count
            for currency, amount in billed.items():
                total[currency] = total.get(currency, Decimal(0)) + amount
            costs = ", ".join(f"{amount:>12,.2f} {currency}" for currency, amount in billed.items())
            state = "written" if is_new else "unchanged"
            told = f"  {month.start:%Y-%m}{count:>11,}  {costs:16}  {state:9}  {escape(file.name)}"
            console.print(told, soft_wrap=True)
        exactly = ", ".join(f"{exact(amount)} {currency}" for currency, amount in total.items())
        told = f"  {rows:,} charges, exactly {exactly or 0}: as in openai_marts.focus_costs"
        console.print(told, soft_wrap=True)


def _name(month: Month) -> str:
    # What an id may hold, a path may not.
    return f"focus-{quote(month.organization_id, safe='')}"


def _exported(client: Any, month: Month, folder: Path, file_format: str) -> Exported:
    file = folder / f"{_name(month)}-{month.start:%Y-%m}.{file_format}"
    counted = client.execute_sql(_BILLED, month.organization_id, month.start, month.end)
    with _beside(file) as part:
        _write(part, _charges(client, month), file_format)
        if _read_back(part, file_format) != [tuple(row) for row in counted]:
            raise Differs(
                f"{file.name} would not hold what openai_marts.focus_costs says that "
                f"{month.start:%Y-%m} came to; perhaps the models were built meanwhile. Run again."
            )
        is_new = not (file.is_file() and filecmp.cmp(part, file, shallow=False))
        if is_new:
            part.replace(file)
        # A month is one file: read with the others, a second one would count its charges twice.
        for other in set(FORMATS) - {file_format}:
            file.with_suffix(f".{other}").unlink(missing_ok=True)
    billed = {currency: amount for currency, _, amount in counted}
    return Exported(month, file, sum(rows for _, rows, _ in counted), billed, is_new)


@contextlib.contextmanager
def _beside(file: Path) -> Iterator[Path]:
    """A file to make beside the one whose place it takes; what is left of it at the end goes."""
    part = file.with_name(f".{file.name}.part")
    try:
        part.write_bytes(b"")
        yield part
    finally:
        part.unlink(missing_ok=True)


def _charges(client: Any, month: Month) -> Iterator[pa.Table]:
    """The month's charges, some days at a time: an engine that sorts, and a driver that fetches the
    whole answer at once, take memory for no more of them."""
    schema = columns()
    sql = _CHARGES.format(columns=", ".join(schema.names))
    for first, until in _spans(client, month):
        with client.execute_query(sql, month.organization_id, first, until) as cursor:
            yield from _tables(cursor, schema)


def _spans(client: Any, month: Month) -> Iterator[tuple[date, date]]:
    """The month in runs of days that hold some 20,000 charges each, or a single day."""
    first, rows = month.start, 0
    for day, count in client.execute_sql(_DAYS, month.organization_id, month.start, month.end):
        rows += count
        if rows >= ROWS_AT_A_TIME:
            until = date(day.year, day.month, day.day) + timedelta(days=1)
            yield first, until
            first, rows = until, 0
    if rows:
        yield first, month.end


def _tables(cursor: Any, schema: pa.Schema) -> Iterator[pa.Table]:
    """The answer in parts: as Arrow where the driver speaks it, else from Python's values, as
    dlt's own conversion would guess their types."""
    from dlt.destinations.sql_client import DBApiCursorImpl

    if getattr(type(cursor), "iter_arrow", None) not in (None, DBApiCursorImpl.iter_arrow):
        for table in cursor.iter_arrow(chunk_size=ROWS_AT_A_TIME):
            yield table.rename_columns(schema.names).cast(schema)
        return
    while rows := cursor.fetchmany(ROWS_AT_A_TIME):
        arrays = [
            pa.array(values, field.type)
            for values, field in zip(zip(*rows, strict=True), schema, strict=True)
        ]
        yield pa.Table.from_arrays(arrays, schema=schema)


def _write(file: Path, charges: Iterator[pa.Table], file_format: str) -> None:
    if file_format == "parquet":
        with pq.ParquetWriter(file, columns(), compression="zstd") as parquet:
            for table in charges:
                parquet.write_table(table)
        return
    # PyArrow would write a small amount as 4.5E-6, and a moment without its T. DuckDB writes a
    # moment that has no time zone as it is told to.
    schema = pa.schema(
        (each.name, pa.timestamp("us") if pa.types.is_timestamp(each.type) else each.type)
        for each in columns()
    )
    batches = chain.from_iterable(table.cast(schema).to_batches() for table in charges)
    with duckdb.connect(config={"threads": 1}) as writer:
        read = writer.from_arrow(pa.RecordBatchReader.from_batches(schema, batches))
        read.write_csv(str(file), header=True, timestamp_format=DATE_TIME)


def _read_back(file: Path, file_format: str) -> list[tuple[Any, ...]]:
    """What a file holds, by currency: number and sum of charges, exactly."""
    with duckdb.connect() as reader:
        if file_format == "csv":
            charges = reader.read_csv(str(file), header=True, all_varchar=True)
        else:
            charges = reader.read_parquet(str(file))
        return (
            charges.aggregate(
                "BillingCurrency, count(*), sum(cast(BilledCost as decimal(38, 18)))",
                "BillingCurrency",
            )
            .order("BillingCurrency")
            .fetchall()
        )
