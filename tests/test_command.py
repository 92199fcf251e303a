"""`python pipeline.py` as a person runs it: its output, its files and its exit codes."""

import contextlib
import io
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import threading
import tomllib
from datetime import date, timedelta
from decimal import Decimal

import duckdb
import pytest
from conftest import TODAY, days_ago
from running import DBT_PROJECT, PROJECT, environment, run_pipeline, run_process
from test_awkward_replies import Truncated

from openai_costs.arguments import COMMANDS, parse
from openai_costs.folders import SEEDS, own_seeds
from openai_costs.reports import summary
from openai_costs.reports.amounts import cents, exact, percent
from openai_costs.terminal import output
from openai_costs_source.simulator.api import DEMO_ADMIN_KEY, SimulatedApi
from openai_costs_source.simulator.organization import Organization

KEY = {"OPENAI_ADMIN_KEY": DEMO_ADMIN_KEY}


def sums(path, table="openai_raw.costs", day="date", cost="amount"):
    with duckdb.connect(str(path), read_only=True) as connection:
        sql = f"select {day}, sum({cost}) from {table} group by 1 order by 1"
        return connection.execute(sql).fetchall()


def test_demo_ends_with_a_summary_of_the_simulated_organization(demo):
    folder, result = demo
    assert result.returncode == 0, result.stderr
    assert "Heliotrope Labs" in result.stdout
    for word in ("Total", "Top projects", "Top users", "Top models", "demo.duckdb"):
        assert word in result.stdout
    assert (folder / "demo.duckdb").exists()


def test_dbt_variables_of_another_project_change_nothing(demo):
    """The demo runs with the variables of `OF_ANOTHER_PROJECT`."""
    folder, result = demo
    assert int(result.stdout.split("Checked")[1].split()[0]) > 60
    mart = sums(
        folder / "demo.duckdb", "openai_marts.daily_costs_by_project", cost="unblended_cost"
    )
    assert mart == sums(folder / "demo.duckdb")


def test_small_negative_amounts_and_shares_are_not_minus_zero():
    assert (cents(Decimal("-0.001")), percent(Decimal("-0.001"))) == ("0.00", "0%")
    assert (cents(Decimal("-1234.5")), percent(-0.25)) == ("-1,234.50", "-25%")


@pytest.mark.parametrize(
    ("days", "october", "november"),
    [
        (["2026-11-01"], "not loaded", "2.00 USD so far"),
        (["2026-11-03"], "not loaded", "2.00 USD so far, 1 of 3 days loaded"),
        (["2026-10-31", "2026-11-01"], "2.00 USD, 1 of 31 days loaded", "2.00 USD so far"),
    ],
)
def test_summary_prints_amounts_next_to_long_names_and_of_loaded_days_only(days, october, november):
    with duckdb.connect() as connection:
        rows = ", ".join(f"(date '{day}')" for day in days)
        connection.execute(f"""
            create schema openai_raw; create schema openai_marts;
            create table openai_raw.cost_days as
            select 'org' as organization_id, date, 1 as row_count, false as is_closed
            from (values {rows}) as days(date);
            create table openai_marts.daily_costs_by_project as
            select organization_id, 'Acme' as organization_name, 'p' as project_id,
                repeat('P', 77) as project_name, 'USD' as currency, date,
                2.0::decimal(38, 18) as unblended_cost
            from openai_raw.cost_days;
            create table openai_marts.daily_costs_by_user as
            select *, 'u' as user_id, 'U' as user_name from openai_marts.daily_costs_by_project;
            create table openai_marts.daily_costs_by_model as
            select *, 'm' as model, 's' as service from openai_marts.daily_costs_by_project;
            create table openai_marts.reconciliation
            (organization_id text, status text)
        """)

        def query(sql, *values):
            return connection.execute(sql.replace("%s", "?"), values).fetchall()

        with contextlib.redirect_stdout(io.StringIO()) as printed, output:
            summary.print_summary(output, query)
    lines = [" ".join(line.split()) for line in printed.getvalue().splitlines()]
    assert f"October {october}" in lines
    assert f"November {november}" in lines
    assert any(re.fullmatch(r"P+… [24]\.00 100%", line) for line in lines)


