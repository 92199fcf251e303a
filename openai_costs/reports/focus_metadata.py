"""FOCUS metadata of exported files: generator, dataset, schema, recency and file locations.

The objects and keys are those in the chapter Metadata of the specification. `data_location` is the
key for files in its example of a schema reference.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import pyarrow as pa

from openai_costs.replaced_files import replace
from openai_costs.reports.focus_month import DATE_TIME, ExportedMonth

FOCUS_VERSION = "1.4"
"""The version of the specification that `focus_costs` and the metadata follow."""

GENERATOR = "openai-costs"

_JSON_COLUMNS = (
    "AllocatedMethodDetails",
    "AllocatedTags",
    "CommitmentProgramEligibilityDetails",
    "ContractApplied",
    "SkuPriceDetails",
    "Tags",
)
_NAMESPACE = uuid5(NAMESPACE_URL, GENERATOR)
_NOT_OURS = (OSError, ValueError, TypeError, KeyError, IndexError, RecursionError)
"""The errors of reading a file that is missing, or that this project did not write."""


def files_with_charges(file: Path) -> set[str]:
    """Return the names of the files that the metadata list with charges.

    They need not exist any more: whatever has read them may have moved or removed them.
    """
    try:
        locations = json.loads(file.read_text(encoding="utf-8"))["data_location"]
        return {location["filepath"] for location in locations if location["total_rows"] > 0}
    except _NOT_OURS:
        return set()


def write_metadata(
    temporary: Path,
    file: Path,
    columns: pa.Schema,
    exported: Sequence[ExportedMonth],
    now: datetime,
) -> None:
    """Write the metadata of one organization's files to `temporary`, then move it to `file`.

    Keeps what `file` states about other months, and the update times of unchanged months. Keeps the
    file if nothing changed.
    """
    try:
        before = json.loads(file.read_text(encoding="utf-8"))
        metadata = _metadata(before, file.parent, columns, exported, now)
    except _NOT_OURS:
        recency = {"RecencyLastUpdated": _date_time(now), "TimeSectors": []}
        before = {"Schema": [], "Recency": [recency], "data_location": []}
        metadata = _metadata(before, file.parent, columns, exported, now)
    if metadata != before:
        metadata["Recency"][0]["RecencyLastUpdated"] = _date_time(now)
        text = json.dumps(metadata, indent=2, ensure_ascii=False)
        temporary.write_text(f"{text}\n", encoding="utf-8")
        replace(file, temporary)


def _metadata(
    before: dict[str, Any],
    folder: Path,
    columns: pa.Schema,
    exported: Sequence[ExportedMonth],
    now: datetime,
) -> dict[str, Any]:
    instance_id = str(uuid5(_NAMESPACE, exported[0].month.organization_id))
    locations = _locations(exported, before["data_location"], folder)
    # A killed run may have replaced a file without updating the metadata.
    changed = {
        location["filepath"] for location in locations if location not in before["data_location"]
    }
    sectors = _time_sectors(exported, changed, before["Recency"][0]["TimeSectors"], now)
    return {
        "DataGenerator": {"DataGenerator": GENERATOR},
        "DatasetInstance": [
            {
                "DatasetInstanceId": instance_id,
                "DatasetInstanceName": f"OpenAI costs of {exported[0].month.organization_name}",
                "FocusDatasetId": "CostAndUsage",
            }
        ],
        "Schema": [_schema(columns, instance_id, before["Schema"], now)],
        "Recency": [
            {
                "DatasetInstanceId": instance_id,
                "RecencyLastUpdated": _checked(before["Recency"][0]["RecencyLastUpdated"]),
                "DatasetInstanceLastUpdated": max(
                    sector["TimeSectorLastUpdated"] for sector in sectors
                ),
                "TimeSectors": sectors,
            }
        ],
        "data_location": locations,
    }


def _schema(
    columns: pa.Schema, instance_id: str, before: Sequence[dict[str, Any]], now: datetime
) -> dict[str, Any]:
    """Return the schema. Its id is a hash of its content; the same id keeps its creation date."""
    definition = [_column(field) for field in columns]
    generator = version(GENERATOR)
    content = json.dumps([FOCUS_VERSION, generator, definition])
    schema_id = str(uuid5(UUID(instance_id), content))
    created = {schema["SchemaId"]: _checked(schema["CreationDate"]) for schema in before}
    return {
        "SchemaId": schema_id,
        "CreationDate": created.get(schema_id, _date_time(now)),
        "FocusVersion": FOCUS_VERSION,
        "DataGeneratorVersion": generator,
        "DatasetInstanceId": instance_id,
        "ColumnDefinition": definition,
    }


def _column(field: pa.Field) -> dict[str, Any]:
    column: dict[str, Any] = {"ColumnName": field.name}
    if pa.types.is_decimal(field.type):
        precision, scale = field.type.precision, field.type.scale
        column |= {"DataType": "DECIMAL", "NumericPrecision": precision, "NumberScale": scale}
    elif pa.types.is_timestamp(field.type):
        column["DataType"] = "DATETIME"
    else:
        column["DataType"] = "JSON" if field.name in _JSON_COLUMNS else "STRING"
        column["StringEncoding"] = "UTF-8"
    if field.name == "Tags":
        column["ProviderTagPrefixes"] = []
    return column


def _time_sectors(
    exported: Sequence[ExportedMonth],
    changed: set[str],
    before: Sequence[dict[str, Any]],
    now: datetime,
) -> list[dict[str, Any]]:
    """Return a time sector for each month, with the time at which the month's file last changed.

    A month without charges has a sector too, which states that the month is complete.
    """
    sectors = {_checked(sector["TimeSectorStart"]): sector for sector in before}
    for month, file, _, _, written in exported:
        start, updated = _date_time(month.start), _date_time(now)
        unchanged = file is None or not (written or file.name in changed)
        if start in sectors and unchanged:
            updated = sectors[start]["TimeSectorLastUpdated"]
        sectors[start] = {
            "TimeSectorStart": start,
            "TimeSectorEnd": _date_time(month.end),
            "TimeSectorComplete": month.complete,
            "TimeSectorLastUpdated": updated,
        }
    for sector in sectors.values():
        _checked(sector["TimeSectorLastUpdated"])
    return [sectors[start] for start in sorted(sectors)]


def _locations(
    exported: Sequence[ExportedMonth], before: Sequence[dict[str, Any]], folder: Path
) -> list[dict[str, Any]]:
    """Return the organization's existing files, including those of earlier runs."""
    locations = {location["filepath"]: location for location in before}
    for _, file, rows, _, _ in exported:
        if file:
            size = file.stat().st_size
            locations[file.name] = {"filepath": file.name, "total_bytes": size, "total_rows": rows}
    return [location for name, location in sorted(locations.items()) if (folder / name).is_file()]


def _date_time(moment: date) -> str:
    """Format a UTC time, or the start of a UTC day, as Date/Time of FOCUS."""
    return f"{moment:{DATE_TIME}}"


def _checked(moment: str) -> str:
    """Return a value of a file. Raises ValueError or TypeError if it is not a Date/Time."""
    datetime.strptime(moment, DATE_TIME)
    return moment
