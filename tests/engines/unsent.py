"""Build the models without a warehouse, and write the statements that dbt would have sent.

`unsent.py FOLDER TARGET...` writes a JSON file for each target of the dbt profile. One process
builds for all targets, because importing dbt and compiling its classes takes most of the time.
"""

import gc
import json
import re
import sys
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

import agate
from mashumaro.config import BaseConfig

# Set before dbt is imported, so that its classes compile their serializers on first use.
BaseConfig.lazy_compilation = True

from dbt.adapters.factory import FACTORY  # noqa: E402
from dbt.cli.main import dbtRunner  # noqa: E402

PROJECT = str(Path(__file__).resolve().parent.parent.parent / "dbt_project")
OPTIONS = ["--project-dir", PROJECT, "--profiles-dir", PROJECT, "--quiet", "--no-write-json"]
DAYS = [
    ("org-one", date(2026, 10, 1)),
    ("org-one", date(2026, 10, 3)),
    ("o'two", date(2026, 10, 1)),
]


def reply_to(sql):
    """Return the reply of a warehouse with built facts and a later load."""
    number, truth = agate.Number(), agate.Boolean()
    if "should_error" in sql:
        return agate.Table(
            [(0, False, False)], ["failures", "should_warn", "should_error"], [number, truth, truth]
        )
    if "select distinct organization_id, date from" in sql:
        return agate.Table(DAYS, ["organization_id", "date"], [agate.Text(), agate.Date()])
    if "select min(date) from" in sql:
        return agate.Table([(DAYS[0][1],)], ["day"], [agate.Date()])
    if "select count(*) from" in sql:
        return agate.Table([(int("fingerprint in" in sql),)], ["number"], [number])
    return agate.Table([], ["text"], [agate.Text()])


class Unsent:
    """Replaces everything that an adapter requests from its warehouse."""

    def __init__(self, manifest):
        self.manifest = manifest
        self.all_exists = False
        self.sent = []
        self.named = {
            (node.schema, getattr(node, "identifier", None) or node.alias): node
            for node in [*manifest.nodes.values(), *manifest.sources.values()]
            if node.resource_type in ("model", "seed", "source")
        }

    def columns_of(self, relation):
        """Return an empty table with the columns that the relation's model or seed declares."""
        name = re.sub(r"[`\"]", "", relation).split(".")[-1].lower()
        node = next(node for (_, known), node in self.named.items() if known.lower() == name)
        names = [*node.columns]
        return agate.Table([], names, [agate.Text()] * len(names))

    def replace(self, adapter):
        connections = adapter.ConnectionManager

        def execute(manager, sql, auto_begin=False, fetch=False, limit=None, **_):
            self.sent.append((manager.get_thread_connection().name, sql))
            response = MagicMock(rows_affected=0, query_id="", _message="OK")
            response.__str__.return_value = "OK"
            response.to_dict.return_value = {}
            if match := re.match(r"\s*select \* from (\S+) where 1 = 0", sql):
                return response, self.columns_of(match[1])
            return response, reply_to(sql)

        def add_query(manager, sql, *_, **__):
            self.sent.append((manager.get_thread_connection().name, sql))
            return manager.get_thread_connection(), MagicMock()

        def opened(connection):
            connection.state, connection.handle = "open", MagicMock()
            return connection

        connections.open = staticmethod(opened)
        connections.execute, connections.add_query = execute, add_query
        for name in ("begin", "commit", "clear_transaction", "commit_if_has_connection"):
            setattr(connections, name, lambda *_, **__: None)
        connections.release = connections.rollback_if_open = lambda *_, **__: None

        def relation(its, database, schema, identifier, **_):
            exists = self.all_exists or identifier.endswith("cost_days")
            node = self.named.get((schema, identifier)) if exists else None
            if node is None:
                return None
            kind = "view" if node.config.get("materialized") == "view" else "table"
            return its.Relation.create(
                database=database, schema=schema, identifier=identifier, type=kind
            )

        def columns(its, relation):
            # A temporary table has the model's name, and may have no schema.
            name = relation.identifier.split("__dbt")[0]
            schemas = (relation.schema, "openai_intermediate", "openai_marts")
            node = next(self.named[s, name] for s in schemas if (s, name) in self.named)
            return [
                its.Column(column.name, its.Column.translate_type(column.data_type or "string"))
                for column in node.columns.values()
            ]

        def column_schema(its, sql, *_, **__):
            self.sent.append((its.connections.get_thread_connection().name, sql))
            return []

        adapter.get_relation = relation
        adapter.get_columns_in_relation = columns
        adapter.get_column_schema_from_query = column_schema
        adapter.list_schemas = lambda *_, **__: []
        adapter.check_schema_exists = lambda *_, **__: True
        for name in (
            "create_schema", "drop_relation", "rename_relation", "expand_target_column_types",
            "set_relations_cache", "cache_added", "cache_dropped", "cache_renamed",
        ):  # fmt: skip
            setattr(adapter, name, lambda *_, **__: "")
        # Some adapters request these too.
        known = {
            "has_dbr_capability": True,
            "is_cluster": False,
            "get_relation_config": None,
            "get_config_from_model": SimpleNamespace(get_changeset=lambda _: None),
            "is_replaceable": True,
            "can_exchange": True,
            "get_clickhouse_cluster_name": None,
            "is_at_or_after_version": True,
            "is_before_version": False,
            "should_on_cluster": False,
        }
        for name, answer in known.items():
            if hasattr(adapter, name):
                setattr(adapter, name, lambda *_, answer=answer, **__: answer)


def statements_of(target):
    """Return what dbt compiled and would have sent to the target, by build, and its columns."""
    options = [*OPTIONS, "--target", target]
    parsed = dbtRunner().invoke(["parse", *options, "--no-partial-parse"])
    if not parsed.success:
        sys.exit(str(parsed.exception))
    warehouse = Unsent(parsed.result)
    warehouse.replace(FACTORY.get_adapter_class_by_name(target))
    builds = {}
    for name, all_exists in {"first build": False, "next build": True}.items():
        warehouse.all_exists, warehouse.sent = all_exists, []
        built = dbtRunner(manifest=parsed.result).invoke([
            "build", *options, "--threads", "1",
            "--exclude-resource-type", "unit_test", "--exclude-resource-type", "seed",
        ])  # fmt: skip
        failed = [
            f"{r.node.name}: {r.message}" for r in built.result if r.status in ("error", "fail")
        ]
        if failed or built.exception:
            sys.exit("\n".join(failed) or str(built.exception))
        builds[name] = {
            "compiled": {
                result.node.unique_id: result.node.compiled_code
                for result in built.result
                if result.node.resource_type in ("model", "test")
            },
            "sent": warehouse.sent,
        }
    declared = {
        node.unique_id: {c.name: c.data_type for c in node.columns.values()}
        for node in parsed.result.nodes.values()
        if node.resource_type in ("model", "test")
    }
    return {"builds": builds, "declared": declared}


def main(folder, *targets):
    # Garbage collection takes a fifth of the time, and the process ends soon.
    gc.disable()
    for target in targets:
        Path(folder, f"{target}.json").write_text(json.dumps(statements_of(target)))


main(*sys.argv[1:])