def test_summary_states_the_exact_total(demo):
    folder, result = demo
    total = sum(amount for _, amount in sums(folder / "demo.duckdb"))
    assert f"exactly {total.normalize():f}" in result.stdout


def test_log_has_one_line_per_step_of_a_run(demo):
    _, result = demo
    assert result.stderr.splitlines() == [
        "Simulating an organization.",
        "Requesting costs from OpenAI.",
        "Building the models.",
    ]
    assert "\x1b" not in result.stdout + result.stderr


def test_progress_is_shown_on_a_terminal(api, tmp_path):
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, PROJECT / "pipeline.py", "load", "--since", str(days_ago(2))],
        cwd=tmp_path,
        env=environment(OPENAI_BASE_URL=api.base_url, TERM="xterm", **KEY),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    while select.select([ours], [], [], 60)[0]:
        try:
            shown += os.read(ours, 4096)
        except OSError:
            break
    os.close(ours)
    assert process.wait() == 0
    # The first steps may pass before the screen is drawn; the last one stays until the end.
    assert f"to {TODAY}.".encode() in shown


def test_any_server_that_speaks_the_api_is_loaded_and_modelled_exactly(ten_days):
    raw = sums(ten_days.path)
    assert [day for day, _ in raw] == [days_ago(n) for n in range(10, -1, -1)]
    focus = ("openai_marts.focus_costs", "cast(ChargePeriodStart as date)", "BilledCost")
    assert sums(ten_days.path, *focus) == raw
    for by in ("project", "user", "model"):
        by_day = sums(ten_days.path, f"openai_marts.daily_costs_by_{by}", cost="unblended_cost")
        assert by_day == raw


def test_dlts_own_setting_chooses_the_warehouse(api, tmp_path):
    result = run_pipeline(
        "load",
        "--since",
        days_ago(2),
        cwd=tmp_path,
        OPENAI_BASE_URL=api.base_url,
        DESTINATION__DUCKDB__CREDENTIALS="elsewhere.duckdb",
        **KEY,
    )
    assert result.returncode == 0, result.stderr
    assert len(sums(tmp_path / "elsewhere.duckdb")) == 3
    assert not (tmp_path / "openai_costs.duckdb").exists()


def test_since_and_until_load_only_these_days(api, tmp_path):
    days = ("--since", days_ago(9), "--until", days_ago(7))
    result = run_pipeline("load", *days, cwd=tmp_path, OPENAI_BASE_URL=api.base_url, **KEY)
    assert result.returncode == 0, result.stderr
    loaded = [day for day, _ in sums(tmp_path / "openai_costs.duckdb")]
    assert loaded == [days_ago(9), days_ago(8)]


