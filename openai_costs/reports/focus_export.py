"""FOCUS files: one for each organization and billing month, and their metadata.

    focus-org-1a2b3c-2026-10.parquet    all charges of the month: FOCUS columns and x_ columns
    focus-org-1a2b3c-metadata.json      FOCUS's metadata of all files of the organization

A file contains the complete month and replaces the previous file (FOCUS: Overwrite, Replacement).
The export writes a temporary file, compares its totals with the warehouse, and then replaces the
previous file. If the content is the same, the previous file is kept.

A month without charges has no file, unless an earlier export wrote one: a tool that has read that
file still shows its charges, so an empty file replaces it.
"""

from __future__ import annotations

import filecmp
from collections.abc import Container, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import quote

from openai_costs.replaced_files import replace, temporary_file
from openai_costs.reports.amounts import exact
from openai_costs.reports.focus_file import (
    file_totals,
    focus_schema,
    read_charges,
    write_charges,
)
from openai_costs.reports.focus_metadata import files_with_charges, write_metadata
from openai_costs.reports.focus_month import ExportedMonth, Month
from openai_costs.terminal import Output

FORMATS = ("parquet", "csv")

# The months of the ledger of which a day is loaded, also those without charges, and the months of
# all charges.
_MONTHS = """
select organization_id, max(organization_name), start, max(days)
from (
    select organization_id, organization_name, period_start as start, actual as days
    from openai_marts.reconciliation
    where check_name = 'every day is in the ledger' and actual > 0
    union all
    select distinct BillingAccountId, BillingAccountName, cast(BillingPeriodStart as date), 0
    from openai_marts.focus_costs
) as months
group by organization_id, start
order by organization_id, start
"""
_TOTALS = """
select BillingCurrency, count(*), sum(BilledCost)
from openai_marts.focus_costs
where BillingAccountId = %s and ChargePeriodStart >= %s and ChargePeriodStart < %s
group by BillingCurrency
order by BillingCurrency
"""


class Differs(Exception):
    """A file's totals differ from those of the month in the warehouse."""


def months(client: Any) -> list[Month]:
    """Return the loaded months in the warehouse, including those without charges."""
    rows = client.execute_sql(_MONTHS)
    # The last day of a month is closed if a later month is loaded as well.
    last_start = {organization_id: start for organization_id, _, start, _ in rows}
    result = []
    for organization_id, name, start, days in rows:
        month = Month(organization_id, name, start, complete=False)
        all_loaded = int(days) == (month.end - month.start).days
        complete = all_loaded and start < last_start[organization_id]
        result.append(month._replace(complete=complete))
    return result


def export(
    client: Any, months: Sequence[Month], folder: Path, file_format: str, now: datetime
) -> Iterator[ExportedMonth]:
    """Write the files of these months, and each organization's metadata after its last month.

    Yields every month, also one without charges, which has no file unless it replaces one.
    `client` is a dlt SQL client of a warehouse with the models. Raises Differs if a file's totals
    differ from the warehouse, and OSError or duckdb.Error if it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for organization_id, organization_months in groupby(
        months, lambda month: month.organization_id
    ):
        metadata = folder / f"{_file_prefix(organization_id)}-metadata.json"
        former = files_with_charges(metadata)
        exported: list[ExportedMonth] = []
        try:
            for month in organization_months:
                exported.append(_export_month(client, month, folder, file_format, former))
                yield exported[-1]
        finally:
            # If a later month failed, the metadata describe the months before it.
            if exported:
                with temporary_file(metadata) as temporary:
                    write_metadata(temporary, metadata, focus_schema(), exported, now)


def print_exported(output: Output, exported: Sequence[ExportedMonth]) -> None:
    """Print the rows and costs of each month, and the exact total of each organization."""
    for (organization_id, name), files in groupby(exported, lambda file: file.month[:2]):
        output.line()
        output.line((name, "bold"), f" ({organization_id})")
        totals: dict[str, Decimal] = {}
        total_rows = 0
        for month, file, rows, billed, written in files:
            total_rows += rows
            for currency, amount in billed.items():
                totals[currency] = totals.get(currency, Decimal(0)) + amount
            costs = ", ".join(f"{amount:>12,.2f} {currency}" for currency, amount in billed.items())
            state, name = "no file", ""
            if file:
                state, name = "written" if written else "unchanged", file.name
            line = f"  {month.start:%Y-%m}{rows:>11,}  {costs:16}  {state:9}  {name}"
            output.line(line.rstrip())
        total = ", ".join(f"{exact(amount)} {currency}" for currency, amount in totals.items())
        output.line(
            f"  {total_rows:,} charges, exactly {total or 0}: as in openai_marts.focus_costs"
        )


def _file_prefix(organization_id: str) -> str:
    # An id may contain characters that are not allowed in a file name.
    return f"focus-{quote(organization_id, safe='')}"


def _export_month(
    client: Any, month: Month, folder: Path, file_format: str, former: Container[str]
) -> ExportedMonth:
    """Write the file of a month, or none; `former` are the names of earlier files with charges."""
    name = f"{_file_prefix(month.organization_id)}-{month.start:%Y-%m}"
    files = {suffix: folder / f"{name}.{suffix}" for suffix in FORMATS}
    exported_before = any(path.is_file() or path.name in former for path in files.values())
    totals = client.execute_sql(_TOTALS, month.organization_id, month.start, month.end)
    if not totals and not exported_before:
        return ExportedMonth(month, None, 0, {}, written=False)
    file = files.pop(file_format)
    with temporary_file(file) as temporary:
        write_charges(temporary, read_charges(client, month), file_format)
        if file_totals(temporary, file_format) != [tuple(row) for row in totals]:
            raise Differs(
                f"The charges for {file.name} do not add up to the total of {month.start:%Y-%m} in "
                "openai_marts.focus_costs; perhaps the models were built meanwhile. Run again."
            )
        written = not (file.is_file() and filecmp.cmp(temporary, file, shallow=False))
        if written:
            replace(file, temporary)
        # Each month has one file: with a second one in the other format, charges would count twice.
        for other in files.values():
            other.unlink(missing_ok=True)
    billed = {currency: amount for currency, _, amount in totals}
    return ExportedMonth(month, file, sum(rows for _, rows, _ in totals), billed, written)
