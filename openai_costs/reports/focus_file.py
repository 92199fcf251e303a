"""One FOCUS file: reads the charges of a month from the warehouse and writes Parquet or CSV."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from openai_costs.folders import PROJECT
from openai_costs.reports.focus_month import DATE_TIME, Month

ROWS_PER_QUERY = 20_000

_EVALUATED = r"''*[=+\-@\t\r\n\x{FF1D}\x{FF0B}\x{FF0D}\x{FF20}]"
"""How a text starts that a spreadsheet evaluates, as part of a SQL literal: with one of these
characters, after any apostrophes. The last four are full-width forms."""

_MODEL = PROJECT / "models/marts/openai__focus_costs.yml"

_ROWS_BY_DAY = """
select ChargePeriodStart, count(*)
from openai_marts.focus_costs
where BillingAccountId = %s and ChargePeriodStart >= %s and ChargePeriodStart < %s
group by ChargePeriodStart
order by ChargePeriodStart
"""
# Ordered by so many columns that the same charges always produce the same file.
_CHARGES = """
select {columns}
from openai_marts.focus_costs
where BillingAccountId = %s and ChargePeriodStart >= %s and ChargePeriodStart < %s
order by
    ChargePeriodStart, SubAccountId, x_PrincipalId, x_CredentialId, x_LineItem, x_ApiSource,
    x_QuantityUnit, BillingCurrency, BilledCost, x_Quantity
"""


@functools.cache
def focus_schema() -> pa.Schema:
    """Return the columns of a file, in FOCUS's order and spelling, from the model's description."""
    model = yaml.safe_load(_MODEL.read_text(encoding="utf-8"))["models"][0]
    types = {
        "string": pa.string(),
        "timestamp": pa.timestamp("us", tz="UTC"),
        "decimal(38, 18)": pa.decimal128(38, 18),
        "decimal(38, 9)": pa.decimal128(38, 9),
    }
    return pa.schema([(column["name"], types[column["data_type"]]) for column in model["columns"]])


def read_charges(client: Any, month: Month) -> Iterator[pa.Table]:
    """Yield the charges of a month, a few days at a time.

    One query for the whole month would need memory for all of it: some engines sort, and some
    drivers fetch, the complete result at once.
    """
    schema = focus_schema()
    sql = _CHARGES.format(columns=", ".join(schema.names))
    for first, until in _date_ranges(client, month):
        with client.execute_query(sql, month.organization_id, first, until) as cursor:
            yield from _tables(cursor, schema)


def _date_ranges(client: Any, month: Month) -> Iterator[tuple[date, date]]:
    """Split the month into date ranges of at least `ROWS_PER_QUERY` charges, except the last."""
    first, rows = month.start, 0
    for day, count in client.execute_sql(
        _ROWS_BY_DAY, month.organization_id, month.start, month.end
    ):
        rows += count
        if rows >= ROWS_PER_QUERY:
            until = date(day.year, day.month, day.day) + timedelta(days=1)
            yield first, until
            first, rows = until, 0
    if rows:
        yield first, month.end


def _tables(cursor: Any, schema: pa.Schema) -> Iterator[pa.Table]:
    """Yield the rows of a cursor as Arrow tables of the schema.

    If the driver has no Arrow interface, its Python values are converted here: dlt would guess
    their types.
    """
    from dlt.destinations.sql_client import DBApiCursorImpl

    if getattr(type(cursor), "iter_arrow", None) not in (None, DBApiCursorImpl.iter_arrow):
        for table in cursor.iter_arrow(chunk_size=ROWS_PER_QUERY):
            yield table.rename_columns(schema.names).cast(schema)
        return
    while rows := cursor.fetchmany(ROWS_PER_QUERY):
        arrays = [
            pa.array(values, field.type)
            for values, field in zip(zip(*rows, strict=True), schema, strict=True)
        ]
        yield pa.Table.from_arrays(arrays, schema=schema)


def write_charges(file: Path, charges: Iterator[pa.Table], file_format: str) -> None:
    """Write the charges to a Parquet or CSV file."""
    if file_format == "parquet":
        with pq.ParquetWriter(file, focus_schema(), compression="zstd") as parquet:
            for table in charges:
                parquet.write_table(table)
        return
    # DuckDB writes the CSV, because PyArrow would write a small amount as 4.5E-6 and a timestamp
    # without its T. DuckDB applies the format only to timestamps without a time zone.
    schema = pa.schema(
        (field.name, pa.timestamp("us") if pa.types.is_timestamp(field.type) else field.type)
        for field in focus_schema()
    )
    batches = chain.from_iterable(table.cast(schema).to_batches() for table in charges)
    with duckdb.connect(config={"threads": 1}) as writer:
        relation = writer.from_arrow(pa.RecordBatchReader.from_batches(schema, batches))
        relation = relation.select(", ".join(map(_in_csv, schema)))
        relation.write_csv(str(file), header=True, timestamp_format=DATE_TIME)


def _in_csv(field: pa.Field) -> str:
    """Return a column as SQL; a text that a spreadsheet would evaluate gets an apostrophe."""
    name = f'"{field.name}"'
    if not pa.types.is_string(field.type):
        return name
    return rf"regexp_replace({name}, '^({_EVALUATED})', '''\1') as {name}"


def file_totals(file: Path, file_format: str) -> list[tuple[Any, ...]]:
    """Read a written file; return its currencies, each with the number and exact sum of charges."""
    with duckdb.connect() as reader:
        if file_format == "csv":
            currency = rf"regexp_replace(BillingCurrency, '^''({_EVALUATED})', '\1')"
            charges = reader.read_csv(str(file), header=True, all_varchar=True).select(
                f"{currency} as BillingCurrency, BilledCost"
            )
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