def test_local_state_of_another_warehouse_does_not_shorten_the_history(api, tmp_path):
    settings = {
        "OPENAI_BASE_URL": api.base_url,
        "SOURCES__OPENAI_COSTS__START_DATE": str(days_ago(9)),
        "SOURCES__OPENAI_COSTS__REFETCH_DAYS": "3",
        **KEY,
    }
    assert run_pipeline("load", cwd=tmp_path, **settings).returncode == 0
    (tmp_path / "openai_costs.duckdb").unlink()
    assert run_pipeline("load", cwd=tmp_path, **settings).returncode == 0
    assert sums(tmp_path / "openai_costs.duckdb")[0][0] == days_ago(9)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--frobnicate"], "There is no option --frobnicate. See python pipeline.py --help."),
        (["lode"], "There is no command lode; did you mean load?"),
        (["exprt", "--to", "x"], "There is no command exprt; did you mean export?"),
        (["--sicne", "2026-02-02", "load"], "There is no option --sicne; did you mean --since?"),
        (["status", "load"], "status takes no argument load. See python pipeline.py status --help"),
        (["load", "--since"], "Argument --since: expected one argument."),
        (["--since", "2026-02-30"], "'2026-02-30' is not a day such as 2026-01-31"),
        (["--since", "2026-02-02", "--until", "2026-02-02"], "must be later"),
        (["--since", str(TODAY + timedelta(days=2))], "is in the future"),
        (
            ["models", "--since", "2026-02-02"],
            "--since goes with load or no command, not with models.",
        ),
        (
            ["--until", "2026-02-02", "check"],
            "--until goes with load or no command, not with check.",
        ),
        (["--json"], "--json goes with check. See python pipeline.py check --help."),
        (["load", "--full"], "--full goes with models, not with load."),
        (["status", "--version"], "--version goes with no command, not with status."),
        (["status", "--to", "x"], "--to goes with export or report, not with status."),
        (["export"], "export needs --to DIR: the folder for the files."),
        (["forget"], "forget needs --user ID: the person's id at OpenAI."),
        (["--trap", "restated"], "--trap goes with --demo"),
        (["--demo", "--trap", "restatd"], "Argument --trap: 'restatd' is not one of users-apart, "),
        (["--destination", "oracle"], "There is no destination oracle. There are: duckdb, "),
        (["--demo", "--destination", "postgres"], "--demo fills demo.duckdb"),
        (["--replay", "x", "--destination", "postgres"], "--replay fills a file for the recording"),
        (
            ["--replay", "x", "--demo"],
            "--replay and --demo use different organizations: choose one.",
        ),
        (["load", "--record", "x"], "--record goes with check, not with load."),
        (["check", "--record", "x", "--json"], "--record writes a folder, and prints no JSON."),
    ],
)
def test_usage_error_is_one_line_and_attempts_nothing(api, tmp_path, arguments, sentence):
    result = run_pipeline(*arguments, cwd=tmp_path, OPENAI_BASE_URL=api.base_url, **KEY)
    assert result.returncode == 2
    assert sentence in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert api.requests == []
    assert list(tmp_path.glob("*.duckdb")) == []


@pytest.mark.parametrize(
    "arguments",
    [
        "--demo --trap restated --trap credits load --since 2026-02-02",
        "load --demo --trap restated --trap credits --since 2026-02-02",
        "--trap=restated --since=2026-02-02 load --trap credits --demo",
    ],
)
def test_options_may_stand_before_or_after_the_command(arguments):
    options = parse(arguments.split())
    assert (options.command, options.demo) == ("load", True)
    assert (options.trap, options.since) == (["restated", "credits"], date(2026, 2, 2))


