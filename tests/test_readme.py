"""README.md and docs/ are correct: commands, queries, tables, settings and outputs."""

import re
import shlex
import shutil
from contextlib import closing
from datetime import date
from pathlib import Path

import duckdb
import pytest
import yaml
from conftest import Warehouse, days_ago, known
from running import DBT_PROJECT, PROJECT, dbt, run_pipeline

import openai_costs_source
from openai_costs import arguments
from openai_costs.folders import SEEDS
from openai_costs_source.api.credentials import OPENAI_URL
from openai_costs_source.api.retry import MAX_WAIT_SECONDS
from openai_costs_source.settings import REFETCH_DAYS
from openai_costs_source.simulator.api import DEMO_ADMIN_KEY

README = (PROJECT / "README.md").read_text()
DOCS = {path.name: path.read_text() for path in sorted((PROJECT / "docs").glob("*.md"))}
PAGES = "\n".join([README, *DOCS.values()])
TOMORROW = days_ago(-1)
MAKEFILE = (PROJECT / "Makefile").read_text()
WAREHOUSE = "DESTINATION__DUCKDB__CREDENTIALS"


def blocks(language, text=README):
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


SHELL = [line for block in blocks("sh", PAGES) for line in block.splitlines()]


@pytest.fixture(scope="module")
def demo_warehouse(demo, tmp_path_factory):
    """The demo's warehouse, with some days restated by a later load."""
    folder = tmp_path_factory.mktemp("restated")
    shutil.copy(demo[0] / "demo.duckdb", folder)
    result = run_pipeline("load", "--demo", "--trap", "restated", cwd=folder)
    assert result.returncode == 0, result.stderr
    with duckdb.connect(str(folder / "demo.duckdb"), read_only=True) as connection:
        yield connection


def test_readme_is_short():
    assert len(README.splitlines()) <= 200


@pytest.mark.parametrize("query", blocks("sql", PAGES))
def test_documented_query_returns_rows(demo_warehouse, query):
    assert demo_warehouse.execute(query).fetchall()


def test_query_for_datadog_follows_the_rules_of_its_custom_costs(demo_warehouse):
    (query,) = (block for block in blocks("sql", DOCS["focus.md"]) if "For Datadog" in block)
    costs = demo_warehouse.sql(query).to_arrow_table().to_pylist()
    required = ("ProviderName", "ChargeDescription", "ChargePeriodStart", "ChargePeriodEnd")
    assert tuple(costs[0])[:6] == (*required, "BilledCost", "BillingCurrency")
    for row in costs:
        assert all(0 < len(str(value)) <= 1000 for value in row.values()), row
        assert None not in row.values()
        assert date(2026, 1, 1) <= row["ChargePeriodStart"] <= row["ChargePeriodEnd"] < TOMORROW
    month = "BillingPeriodStart = date_trunc('month', current_date)"
    (billed,) = demo_warehouse.sql(
        f"select sum(BilledCost) from openai_marts.focus_costs where {month}"
    ).fetchone()
    assert sum(row["BilledCost"] for row in costs) == billed
    assert {row["BillingCurrency"] for row in costs} == {"USD"}


def test_result_in_the_docs_has_the_columns_of_the_real_one(demo_warehouse):
    results = re.findall(r"```sql\n([^`]*)```\n\n```text\n([^`]*)```", PAGES)
    assert len(results) == 5
    for query, shown in results:
        # Only the columns are compared: names and figures depend on the day.
        columns = [column[0] for column in demo_warehouse.execute(query).description]
        assert shown.splitlines()[0].split() == columns


@pytest.mark.parametrize("table", sorted(set(re.findall(r"openai_(?:raw|marts)\.\w+", PAGES))))
def test_table_named_in_the_docs_exists(demo_warehouse, table):
    rows = demo_warehouse.execute(f"select count(*) from {table}").fetchone()[0]
    # Empty in the demo, whose organization can combine users with projects.
    assert rows > 0 or table == "openai_raw.costs_by_user"


