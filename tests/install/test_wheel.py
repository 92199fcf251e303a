"""The wheel, installed with the command into new environments: it runs without a clone."""

import os
import shutil
import sys
import zipfile

import duckdb
import pytest
from environments import WITHOUT_ROOT, Environment, build_wheel, files, pythons, read_only

from openai_costs.version import version
from openai_costs_source.simulator.api import DEMO_ADMIN_KEY

PYTHONS = pythons()
THIS = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    return Environment(tmp_path_factory.mktemp("installed"), PYTHONS[THIS], wheel, "[command]")


@pytest.fixture(scope="module")
def demo(installed, tmp_path_factory):
    """Return the run of the demo in an empty folder, the folder, and its home."""
    folder, home = tmp_path_factory.mktemp("demo"), tmp_path_factory.mktemp("home")
    packages = files(installed.site_packages)
    done = installed.run("openai-costs", "--demo", cwd=folder, HOME=str(home))
    assert files(installed.site_packages) == packages, "a run changed the installed packages"
    return done, folder, home


def names(folder):
    return {path.name for path in folder.iterdir()}


def test_the_wheel_has_two_packages_and_the_dbt_project_in_one_of_them(wheel):
    files = zipfile.ZipFile(wheel).namelist()
    assert {file.split("/")[0] for file in files} == {
        "openai_costs",
        "openai_costs_source",
        f"openai_costs-{version()}.dist-info",
    }
    assert "openai_costs/dbt_project/dbt_project.yml" in files
    assert not [file for file in files if "/target/" in file or "/logs/" in file]


def test_the_demo_ends_with_the_summary_and_writes_only_the_warehouse(demo):
    done, folder, home = demo
    assert done.returncode == 0, done.stderr
    assert "Top projects, last 30 days" in done.stdout
    assert "to the last digit" in done.stdout
    assert f"{folder / 'demo.duckdb'}, schema openai_marts" in done.stdout
    assert names(folder) == {"demo.duckdb"}
    assert names(home / ".cache") == {"openai-costs"}


@pytest.mark.parametrize("python", sorted(PYTHONS.keys() - {THIS}))
def test_the_demo_runs_on_every_supported_python(python, wheel, tmp_path):
    environment = Environment(tmp_path / "env", PYTHONS[python], wheel, "[command]")
    (tmp_path / "work").mkdir()
    done = environment.run("openai-costs", "--demo", cwd=tmp_path / "work", HOME=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "to the last digit" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "exit_code", "printed"),
    [
        (["check"], 0, "A load is possible."),
        (["models"], 0, "no day changed; last verified"),
        (["status"], 0, "Heliotrope Labs"),
        (["export", "--to", "focus"], 0, "as in openai_marts.focus_costs"),
        (["alerts"], 3, "budget"),
        (["report"], 2, "needs one more package: pip install 'openai-costs[report]'"),
        (["models", "--destination", "postgres"], 2, "pip install 'openai-costs[postgres]'"),
        (["load", "--help"], 0, "usage: openai-costs load"),
    ],
)
def test_every_command_works_from_the_wheel(arguments, exit_code, printed, installed, demo):
    _, folder, home = demo
    if "--destination" not in arguments:
        arguments = [*arguments, "--demo"]
    done = installed.run("openai-costs", *arguments, cwd=folder, HOME=str(home))
    assert done.returncode == exit_code, done.stdout + done.stderr
    assert printed in done.stdout + done.stderr


def test_messages_name_the_installed_command(installed, tmp_path):
    done = installed.run("openai-costs", "status", cwd=tmp_path, HOME=str(tmp_path))
    assert done.returncode == 1
    assert "load costs first, with openai-costs." in done.stderr


@pytest.mark.parametrize("home", ["read-only", "missing", "not set"])
def test_it_works_with_a_read_only_installation_and_home(home, installed, demo, tmp_path):
    _, folder, _ = demo
    shutil.copy(folder / "demo.duckdb", tmp_path / "demo.duckdb")
    owned = tmp_path / "home"
    owned.mkdir()
    settings = {"read-only": {"HOME": str(owned)}, "missing": {"HOME": "/nowhere"}, "not set": {}}
    with read_only(installed.folder, owned):
        done = installed.run(
            *("openai-costs", "models", "--full", "--demo"),
            cwd=tmp_path,
            first=WITHOUT_ROOT if os.geteuid() == 0 else (),
            **settings[home],
        )
    assert done.returncode == 0, done.stderr
    assert "to the last digit" in done.stdout
    assert files(owned) == {}
    assert names(tmp_path) == {"demo.duckdb", "home"}


def test_own_seeds_are_read_from_the_current_folder(installed, api, tmp_path):
    (tmp_path / "own_seeds").mkdir()
    for seed in (installed.site_packages / "openai_costs/dbt_project/own_seeds").iterdir():
        shutil.copy(seed, tmp_path / "own_seeds")
    settings = {
        "HOME": str(tmp_path / "home"),
        "OPENAI_ADMIN_KEY": DEMO_ADMIN_KEY,
        "OPENAI_BASE_URL": api.base_url,
    }
    with (tmp_path / "own_seeds/teams.csv").open("a") as teams:
        teams.write(f"{api.organization.id},project,proj_search,Searchers,,,\n")
    done = installed.run("openai-costs", cwd=tmp_path, **settings)
    assert done.returncode == 0, done.stderr
    with duckdb.connect(str(tmp_path / "openai_costs.duckdb"), read_only=True) as warehouse:
        teams = warehouse.sql("select distinct team from openai_marts.daily_costs_by_team")
        assert ("Searchers",) in teams.fetchall()

    (tmp_path / "own_seeds/budgets.csv").unlink()
    invoices = tmp_path / "own_seeds/invoices.csv"
    invoices.write_text(invoices.read_text().replace(",", ";"))
    done = installed.run("openai-costs", "models", cwd=tmp_path, **settings)
    assert done.returncode == 0, done.stderr
    assert names(tmp_path / "own_seeds") == {"credit_grants.csv", "invoices.csv", "teams.csv"}


def test_warehouses_and_folders_of_seeds_have_their_own_targets(installed, demo, tmp_path):
    _, folder, home = demo
    (cache,) = (home / ".cache/openai-costs").iterdir()
    assert cache.name == version()
    before = names(cache)
    shutil.copy(folder / "demo.duckdb", tmp_path)
    assert (
        installed.run("openai-costs", "models", "--demo", cwd=tmp_path, HOME=str(home)).returncode
        == 0
    )
    (new,) = names(cache) - before
    assert (cache / new / "target/partial_parse.msgpack").is_file()