OWN_OPTIONS = {
    "": {"--since", "--until", "--version"},
    "load": {"--since", "--until"},
    "models": {"--full"},
    "check": {"--json", "--record"},
    "status": set(),
    "export": {"--to", "--format", "--month", "--lake"},
    "report": {"--to"},
    "alerts": {"--format", "--severity", "--slack-webhook"},
    "forget": {"--user"},
}


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_of_a_command_lists_its_own_options(tmp_path, command):
    result = run_pipeline(*command.split(), "--help", cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    listed = set(re.findall(r"^  (?:-h, )?(--[a-z-]+)", result.stdout, re.MULTILINE))
    common = {"--help", "--demo", "--trap", "--replay", "--destination"}
    assert listed - common == OWN_OPTIONS[command]
    assert listed >= common
    if not command:
        assert set(COMMANDS) <= set(re.findall(r"^    (\w+) ", result.stdout, re.MULTILINE))


def test_version_is_that_of_the_package(tmp_path):
    pyproject = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    result = run_pipeline("--version", cwd=tmp_path)
    assert result.returncode == 0
    assert result.stdout == f"openai-costs {pyproject['project']['version']}\n"


def test_package_runs_as_a_module(tmp_path):
    result = run_process("-m", "openai_costs", "exprt", cwd=tmp_path, PYTHONPATH=str(PROJECT))
    assert result.returncode == 2
    assert "did you mean export?" in result.stderr


def test_dbt_starts_before_anything_heavy_is_imported():
    code = (
        "import sys; from openai_costs import cli\n"
        "heavy = {'dlt', 'duckdb', 'pyarrow', 'dbt', 'openai_costs_source'}\n"
        "cli.Builder = lambda: print(heavy & set(sys.modules)) or sys.exit(0)\n"
        "cli.main(['models'])"
    )
    assert run_process("-c", code, cwd=PROJECT).stdout == "set()\n"


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"OPENAI_ADMIN_KEY": ""}, "No key"),
        ({"OPENAI_ADMIN_KEY": "sk-proj-123"}, "not an admin key"),
        ({"OPENAI_ADMIN_KEY": f"{DEMO_ADMIN_KEY},sk-proj-123"}, "not an admin key"),
        ({"DESTINATION__DUCKDB__CREDENTIALS": ":memory:", **KEY}, "must be a DuckDB file"),
        ({"DESTINATION__DUCKDB__CREDENTIALS": "md:cloud", **KEY}, "must be a DuckDB file"),
        ({"DESTINATION_TYPE": "oracle", **KEY}, "There is no destination oracle"),
        ({"OPENAI_BASE_URL": "http://api.openai.com/v1", **KEY}, "https://"),
        ({"SOURCES__OPENAI_COSTS__REFETCH_DAYS": "x", **KEY}, "refetch_days is x"),
        ({"SOURCES__OPENAI_COSTS__START_DATE": "soon", **KEY}, "start_date is soon"),
        (
            {"SOURCES__OPENAI_COSTS__REFECH_DAYS": "3", **KEY},
            "no setting sources.openai_costs.refech",
        ),
    ],
)
def test_settings_error_is_one_line_and_attempts_nothing(api, tmp_path, environment, sentence):
    result = run_pipeline(cwd=tmp_path, **{"OPENAI_BASE_URL": api.base_url, **environment})
    assert result.returncode == 2
    assert sentence in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert api.requests == []
    assert list(tmp_path.glob("*.duckdb")) == []


@pytest.mark.parametrize(
    ("destination", "module", "extra"),
    [
        ("postgres", "psycopg2", "postgres"),
        ("snowflake", "dbt.adapters.snowflake", "snowflake"),
        ("filesystem", "pyhive", "spark"),
    ],
)
def test_destination_whose_packages_are_missing_says_how_to_install_them(
    api, tmp_path, monkeypatch, destination, module, extra
):
    monkeypatch.setitem(sys.modules, module, None)
    result = run_pipeline(
        *("load", "--destination", destination),
        cwd=tmp_path,
        OPENAI_BASE_URL=api.base_url,
        **KEY,
    )
    assert result.returncode == 2
    assert f"pip install '.[{extra}]'" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert api.requests == []


def test_misspelt_setting_in_a_file_is_refused(api, tmp_path):
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "config.toml").write_text("[sources.openai_costs]\nrefetchdays = 3\n")
    result = run_pipeline(cwd=tmp_path, OPENAI_BASE_URL=api.base_url, **KEY)
    assert (result.returncode, api.requests) == (2, [])
    assert "refetchdays" in result.stderr


