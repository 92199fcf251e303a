"""The part of `check` that checks the warehouse."""

from __future__ import annotations

from pathlib import Path

import duckdb

from openai_costs.settings import lock_timeout_seconds
from openai_costs.terminal import Stop
from openai_costs.warehouse.connection import locked, open_client
from openai_costs.warehouse.destinations import Warehouse
from openai_costs.warehouse.duckdb_file import connected, is_open_elsewhere, other_process
from openai_costs.warehouse.error_messages import explained
from openai_costs_source.doctor import Finding


def check_warehouse(warehouse: Warehouse) -> Finding:
    """Return the finding whether the warehouse can be used; wait for no program, keep no file."""
    try:
        if warehouse.file and warehouse.file.exists() and warehouse.file.stat().st_size:
            return _check_file(warehouse, warehouse.file)
        with locked(warehouse):
            if not warehouse.file:
                with open_client(warehouse) as client:
                    client.execute_sql("select 1")
    except Stop as stop:
        return Finding("warehouse", "failed", str(stop), _remedy(warehouse, str(stop)))
    used = "be created; nothing is loaded yet" if warehouse.file else "be used"
    return Finding("warehouse", "ok", f"{warehouse} can {used}.")


def _check_file(warehouse: Warehouse, file: Path) -> Finding:
    try:
        with connected(file, read_only=True, wait=0):
            pass
        try:
            with connected(file, wait=0):
                return Finding("warehouse", "ok", f"{warehouse} can be written.")
        except duckdb.IOException as error:
            if not is_open_elsewhere(error):
                raise
            return Finding(
                "warehouse",
                "warning",
                f"{warehouse} is open in another program{other_process(error)}, which reads it.",
                f"A run waits for it for up to {lock_timeout_seconds()} seconds. If it reads for "
                "longer, let it read a copy: see the setting warehouse.read_copy.",
            )
    except (duckdb.Error, OSError) as error:
        raise explained(error, warehouse) or error from None


def _remedy(warehouse: Warehouse, message: str) -> str:
    if "is open in another program" in message:
        return "Close it there, or wait until that program ends."
    if warehouse.file:
        return "Name a file that can be written, or restore this one from a backup."
    return f"See dlt's settings destination.{warehouse.destination}.credentials."