def test_only_pandas_reads_amounts_as_floats(demo_warehouse):
    amounts = demo_warehouse.sql("select unblended_cost from openai_marts.daily_costs_by_project")
    assert str(amounts.df()["unblended_cost"].dtype) == "float64"
    assert str(amounts.to_arrow_table().schema.field(0).type) == "decimal128(38, 18)"
    assert type(amounts.fetchall()[0][0]).__name__ == "Decimal"


COMMANDS = re.findall(r"^\| `python pipeline\.py ?(.*?)` \|", README, re.MULTILINE)


# Fixtures run these commands: the demo, and a load from a simulated API.
RUN_BY_FIXTURES = ("", "--demo")


@pytest.mark.parametrize("command", [each for each in COMMANDS if each not in RUN_BY_FIXTURES])
def test_command_in_the_readme_runs(api, own_ten_days, command):
    since = {"SOURCES__OPENAI_COSTS__START_DATE": str(days_ago(10))}
    result = run_pipeline(
        *command.split(),
        cwd=own_ten_days.folder,
        only=("config.materialized:incremental",),
        **known(api),
        **since,
    )
    assert result.returncode == 0, result.stderr


def test_commands_that_fixtures_run_are_in_the_readme(demo, ten_days):
    assert set(RUN_BY_FIXTURES) <= set(COMMANDS)
    assert (demo[1].returncode, ten_days.printed.returncode) == (0, 0)


def test_every_command_and_option_of_the_help_is_in_the_readme(tmp_path):
    for command in ("", *arguments.COMMANDS):
        assert command in README
        shown = run_pipeline(*command.split(), "--help", cwd=tmp_path).stdout
        for option in re.findall(r"(?<= )--[a-z-]+", shown):
            assert option == "--help" or option in README


def test_every_command_in_the_docs_is_accepted():
    commands = re.findall(r"`(?:\.venv/bin/)?python pipeline\.py([^`]*)`", PAGES)
    commands += re.findall(r"`openai-costs( [^`]*)`", PAGES)
    commands += [line.split("pipeline.py", 1)[1] for line in SHELL if "pipeline.py" in line]
    commands += [
        line.removeprefix("openai-costs") for line in SHELL if kind_of(line) == "installed"
    ]
    for command in commands:
        words = shlex.split(command)
        # A command may be named without the options that it needs.
        if len(words) == 1 and words[0] in (*arguments.COMMANDS, "--help"):
            continue
        arguments.parse(words)


def kind_of(line):
    """The kind of a line in a shell block; None if no test of this file covers it."""
    kinds = {
        "make": r"make [\w-]+( RULES=DIR)?",
        "set": r"export \w+=\S+|git pull",
        "command": r"(\.venv/bin/)?python pipeline\.py.*",
        # tests/install/test_wheel.py runs these.
        "installed": r"openai-costs( --demo| check)?",
        "python": r"\.venv/bin/python -c \".*\"",
        "dbt": r"cd dbt_project && (\w+=\S+ )*(dbt|mf) .*",
    }
    return next((kind for kind, form in kinds.items() if re.fullmatch(form, line)), None)


def lines(kind):
    return [line for line in SHELL if kind_of(line) == kind]


def test_every_line_of_a_shell_block_is_tested():
    assert [line for line in SHELL if not kind_of(line)] == []
    kinds = {"make", "set", "command", "installed", "python", "dbt"}
    assert {kind_of(line) for line in SHELL} == kinds


def test_make_targets_in_the_docs_exist():
    inline = re.findall(r"`(make [\w-]+)[^`]*`", PAGES)
    for line in [*inline, *lines("make")]:
        target = line.split()[1]
        assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE), target


@pytest.mark.parametrize("line", lines("python"))
def test_python_one_liner_runs_on_the_demo(demo, monkeypatch, capsys, line):
    monkeypatch.chdir(demo[0])
    interpreter, option, code = shlex.split(line)
    assert (interpreter, option) == (".venv/bin/python", "-c")
    exec(code, {})
    assert "│" in capsys.readouterr().out