def test_settings_file_that_cannot_be_read_is_one_sentence(api, tmp_path):
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "config.toml").write_text("[sources.openai_costs\n")
    result = run_pipeline(cwd=tmp_path, OPENAI_BASE_URL=api.base_url, **KEY)
    assert (result.returncode, api.requests) == (2, [])
    assert "config.toml" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_settings_file_chooses_key_and_warehouse(api, tmp_path):
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "secrets.toml").write_text(
        f'[sources.openai_costs]\nadmin_key = ["{DEMO_ADMIN_KEY}"]\nbase_url = "{api.base_url}"\n'
        '[destination.duckdb.credentials]\ndatabase = "mine.duckdb"\n'
    )
    result = run_pipeline("load", "--since", days_ago(1), cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert len(sums(tmp_path / "mine.duckdb")) == 2


def test_exact_total_keeps_all_its_digits():
    assert exact(Decimal("12345678901.123456789012345679")) == "12345678901.123456789012345679"
    assert exact(Decimal("100.000000000000000000")) == "100"


def test_revoked_key_fails_in_openais_words_and_leaves_no_file(api, tmp_path):
    key = "sk-admin-revoked-0123456789"
    result = run_pipeline(cwd=tmp_path, OPENAI_BASE_URL=api.base_url, OPENAI_ADMIN_KEY=key)
    assert result.returncode == 1
    assert "Incorrect API key provided" in result.stderr
    assert "Traceback" not in result.stderr
    assert key not in result.stdout + result.stderr
    assert list(tmp_path.glob("*.duckdb")) == []


def test_failed_load_leaves_the_warehouse_unchanged(api, own_ten_days):
    before = sums(own_ten_days.path)
    revoked = {"OPENAI_BASE_URL": api.base_url, "OPENAI_ADMIN_KEY": "sk-admin-revoked"}
    failed = run_pipeline(cwd=own_ten_days.folder, **revoked)
    assert failed.returncode == 1
    assert sums(own_ten_days.path) == before


def test_failed_model_is_one_sentence_and_exit_code_1(own_ten_days):
    with duckdb.connect(str(own_ten_days.path)) as connection:
        connection.execute("alter table openai_raw.costs drop column line_item")
    result = run_pipeline("models", cwd=own_ten_days.folder)
    assert result.returncode == 1
    step, message = result.stderr.splitlines()
    assert step == "Building the models."
    assert "models failed" in message


def test_models_without_costs_are_one_sentence_and_leave_no_file(tmp_path):
    result = run_pipeline("models", cwd=tmp_path)
    assert result.returncode == 1
    assert "load costs first" in result.stderr
    assert list(tmp_path.glob("*.duckdb")) == []
    duckdb.connect(str(tmp_path / "openai_costs.duckdb")).close()
    assert "has no costs yet" in run_pipeline("models", cwd=tmp_path).stderr


class Slow(SimulatedApi):
    """Hangs at the second page of costs."""

    def answer(self, method, target, authorization):
        if "page=" in target and "group_by=" in target:
            self.hanging.set()
            self.interrupted.wait(60)
        return super().answer(method, target, authorization)


@pytest.mark.parametrize("loaded", [False, True])
def test_interrupt_leaves_the_warehouse_unchanged(organization, forking, tmp_path, request, loaded):
    path = tmp_path / "openai_costs.duckdb"
    before = sums(request.getfixturevalue("own_ten_days").path) if loaded else None
    with Slow(organization, days_per_page=5) as slow:
        slow.hanging, slow.interrupted = threading.Event(), threading.Event()
        process = forking.start(
            cwd=tmp_path, environment=environment(OPENAI_BASE_URL=slow.base_url, **KEY)
        )
        assert slow.hanging.wait(60)
        os.kill(process.pid, signal.SIGINT)
        _, message = process.communicate()
        slow.interrupted.set()
    assert process.returncode == 1
    step, message = message.splitlines()
    assert step == "Requesting costs from OpenAI."
    assert message.startswith("Interrupted.")
    assert (sums(path) if path.exists() else None) == before


@pytest.fixture
def open_elsewhere(tmp_path):
    """The path of the warehouse's file, which another program has open."""
    path = tmp_path / "openai_costs.duckdb"
    program = "import sys, duckdb; _ = duckdb.connect(sys.argv[1]); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        yield path
        process.kill()


@pytest.mark.parametrize("command", ["load", "models"])
def test_warehouse_open_elsewhere_is_named(api, tmp_path, open_elsewhere, command):
    result = run_pipeline(command, cwd=tmp_path, OPENAI_BASE_URL=api.base_url, **KEY)
    assert result.returncode == 1
    assert f"{open_elsewhere} is open in another program" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_file_that_is_not_a_warehouse_is_named(api, tmp_path):
    path = tmp_path / "openai_costs.duckdb"
    path.write_text("this is not a database, and long enough to be read as one" * 200)
    result = run_pipeline(cwd=tmp_path, OPENAI_BASE_URL=api.base_url, **KEY)
    assert result.returncode == 1
    assert str(path) in result.stderr
    assert "Traceback" not in result.stderr


@pytest.fixture(scope="module")
def mismatched(ten_days, tmp_path_factory):
    """A load with a day that does not add up and a project with markup in its name."""
    folder = tmp_path_factory.mktemp("mismatched")
    shutil.copy(ten_days.path, folder)
    organization = Organization(TODAY)
    organization.projects[0]["name"] = "[prod] shop [/x]"
    with Truncated(organization) as api:
        return run_pipeline("--since", days_ago(6), cwd=folder, OPENAI_BASE_URL=api.base_url, **KEY)


def test_day_that_does_not_add_up_is_named_and_the_run_exits_with_1(mismatched):
    assert mismatched.returncode == 1
    assert f"The rows of {Truncated.day} do not add up" in mismatched.stderr
    assert "Top projects" in mismatched.stdout


def test_names_are_printed_as_they_are(mismatched):
    assert "[prod] shop [/x]" in mismatched.stdout


def test_one_organization_that_fails_does_not_keep_the_other_from_loading(api, tmp_path):
    keys = f"sk-admin-revoked,{DEMO_ADMIN_KEY}"
    result = run_pipeline(
        "load",
        "--since",
        days_ago(2),
        cwd=tmp_path,
        OPENAI_BASE_URL=api.base_url,
        OPENAI_ADMIN_KEY=keys,
    )
    assert result.returncode == 1
    assert "Incorrect API key" in result.stderr
    assert len(sums(tmp_path / "openai_costs.duckdb")) == 3


class TwoKeys(SimulatedApi):
    """Both keys open the organization, the first one only until `revoked_at` is requested."""

    revoked_at = "/nowhere"

    def answer(self, method, target, authorization):
        if authorization.endswith("-first") and self.revoked_at in target:
            authorization = "Bearer sk-admin-revoked"
        return super().answer(method, target, authorization.removesuffix("-first"))


def load_with_two_keys(api, folder):
    return run_pipeline(
        "load",
        "--since",
        days_ago(3),
        cwd=folder,
        OPENAI_BASE_URL=api.base_url,
        OPENAI_ADMIN_KEY=f"{DEMO_ADMIN_KEY}-first,{DEMO_ADMIN_KEY}",
    )


def test_two_keys_of_one_organization_load_it_once(organization, tmp_path):
    with TwoKeys(organization) as api:
        result = load_with_two_keys(api, tmp_path)
    assert result.returncode == 0, result.stderr
    assert "Two keys belong to org-demo-heliotrope; it is loaded once." in result.stderr
    costs = [query for _, path, query in api.requests if path.endswith("/costs")]
    assert len([query for query in costs if "group_by" in query]) == 1
    assert len([path for _, path, _ in api.requests if path.endswith("/completions")]) == 1
    assert len(sums(tmp_path / "openai_costs.duckdb")) == 4


def test_second_key_of_an_organization_loads_it_if_the_first_one_fails(organization, tmp_path):
    with TwoKeys(organization) as api:
        api.revoked_at = "group_by"
        result = load_with_two_keys(api, tmp_path)
    assert result.returncode == 1
    assert "Incorrect API key" in result.stderr
    assert len(sums(tmp_path / "openai_costs.duckdb")) == 4


def test_own_seeds_are_those_of_the_current_folder_or_else_of_the_project(monkeypatch, tmp_path):
    assert own_seeds() == DBT_PROJECT / "own_seeds"
    for name in ("own_seeds", "filled"):
        (tmp_path / name).mkdir()
    assert own_seeds() == tmp_path / "own_seeds"
    monkeypatch.setenv(SEEDS, "filled")
    assert own_seeds() == tmp_path / "filled"
    monkeypatch.setenv(SEEDS, "target/demo_seeds")
    assert own_seeds() == DBT_PROJECT / "target/demo_seeds"


def test_folder_of_seeds_that_does_not_exist_is_named(tmp_path):
    done = run_pipeline("models", cwd=tmp_path, OPENAI_COSTS_SEEDS="nowhere")
    assert done.returncode == 2
    assert f"OPENAI_COSTS_SEEDS names {DBT_PROJECT / 'nowhere'}, which is not a folder." in (
        done.stderr.replace("\n", " ")
    )
