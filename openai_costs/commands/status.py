"""`status`: print which days are loaded, missing, restated or about to leave OpenAI's history."""

from __future__ import annotations

from datetime import UTC, datetime

from openai_costs.reports.status import print_status
from openai_costs.terminal import output
from openai_costs.warehouse.connection import open_query, require_costs
from openai_costs.warehouse.destinations import Warehouse


def status(warehouse: Warehouse) -> int:
    """Print the status of each organization; return the exit code."""
    require_costs(warehouse)
    with open_query(warehouse) as query:
        print_status(output, query, datetime.now(UTC))
    return 0
