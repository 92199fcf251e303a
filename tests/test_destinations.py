"""The source extracts and normalizes for every documented destination, without a server."""

import dlt
import pytest
from conftest import days_ago
from dlt.common.destination import Destination

from openai_costs.warehouse.destinations import DESTINATIONS, Warehouse
from openai_costs_source import openai_costs
from openai_costs_source.extract import ledger
from openai_costs_source.simulator.api import DEMO_ADMIN_KEY

REQUESTED = {"delete-insert", "scd2"}
"""The merge strategies that the source requests."""


@pytest.mark.parametrize("destination", DESTINATIONS)
def test_two_days_are_extracted_and_normalized_for_each_destination(
    destination, api, tmp_path, monkeypatch
):
    # The source would read the stored days from the destination, which cannot be reached here.
    monkeypatch.setattr(ledger, "read_ledgers", lambda kinds: ledger.Ledgers({}, None, set()))
    pipeline = dlt.pipeline(
        "openai_costs",
        destination=destination,
        dataset_name="openai_raw",
        pipelines_dir=str(tmp_path / "pipelines"),
    )
    source = openai_costs(
        admin_key=DEMO_ADMIN_KEY, base_url=api.base_url, since=days_ago(3), until=days_ago(1)
    )
    source = source.with_resources("costs", "users", "usage_completions")
    pipeline.extract(source, loader_file_format=Warehouse(destination).file_format)
    pipeline.normalize()
    rows = pipeline.last_trace.last_normalize_info.row_counts
    assert rows["cost_days"] == 2
    assert rows["costs"] > 50
    assert rows["listed"] > 10
    tables = pipeline.default_schema.data_tables()
    strategies = {table["x-merge-strategy"] for table in tables if "x-merge-strategy" in table}
    assert strategies == REQUESTED


@pytest.mark.parametrize("destination", sorted({*DESTINATIONS, "synapse"} - {"filesystem"}))
def test_every_destination_supports_the_requested_merges(destination):
    offered = Destination.from_reference(destination).capabilities().supported_merge_strategies
    assert set(offered) >= REQUESTED
