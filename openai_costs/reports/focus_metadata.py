"""What FOCUS 1.4 tells of its files besides their rows: who made them, of what, with which columns.

The objects and keys are those of the specification's chapter Metadata; `data_location` is how its
example of a schema reference names files.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, UUID, uuid5

import pyarrow as pa

if TYPE_CHECKING:
    from openai_costs.reports.focus_export import Exported

FOCUS_VERSION = "1.4"
GENERATOR = "openai-costs-source"
_JSON_COLUMNS = (
    "AllocatedMethodDetails",
    "AllocatedTags",
    "CommitmentProgramEligibilityDetails",
    "ContractApplied",
    "SkuPriceDetails",
    "Tags",
)
DATE_TIME = "%Y-%m-%dT%H:%M:%SZ"
"""FOCUS's Date/Time, of a moment in UTC."""
_OURS = uuid5(NAMESPACE_URL, GENERATOR)


def write_metadata(
    part: Path, file: Path, columns: pa.Schema, exported: Sequence[Exported], now: datetime
) -> None:
    """Put the metadata of one organization's files in the place of `file`, by way of `part`.

    What `file` says of other months stays, and so does the time of what did not change: where
    nothing did, the file stays as it is.
    """
    try:
        before = json.loads(file.read_text(encoding="utf-8"))
        told = _told(before, file.parent, columns, exported, now)
    except (OSError, ValueError, TypeError, KeyError, IndexError, RecursionError):
        # There is none yet, or not one of ours.
        recency = {"RecencyLastUpdated": _moment(now), "TimeSectors": []}
        before = {"Schema": [], "Recency": [recency], "data_location": []}
        told = _told(before, file.parent, columns, exported, now)
    if told != before:
        told["Recency"][0]["RecencyLastUpdated"] = _moment(now)
        part.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        part.replace(file)


def _told(
    before: dict[str, Any],
    folder: Path,
    columns: pa.Schema,
    exported: Sequence[Exported],
    now: datetime,
) -> dict[str, Any]:
    instance_id = str(uuid5(_OURS, exported[0].month.organization_id))
    places = _places(exported, before["data_location"], folder)
    # A run that was killed may have replaced a file and not told so.
    changed = {place["filepath"] for place in places if place not in before["data_location"]}
    sectors = _sectors(exported, changed, before["Recency"][0]["TimeSectors"], now)
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
                    each["TimeSectorLastUpdated"] for each in sectors
                ),
                "TimeSectors": sectors,
            }
        ],
        "data_location": places,
    }


def _schema(
    columns: pa.Schema, instance_id: str, before: Sequence[dict[str, Any]], now: datetime
) -> dict[str, Any]:
    """The schema, whose id follows from what it says; it was created when it was first told."""
    definition = [_column(field) for field in columns]
    generator = version(GENERATOR)
    content = json.dumps([FOCUS_VERSION, generator, definition])
    schema_id = str(uuid5(UUID(instance_id), content))
    created = {schema["SchemaId"]: _checked(schema["CreationDate"]) for schema in before}
    return {
        "SchemaId": schema_id,
        "CreationDate": created.get(schema_id, _moment(now)),
        "FocusVersion": FOCUS_VERSION,
        "DataGeneratorVersion": generator,
        "DatasetInstanceId": instance_id,
        "ColumnDefinition": definition,
    }


def _column(field: pa.Field) -> dict[str, Any]:
    told: dict[str, Any] = {"ColumnName": field.name}
    if pa.types.is_decimal(field.type):
        precision, scale = field.type.precision, field.type.scale
        told |= {"DataType": "DECIMAL", "NumericPrecision": precision, "NumberScale": scale}
    elif pa.types.is_timestamp(field.type):
        told["DataType"] = "DATETIME"
    else:
        told["DataType"] = "JSON" if field.name in _JSON_COLUMNS else "STRING"
        told["StringEncoding"] = "UTF-8"
    if field.name == "Tags":
        told["ProviderTagPrefixes"] = []
    return told


def _sectors(
    exported: Sequence[Exported],
    changed: set[str],
    before: Sequence[dict[str, Any]],
    now: datetime,
) -> list[dict[str, Any]]:
    """A time sector for each month; it was updated when its file last changed."""
    sectors = {_checked(sector["TimeSectorStart"]): sector for sector in before}
    for month, file, _, _, is_new in exported:
        start, updated = _moment(month.start), _moment(now)
        if start in sectors and not is_new and file.name not in changed:
            updated = sectors[start]["TimeSectorLastUpdated"]
        sectors[start] = {
            "TimeSectorStart": start,
            "TimeSectorEnd": _moment(month.end),
            "TimeSectorComplete": month.is_whole,
            "TimeSectorLastUpdated": updated,
        }
    for sector in sectors.values():
        _checked(sector["TimeSectorLastUpdated"])
    return [sectors[start] for start in sorted(sectors)]


def _places(
    exported: Sequence[Exported], before: Sequence[dict[str, Any]], folder: Path
) -> list[dict[str, Any]]:
    """The organization's files, those of earlier runs included."""
    places = {place["filepath"]: place for place in before}
    for _, file, rows, _, _ in exported:
        size = file.stat().st_size
        places[file.name] = {"filepath": file.name, "total_bytes": size, "total_rows": rows}
    return [place for name, place in sorted(places.items()) if (folder / name).is_file()]


def _moment(when: date) -> str:
    """FOCUS's Date/Time of a UTC moment, or of the midnight that a UTC day begins with."""
    return f"{when:{DATE_TIME}}"


def _checked(moment: str) -> str:
    """A moment that a file told; raises ValueError or TypeError where it is none."""
    datetime.strptime(moment, DATE_TIME)
    return moment