@pytest.mark.parametrize("line", lines("dbt"))
def test_dbt_command_uses_the_file_and_the_seeds_of_the_demo(monkeypatch, line):
    monkeypatch.delenv("DBT_TARGET_PATH")
    words = shlex.split(line.removeprefix("cd dbt_project && "))
    settings = dict(word.split("=", 1) for word in words if re.match(r"[A-Z_]+=", word))
    # Relative to dbt_project, where the line runs dbt; `make demo` writes to the project's root.
    assert (DBT_PROJECT / settings.pop(WAREHOUSE)).resolve() == PROJECT / "demo.duckdb"
    if SEEDS in settings:
        assert DBT_PROJECT / settings.pop(SEEDS) == DBT_PROJECT / "target" / "demo_seeds"
    assert settings == {}


def test_dbt_without_the_command_builds_on_the_demo(demo, tmp_path):
    assert any(line.endswith(" dbt build") for line in lines("dbt"))
    warehouse = Warehouse(tmp_path)
    warehouse.path = Path(shutil.copy(demo[0] / "demo.duckdb", tmp_path))
    built = dbt("build", "--select", "openai__daily_costs_by_project", warehouse=warehouse)
    assert built.returncode == 0, built.stdout
    assert "PASS=" in built.stdout


def test_other_dbt_commands_in_the_docs_exist():
    from dbt.cli.main import cli

    for line in lines("dbt"):
        command, *rest = re.search(r"\b(?:dbt|mf) (.*)", line)[1].split()
        if " mf " not in line:
            group = cli.commands[command]
            assert not rest or rest[0] in group.commands, line


def test_metrics_and_dimensions_in_the_docs_exist():
    files = sorted((DBT_PROJECT / "models" / "semantic_layer").glob("*.yml"))
    layer = [yaml.safe_load(file.read_text()) for file in files]
    metrics = {metric["name"] for file in layer for metric in file.get("metrics", [])}
    dimensions = {
        f"{entity['name']}__{dimension['name']}"
        for file in layer
        for model in file.get("semantic_models", [])
        for entity in [{"name": model.get("primary_entity")}, *model.get("entities", [])]
        for dimension in model["dimensions"]
    }
    queries = [line for line in lines("dbt") if " mf query " in line]
    assert queries
    for query in queries:
        words = shlex.split(query)
        assert set(words[words.index("--metrics") + 1].split(",")) <= metrics
        for dimension in words[words.index("--group-by") + 1].split(","):
            assert dimension in dimensions or re.fullmatch(
                r"metric_time__(day|week|month|quarter|year)", dimension
            )


def test_settings_in_the_docs_are_those_that_exist():
    section = DOCS["settings.md"].split("## Set a value")[1].split("\n## ")[0]
    named = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    assert tuple(named) == openai_costs_source.SETTINGS
    assert f"`{OPENAI_URL}`" in section
    assert f"`{REFETCH_DAYS}`" in section
    assert f"`{MAX_WAIT_SECONDS}`" in section


def test_variables_in_the_docs_are_those_of_dbt():
    section = DOCS["settings.md"].split("## Change dbt variables")[1]
    rows = re.findall(r"^\| (`.*?`) \|", section, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    project = yaml.safe_load((DBT_PROJECT / "dbt_project.yml").read_text())
    assert named == set(project["vars"])


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


def test_columns_of_raw_costs_in_the_docs_are_the_real_ones(demo):
    with closing(duckdb.connect(str(demo[0] / "demo.duckdb"), read_only=True)) as connection:
        for table in ("costs", "cost_days"):
            section = DOCS["tables.md"].split(f"| column of `{table}` |")[1].split("\n\n")[0]
            rows = re.findall(r"^\| (`.*?`) \|", section, re.MULTILINE)
            named = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
            real = [row[0] for row in connection.execute(f"describe openai_raw.{table}").fetchall()]
            assert sorted(named) == sorted(real)
