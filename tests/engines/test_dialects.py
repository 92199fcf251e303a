"""The SQL that dbt would send to warehouses that no test can reach."""

import importlib.util
import json
import re

import pytest
import sqlglot
from running import PROJECT, run_process
from sqlglot import exp

WAREHOUSES = {
    "snowflake": ("HOST", "USERNAME", "PASSWORD", "DATABASE"),
    "bigquery": ("PROJECT_ID", "CLIENT_EMAIL", "PRIVATE_KEY"),
    "redshift": ("HOST", "USERNAME", "PASSWORD", "DATABASE"),
    "databricks": ("CATALOG", "SERVER_HOSTNAME", "HTTP_PATH", "ACCESS_TOKEN"),
    "clickhouse": ("HOST",),
    "trino": (),
}
BUILDS = ("first build", "next build")
FACTS = {path.stem for path in (PROJECT / "dbt_project/models/intermediate/facts").glob("*.sql")}
# Precision and scale of decimals: money, quantities, amounts in warnings, intermediate factors.
DECIMALS = {
    (38, 18), (38, 9), (38, 2), (37, 18), (28, 9), (27, 18), (26, 6), (24, 9), (18, 18), (18, 0),
    (13, 9), (12, 12), (9, 8), (7, 6), (7, 0), (6, 0),
}  # fmt: skip
DECLARED = {"decimal(38, 18)": (38, 18), "decimal(38, 9)": (38, 9)}


