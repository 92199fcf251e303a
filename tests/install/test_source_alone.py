"""The wheel without extras: the dlt source, for a person's own pipeline."""

import re
import sys
from importlib.metadata import Distribution

import duckdb
import pytest
from environments import PROJECT, Environment, build_wheel, pythons

from openai_costs_source.simulator.api import DEMO_ADMIN_KEY


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("source")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return Environment(folder / "env", pythons()[version], build_wheel(folder))


def test_it_installs_neither_dbt_nor_what_only_the_command_needs(installed):
    found = {d.name.lower() for d in Distribution.discover(path=[str(installed.site_packages)])}
    assert {"openai-costs", "dlt", "duckdb", "pyarrow", "requests", "tenacity", "urllib3"} <= found
    assert not [name for name in found if name.startswith("dbt") or name == "platformdirs"]


def test_the_source_imports_nothing_that_only_the_command_needs():
    imported = "^ *(?:from|import) (rich|sqlglot|platformdirs|fsspec|dbt|openai_costs)\\b"
    for file in (PROJECT / "openai_costs_source").rglob("*.py"):
        assert re.findall(imported, file.read_text(), re.MULTILINE) == [], file


def test_the_command_says_which_extra_it_needs(installed, tmp_path):
    done = installed.run("openai-costs", "--demo", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == ("The command needs more packages: pip install 'openai-costs[command]'\n")


def test_the_example_in_the_readme_runs_unchanged(installed, api, tmp_path):
    (example,) = re.findall("```python\n(.*?)```", (PROJECT / "README.md").read_text(), re.DOTALL)
    settings = {
        # If root runs the tests, dlt's default folder is /var/dlt, whatever the home is.
        "DLT_DATA_DIR": str(tmp_path / "dlt"),
        "OPENAI_ADMIN_KEY": DEMO_ADMIN_KEY,
        "OPENAI_BASE_URL": api.base_url,
        "RUNTIME__DLTHUB_TELEMETRY": "false",
    }
    done = installed.run("python", "-c", example, cwd=tmp_path, **settings)
    assert done.returncode == 0, done.stderr
    with duckdb.connect(str(tmp_path / "openai_costs.duckdb"), read_only=True) as warehouse:
        (rows,) = warehouse.sql("select sum(amount) from openai_raw.costs").fetchone()
        (ledger,) = warehouse.sql("select sum(row_amount) from openai_raw.cost_days").fetchone()
    assert rows == ledger > 0
