"""The summary at the end of a run."""

from __future__ import annotations

from openai_costs.reports.checked import Checked
from openai_costs.reports.loaded_days import day_ranges, in_utc
from openai_costs.reports.summary import print_summary
from openai_costs.terminal import output
from openai_costs.warehouse.connection import open_query
from openai_costs.warehouse.destinations import Warehouse
from openai_costs.warehouse.run_log import last_verified


def summarize(warehouse: Warehouse, checked: Checked) -> None:
    """Print the costs of each organization, and what was checked."""
    with open_query(warehouse) as query:
        print_summary(output, query)
        verified = last_verified(query)
    output.line()
    for warning in checked.warnings:
        output.line("  ", ("Warning", "yellow"), f"    {warning}")
    if checked.days:
        days = "1 day" if len(checked.days) == 1 else f"{len(checked.days)} days"
        output.line(
            f"  Checked    {days} ({day_ranges(checked.days)}), to the last digit: what OpenAI "
            f"returned equals {', '.join(checked.tables)}"
        )
    else:
        last = f"{in_utc(verified):%Y-%m-%d %H:%M} UTC" if verified else "by an earlier build"
        output.line(f"  Checked    no day changed; last verified {last}")
    output.line(f"  Warehouse  {warehouse.name}, schema openai_marts")