class Unsent:
    """What dbt compiled and would have sent, by build, and as sqlglot parses it."""

    def __init__(self, dialect, answer):
        self.dialect = dialect
        self.builds = answer["builds"]
        self.declared = answer["declared"]
        self.trees = {}

    def parse(self, sql):
        if sql not in self.trees:
            trees = sqlglot.parse(sql, read=self.dialect, error_level=sqlglot.ErrorLevel.RAISE)
            self.trees[sql] = [tree for tree in trees if tree]
        return self.trees[sql]

    def compiled(self):
        for build in BUILDS:
            yield from self.builds[build]["compiled"].items()

    def replacing(self, built_days=False):
        """Return, by fact, the statements of the next build that delete or insert its rows.

        With `built_days`, returns those that record the days that the fact was built from.
        """
        statements = {fact: [] for fact in FACTS}
        for node, sql in self.builds["next build"]["sent"]:
            fact = node.split(".")[-1]
            changes = re.match(r"\s*(begin;\s*)?(delete|insert|merge)\b", sql, re.I)
            if fact in statements and changes and ("int_openai__built_days" in sql) == built_days:
                statements[fact].append(sql)
        return statements


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """The folder of what dbt would have sent to each warehouse with an installed adapter."""
    folder = tmp_path_factory.mktemp("unsent")
    # Databricks' path has a fixed format; the name of a database is part of the SQL.
    settings = {
        f"DESTINATION__{warehouse.upper()}__CREDENTIALS__{name}": (
            "/unsent/1" if name.endswith("PATH") else "unsent"
        )
        for warehouse, names in WAREHOUSES.items()
        for name in names
    }
    done = run_process(
        *(PROJECT / "tests" / "engines" / "unsent.py", folder, *filter(is_installed, WAREHOUSES)),
        cwd=folder,
        timeout=1200,
        **settings,
        DBT_TARGET_PATH=str(folder / "target"),
        DBT_LOG_PATH=str(folder / "logs"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def is_installed(warehouse):
    return importlib.util.find_spec(f"dbt.adapters.{warehouse}") is not None


@pytest.fixture(scope="module", params=WAREHOUSES)
def unsent(request, answers):
    if not is_installed(request.param):
        pytest.skip(f"dbt's adapter is not installed: pip install '.[{request.param}]'")
    return Unsent(request.param, json.loads((answers / f"{request.param}.json").read_text()))


@pytest.mark.parametrize("build", BUILDS)
def test_every_model_and_test_is_compiled(unsent, build):
    assert set(unsent.builds[build]["compiled"]) == set(unsent.declared)


def test_every_compiled_statement_is_valid_in_the_dialect(unsent):
    for node, sql in unsent.compiled():
        (tree,) = unsent.parse(sql)
        assert isinstance(tree, exp.Query), node
        assert not tree.find(exp.Command), node


def test_facts_are_replaced_by_day_in_statements_of_the_dialect(unsent):
    for fact, statements in unsent.replacing().items():
        assert statements, fact
        trees = [tree for sql in statements for tree in unsent.parse(sql)]
        assert not any(isinstance(tree, exp.Command) for tree in trees), (fact, statements)
        deletes = [t for t in trees if t.find(exp.Delete) or isinstance(t, exp.Merge)]
        inserts = [t for t in trees if isinstance(t, (exp.Insert, exp.Merge))]
        # Databricks replaces rows in one statement: the condition is a part of the insert.
        removes = deletes or [tree for tree in inserts if tree.args.get("where")]
        assert len(removes) == len(inserts) == 1, (fact, statements)
        (removed,) = removes
        # Other organizations of the day are kept, and so are days before the replaced ones.
        assert "organization_id" in {column.name for column in removed.find_all(exp.Column)}
        assert "2026-10-01" in removed.sql(unsent.dialect)


def test_built_days_of_a_fact_are_replaced_in_statements_of_the_dialect(unsent):
    for fact, statements in unsent.replacing(built_days=True).items():
        trees = [tree for sql in statements for tree in unsent.parse(sql)]
        assert not any(isinstance(tree, exp.Command) for tree in trees), (fact, statements)
        assert isinstance(trees[-1], exp.Insert)
        removes = [tree for tree in trees if tree.find(exp.Delete) or tree.args.get("where")]
        assert len(removes) == 1, (fact, statements)
        assert f"'{fact}'" in removes[0].sql(unsent.dialect)


def test_next_build_reads_only_the_days_to_build(unsent):
    compiled = {build: unsent.builds[build]["compiled"] for build in BUILDS}
    for fact in FACTS:
        node = f"model.openai_costs.{fact}"
        assert "int_openai__days_to_build" not in compiled["first build"][node]
        assert "int_openai__days_to_build" in compiled["next build"][node]


def decimal(kind):
    """Return precision and scale of a type; BigQuery's type has neither."""
    return tuple(int(parameter.name) for parameter in kind.expressions)


def is_decimal(kind):
    return kind.is_type(*exp.DataType.NUMERIC_TYPES) and not kind.is_type(
        *exp.DataType.INTEGER_TYPES, *exp.DataType.FLOAT_TYPES, exp.DataType.Type.DOUBLE
    )


def test_decimals_have_the_intended_digits(unsent):
    for node, sql in unsent.compiled():
        for tree in unsent.parse(sql):
            for cast in tree.find_all(exp.Cast):
                if not is_decimal(cast.to):
                    continue
                if unsent.dialect == "bigquery":
                    assert cast.to.sql("bigquery") == "BIGNUMERIC", node
                else:
                    assert decimal(cast.to) in DECIMALS, (node, cast.sql(unsent.dialect))


def test_money_and_quantities_have_the_declared_types(unsent):
    cast_columns = 0
    for node, sql in unsent.compiled():
        declared_types = {
            name.lower(): DECLARED[kind]
            for name, kind in unsent.declared[node].items()
            if kind in DECLARED
        }
        for tree in unsent.parse(sql):
            for column in tree.find_all(exp.Alias):
                wanted = declared_types.get(column.alias.lower())
                if not wanted or not isinstance(column.this, exp.Cast):
                    continue
                cast_columns += 1
                kind = column.this.to
                assert is_decimal(kind), (node, column.sql(unsent.dialect))
                assert decimal(kind) == (() if unsent.dialect == "bigquery" else wanted), node
    assert cast_columns > 50


def test_row_before_the_first_and_after_the_last_is_null(unsent):
    """ClickHouse returns the type's default instead, unless the value is nullable."""
    values = [
        re.match(r"(lag|lead)\s*\(\s*(toNullable)?", call[0], re.I)
        for _, sql in unsent.compiled()
        for call in re.finditer(r"\b(lag|lead)\s*\(\s*\w+", sql, re.I)
    ]
    assert len(values) >= len(BUILDS) * 4
    assert {bool(value[2]) for value in values} == {unsent.dialect == "clickhouse"}


def test_contracts_are_compared_in_types_of_the_engine(unsent):
    compared = [
        tree
        for _, sql in unsent.builds["next build"]["sent"]
        if re.search(r"cast\(null as [\w(), ]+\)\s+as unblended_cost", sql) and "stg_" not in sql
        for tree in unsent.parse(sql)
    ]
    if unsent.dialect == "clickhouse":
        assert not compared
        return
    kinds = {
        cast.to.sql(unsent.dialect)
        for tree in compared
        for column in tree.find_all(exp.Alias)
        if column.alias == "unblended_cost" and isinstance(cast := column.this, exp.Cast)
    }
    assert kinds == {"BIGNUMERIC" if unsent.dialect == "bigquery" else "DECIMAL(38, 18)"}
