"""The read copy: a complete run replaces it, for programs that keep the warehouse open."""

from __future__ import annotations

from openai_costs.reports.loaded_days import unmodelled
from openai_costs.terminal import say
from openai_costs.warehouse.connection import open_query
from openai_costs.warehouse.destinations import Warehouse
from openai_costs.warehouse.file_copies import copy_file


def publish(warehouse: Warehouse) -> None:
    """Replace the read copy, if the settings name one. Raises Stop if it cannot be written."""
    if not warehouse.file or not warehouse.read_copy:
        return
    # As long as the query is open, no other run writes to the file.
    with open_query(warehouse) as query:
        if unmodelled(query):
            say(f"Another run has begun: {warehouse.read_copy} is replaced when it ends.")
            return
        copy_file(warehouse.file, warehouse.read_copy)
