"""The summary at the end of a run."""

from __future__ import annotations

from collections.abc import Sequence

from rich.markup import escape

from openai_costs.reports.summary import print_summary
from openai_costs.terminal import output
from openai_costs.warehouse.connection import open_query
from openai_costs.warehouse.destinations import Warehouse


def summarize(warehouse: Warehouse, passed: int, warnings: Sequence[str]) -> None:
    """Print the costs of each organization, and the outcome of the models' tests."""
    with open_query(warehouse) as query:
        print_summary(output, query)
    output.print()
    for warning in warnings:
        output.print(f"  [yellow]Warning[/yellow]    {escape(warning)}")
    proof = "each table adds up to the raw rows, day by day, to the last digit"
    output.print(f"  Checked    {passed} tests passed: {proof}", soft_wrap=True)
    output.print(f"  Warehouse  {escape(warehouse.name)}, schema openai_marts", soft_wrap=True)
