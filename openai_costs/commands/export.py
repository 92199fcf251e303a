"""`export`: write FOCUS files, one per organization and billing month."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

from openai_costs.commands.required_models import explain_missing_models, require_complete_models
from openai_costs.folders import COMMAND
from openai_costs.reports import focus_export
from openai_costs.terminal import Stop, output, progress
from openai_costs.warehouse.connection import open_client, query_through, require_costs
from openai_costs.warehouse.destinations import Warehouse
from openai_costs.warehouse.lake import open_lake_client


def export(
    warehouse: Warehouse,
    lake: str | None,
    folder: Path,
    file_format: str | None,
    month: date | None,
) -> int:
    """Write the files of one month, or of all, and print what each contains; return the exit code.

    If `lake` is given, reads the models from it instead of the warehouse.
    """
    if not lake:
        require_costs(warehouse)
    source = lake or str(warehouse)
    opened = open_lake_client(lake) if lake else open_client(warehouse)
    with progress("Exporting") as shown, opened as client, explain_missing_models(source):
        if not lake:
            require_complete_models(query_through(client))
        try:
            months = focus_export.months(client)
            if not months:
                raise Stop(f"{source} has no charges yet: load them, with {COMMAND}.")
            selected = [loaded for loaded in months if month in (None, loaded.start)]
            if not selected:
                starts = sorted({f"{loaded.start:%Y-%m}" for loaded in months})
                raise Stop(f"{month:%Y-%m} is not loaded. Loaded months: {', '.join(starts)}.", 2)
            written = []
            file_format = file_format or focus_export.FORMATS[0]
            for exported in focus_export.export(
                client, selected, folder, file_format, datetime.now(UTC)
            ):
                shown.show(f"Exporting: {exported.month.start:%Y-%m} is done")
                written.append(exported)
        except focus_export.Differs as error:
            raise Stop(str(error)) from None
        except OSError as error:
            raise Stop(f"{folder} cannot be written: {error.strerror or error}.") from None
    focus_export.print_exported(output, written)
    return 0
