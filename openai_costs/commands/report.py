"""`report`: write one HTML file that opens offline."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from openai_costs.commands.required_models import explain_missing_models, require_complete_models
from openai_costs.folders import extra
from openai_costs.reports.html.report import FILE, print_written, write_report
from openai_costs.terminal import Stop, output, progress
from openai_costs.warehouse.connection import open_query, require_costs
from openai_costs.warehouse.destinations import Warehouse


def report(warehouse: Warehouse, file: Path | None) -> int:
    """Write the report, and print its path and contents; return the exit code."""
    if find_spec("vl_convert") is None:
        raise Stop(f"The report needs one more package: {extra('report')}", 2)
    file = file or Path(FILE)
    if file.is_dir():
        raise Stop(f"{file} is a folder: --to must name a file.", 2)
    if not file.parent.is_dir():
        raise Stop(f"The folder {file.parent} does not exist: create it, or name another file.", 2)
    require_costs(warehouse)
    with (
        progress("Writing the report"),
        open_query(warehouse) as query,
        explain_missing_models(warehouse),
    ):
        require_complete_models(query)
        try:
            contents = write_report(query, file, datetime.now(UTC))
        except OSError as error:
            raise Stop(f"{file} cannot be written: {error.strerror or error}.") from None
    print_written(output, file, contents)
    return 0
