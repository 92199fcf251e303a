"""The part of `check` that checks the warehouse."""

from __future__ import annotations

from openai_costs.terminal import Stop
from openai_costs.warehouse.connection import locked, open_client
from openai_costs.warehouse.destinations import Warehouse
from openai_costs_source.doctor import Finding


def check_warehouse(warehouse: Warehouse) -> Finding:
    """Return the finding whether the warehouse can be written; keep no new file."""
    new = bool(warehouse.file and not warehouse.file.exists())
    try:
        with locked(warehouse):
            if not warehouse.file:
                with open_client(warehouse) as client:
                    client.execute_sql("select 1")
    except Stop as stop:
        return Finding("warehouse", "failed", str(stop), _remedy(warehouse, str(stop)))
    if new:
        finding = f"{warehouse} can be created; nothing is loaded yet."
    else:
        finding = f"{warehouse} can be {'written' if warehouse.file else 'used'}."
    return Finding("warehouse", "ok", finding)


def _remedy(warehouse: Warehouse, message: str) -> str:
    if "is open in another program" in message:
        return "Close it there, or wait until that program ends."
    if warehouse.file:
        return "Name a file that can be written, or restore this one from a backup."
    return f"See dlt's settings destination.{warehouse.destination}.credentials."
