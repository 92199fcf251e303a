"""The ways to do a task that `run.py` measures: `python benchmarks/ways.py way NAME …`.

Each runs in its own process and prints the seconds that it took, without the start of Python.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

KEY = "sk-admin-benchmark"
GROUP_BY = ["project_id", "user_id", "api_key_id", "line_item"]
os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
os.environ.setdefault("RUNTIME__LOG_LEVEL", "CRITICAL")


def load(url: str, database: str, *_: str) -> float:
    """Load costs alone with our source, in the command's pipeline."""
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from openai_costs.warehouse.connection import open_pipeline
    from openai_costs.warehouse.destinations import Warehouse
    from openai_costs_source import openai_costs

    began = time.perf_counter()
    source = openai_costs(admin_key=KEY, base_url=url)
    source = source.with_resources("costs")
    with open_pipeline(Warehouse("duckdb", Path(database))) as pipeline:
        pipeline.run(source, loader_file_format="parquet")
    return time.perf_counter() - began


def rest_api(url: str, database: str, first_day: str, *_: str) -> float:
    """Load costs with dlt's rest_api_source and Parquet load files."""
    import dlt
    from dlt.sources.rest_api import rest_api_source

    began = time.perf_counter()
    query = {
        "start_time": _midnight(date.fromisoformat(first_day)),
        "end_time": _midnight(_tomorrow()),
        "bucket_width": "1d",
        "limit": 60,
        "group_by": GROUP_BY,
    }
    source = rest_api_source(
        {
            "client": {
                "base_url": f"{url}/",
                "auth": {"type": "bearer", "token": KEY},
                "paginator": {
                    "type": "cursor",
                    "cursor_path": "next_page",
                    "cursor_param": "page",
                },
            },
            "resources": [
                {
                    "name": "costs",
                    "write_disposition": "replace",
                    "endpoint": {
                        "path": "organization/costs",
                        "params": query,
                        "data_selector": "data",
                    },
                }
            ],
        }
    )
    _pipeline(dlt, database).run(source, loader_file_format="parquet")
    return time.perf_counter() - began


def floor(url: str, database: str, first_day: str, *_: str) -> float:
    """Load costs without dlt, with requests, PyArrow and DuckDB: 15 days at a time, in parallel."""
    import io
    from concurrent.futures import ThreadPoolExecutor

    import duckdb
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.json as pj
    import requests

    began = time.perf_counter()
    literal = pa.decimal256(76, 38)
    texts = ["organization_id", "project_id", "user_id", "api_key_id", "line_item"]
    result = pa.struct(
        [
            *[(name, pa.string()) for name in texts],
            ("amount", pa.struct([("value", literal), ("currency", pa.string())])),
            ("quantity", literal),
            ("quantity_unit", pa.string()),
        ]
    )
    bucket = pa.struct([("start_time", pa.int64()), ("results", pa.list_(result))])
    envelope = pa.schema([("data", pa.list_(bucket))])
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {KEY}"

    def loaded_range(first: date) -> pa.Table:
        until = min(first + timedelta(days=15), _tomorrow())
        query = {
            "start_time": _midnight(first),
            "end_time": _midnight(until),
            "bucket_width": "1d",
            "limit": 15,
            "group_by": GROUP_BY,
        }
        body = session.get(f"{url}/organization/costs", params=query, timeout=60).content
        page = pj.read_json(
            io.BytesIO(body),
            read_options=pj.ReadOptions(use_threads=False, block_size=len(body) + 1),
            parse_options=pj.ParseOptions(
                explicit_schema=envelope, unexpected_field_behavior="ignore"
            ),
        )
        buckets = page["data"].combine_chunks().flatten()
        results = buckets.field("results")
        rows = results.flatten()
        amount = rows.field("amount")
        return pa.table(
            {
                "day": buckets.field("start_time").take(pc.list_parent_indices(results)),
                **{name: rows.field(name) for name in texts},
                "amount": amount.field("value").cast(pa.decimal128(38, 18)),
                "currency": amount.field("currency"),
                "quantity": rows.field("quantity").cast(pa.decimal128(38, 9)),
                "quantity_unit": rows.field("quantity_unit"),
            }
        )

    firsts = []
    first = date.fromisoformat(first_day)
    while first < _tomorrow():
        firsts.append(first)
        first += timedelta(days=15)
    with duckdb.connect(database) as connection, ThreadPoolExecutor(2) as pool:
        connection.execute("set preserve_insertion_order = false")
        for n, table in enumerate(pool.map(loaded_range, firsts)):
            verb = "insert into costs" if n else "create table costs as"
            connection.register("range_rows", table)
            connection.execute(f"{verb} select * from range_rows")
            connection.unregister("range_rows")
    return time.perf_counter() - began


def plain_sql(manifest: str, database: str, *_: str) -> float:
    """Run the SQL of all models, as dbt compiled it for a first build, in DuckDB without dbt."""
    import json

    import duckdb

    nodes = json.loads(Path(manifest).read_text())["nodes"]
    models = {name: node for name, node in nodes.items() if node["resource_type"] == "model"}
    began = time.perf_counter()
    done: set[str] = set()
    with duckdb.connect(database) as connection:
        for schema in {node["schema"] for node in models.values()}:
            connection.execute(f"create schema if not exists {schema}")
        while len(done) < len(models):
            for name, node in models.items():
                needed = set(node["depends_on"]["nodes"]) & set(models)
                if name not in done and needed <= done:
                    kind = "view" if node["config"]["materialized"] == "view" else "table"
                    relation = f"{node['schema']}.{node['alias']}"
                    connection.execute(f"create {kind} {relation} as {node['compiled_code']}")
                    done.add(name)
    return time.perf_counter() - began


def _pipeline(dlt, database: str):  # type: ignore[no-untyped-def]
    folder = f"{database}.pipelines"
    destination = dlt.destinations.duckdb(database)
    return dlt.pipeline(
        "benchmark", destination=destination, dataset_name="openai_raw", pipelines_dir=folder
    )


def _tomorrow() -> date:
    return datetime.now(UTC).date() + timedelta(days=1)


def _midnight(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def copy_focus(database: str, *_: str) -> float:
    """Copy the FOCUS table into one Parquet file with DuckDB's COPY."""
    import duckdb

    began = time.perf_counter()
    with duckdb.connect(database, read_only=True) as connection:
        connection.execute(f"copy openai_marts.focus_costs to '{database}.parquet'")
    return time.perf_counter() - began


def measured(*arguments: str) -> None:
    """Run Python with these arguments and print the peak kilobytes of its largest process."""
    if arguments[0] == "way":
        arguments = (__file__, *arguments)
    code = subprocess.run([sys.executable, *arguments]).returncode
    print("peak", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
    sys.exit(code)


WAYS: dict[str, Callable[..., float]] = {
    way.__name__: way for way in (load, rest_api, floor, plain_sql, copy_focus)
}

if __name__ == "__main__":
    if sys.argv[1] == "measured":
        measured(*sys.argv[2:])
    print(f"work {WAYS[sys.argv[2]](*sys.argv[3:]):.3f}")
