"""What the README says is so: its commands, queries, tables and settings."""

import re
import shutil

import duckdb
import pytest
from conftest import days_ago, known
from running import PROJECT, run_pipeline

import openai_costs_source
from openai_costs import arguments
from openai_costs_source.api.credentials import OPENAI_URL
from openai_costs_source.api.retry import MAX_WAIT_SECONDS
from openai_costs_source.settings import REFETCH_DAYS
from openai_costs_source.simulator.api import DEMO_ADMIN_KEY

README = (PROJECT / "README.md").read_text()
QUERIES = (PROJECT / "QUERIES.md").read_text()
OPERATIONS = (PROJECT / "docs" / "OPERATIONS.md").read_text()
MAKEFILE = (PROJECT / "Makefile").read_text()
TESTS = PROJECT / "tests"


def blocks(language, text=README):
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.fixture(scope="module")
def demo_warehouse(demo, tmp_path_factory):
    """The demo's warehouse, with some days restated by a later load."""
    folder = tmp_path_factory.mktemp("restated")
    shutil.copy(demo[0] / "demo.duckdb", folder)
    result = run_pipeline("load", "--demo", "--trap", "restated", cwd=folder)
    assert result.returncode == 0, result.stderr
    with duckdb.connect(str(folder / "demo.duckdb"), read_only=True) as connection:
        yield connection


@pytest.mark.parametrize("query", blocks("sql") + blocks("sql", QUERIES))
def test_query_that_can_be_pasted_answers(demo_warehouse, query):
    assert demo_warehouse.execute(query).fetchall()


def test_answer_in_the_readme_has_the_columns_of_the_real_one(demo_warehouse):
    answered = re.findall(r"```sql\n(.*?)```\n\n```text\n(.*?)```", README, re.DOTALL)
    assert len(answered) == 5
    for query, shown in answered:
        # Names and figures move with the day.
        columns = [column[0] for column in demo_warehouse.execute(query).description]
        assert shown.splitlines()[0].split() == columns


@pytest.mark.parametrize(
    "table", sorted(set(re.findall(r"openai_(?:raw|marts)\.\w+", README + QUERIES)))
)
def test_table_named_in_the_readme_exists(demo_warehouse, table):
    assert demo_warehouse.execute(f"select count(*) from {table}").fetchone()[0] > 0


def test_only_pandas_reads_amounts_as_floats(demo_warehouse):
    amounts = demo_warehouse.sql("select unblended_cost from openai_marts.daily_costs_by_project")
    assert str(amounts.df()["unblended_cost"].dtype) == "float64"
    assert str(amounts.to_arrow_table().schema.field(0).type) == "decimal128(38, 18)"
    assert type(amounts.fetchall()[0][0]).__name__ == "Decimal"


@pytest.mark.parametrize("test", re.findall(r"`(test_\w+)` \|$", OPERATIONS, re.MULTILINE))
def test_operation_in_the_docs_has_its_test(test):
    files = [*TESTS.glob("*.py"), *TESTS.glob("engines/*.py")]
    assert any(f"\ndef {test}(" in file.read_text() for file in files)


COMMANDS = re.findall(r"^\| `python pipeline\.py ?(.*?)` \|", README, re.MULTILINE)


# Each is the subject of a fixture: a run of the demo, and a run on an API of one's own.
FIXTURES = ("", "--demo")


@pytest.mark.parametrize("arguments", [each for each in COMMANDS if each not in FIXTURES])
def test_command_in_the_readme_runs(api, own_ten_days, arguments):
    since = {"SOURCES__OPENAI_COSTS__START_DATE": str(days_ago(10))}
    result = run_pipeline(
        *arguments.split(),
        cwd=own_ten_days.folder,
        only=("config.materialized:incremental",),
        **known(api),
        **since,
    )
    assert result.returncode == 0, result.stderr


def test_commands_without_a_name_are_in_the_readme(demo, ten_days):
    assert set(FIXTURES) <= set(COMMANDS)
    assert (demo[1].returncode, ten_days.printed.returncode) == (0, 0)


def test_every_command_and_option_of_the_help_is_in_the_readme(tmp_path):
    for command in ("", *arguments.COMMANDS):
        assert command in README
        shown = run_pipeline(*command.split(), "--help", cwd=tmp_path).stdout
        for option in re.findall(r"(?<= )--[a-z-]+", shown):
            assert option == "--help" or option in README


def test_make_targets_in_the_readme_exist():
    for target in re.findall(r"^make (\w+)$", README, re.MULTILINE):
        assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE), target


def test_settings_in_the_readme_are_those_that_exist():
    section = README.split("## Settings")[1].split("\n## ")[0]
    named = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    assert tuple(named) == openai_costs_source.SETTINGS
    assert f"`{OPENAI_URL}`" in section
    assert f"`{REFETCH_DAYS}`" in section
    assert f"`{MAX_WAIT_SECONDS}`" in section


def test_python_in_the_readme_loads(api, monkeypatch):
    monkeypatch.setenv("OPENAI_ADMIN_KEY", DEMO_ADMIN_KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", api.base_url)
    (code,) = blocks("python")
    exec(code, {})
    with duckdb.connect("openai_costs.duckdb", read_only=True) as connection:
        assert connection.execute("select count(*) from openai_raw.costs").fetchone()[0] > 0


def test_output_in_the_readme_has_the_shape_of_the_real_one(demo):
    _, result = demo
    shown = blocks("text")[0]

    labels = re.compile(r"^  (Days|Rows|Total|Verdict|Top \w+|Checked|Warehouse)", re.MULTILINE)
    assert len(labels.findall(shown)) == 9
    assert labels.findall(shown) == labels.findall(result.stdout)
