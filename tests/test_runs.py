"""The run log, the line that says what a run checked, and warnings of what is not checked."""

import re
from datetime import UTC, datetime, timedelta

import duckdb
import pytest
from conftest import days_ago, known, last_run
from running import changed_models, parsed_models, run_pipeline

EXACT = "reconciliation_is_exact"


def run(warehouse, *command, api):
    return run_pipeline(*command, cwd=warehouse.folder, **known(api))


def test_run_is_logged_with_what_it_requested_replaced_and_checked(api, own_ten_days):
    began, sent = datetime.now(UTC).replace(tzinfo=None), len(api.requests)
    result = run(own_ten_days, "--since", days_ago(4), "--until", days_ago(1), api=api)
    assert result.returncode == 0, result.stderr
    logged = last_run(own_ten_days)
    assert began <= logged["started_at"] < logged["ended_at"] < began + timedelta(minutes=5)
    assert (logged["command"], logged["exit_code"]) == ("run", 0)
    assert logged["requests"] == len(api.requests) - sent > 0
    assert (logged["days_read"], logged["days_replaced"], logged["days_checked"]) == (3, 3, 3)
    fingerprints = own_ten_days.rows("""
        select distinct built_by, checked_by from openai_intermediate.int_openai__loaded_days
    """)
    assert fingerprints == [(logged["built_by"], logged["checked_by"])]
    checks = own_ten_days.value(f"""
        select count(*) from openai_marts.reconciliation
        where period = 'day' and period_start >= '{days_ago(4)}'
    """)
    assert logged["checks"] == checks
    status = run(own_ten_days, "status", api=api).stdout
    assert re.search(r"Runs  \d+, of which 0 failed; the last: .* UTC, exit code 0", status)
    assert f"{logged['requests']} requests, 3 days replaced, 3 days checked" in status


def test_closing_line_names_the_days_and_tables_that_were_checked_or_when_they_were(
    api, own_ten_days
):
    result = run(own_ten_days, "--since", days_ago(3), "--until", days_ago(1), api=api)
    line = next(line for line in result.stdout.splitlines() if "Checked" in line)
    assert f"2 days ({days_ago(3)} to {days_ago(2)}), to the last digit" in line
    for mart in ("focus_costs", "daily_costs_by_project", "daily_costs_by_user"):
        assert mart in line
    verified = last_run(own_ten_days)["ended_at"]
    unchanged = run(own_ten_days, "models", api=api)
    assert unchanged.returncode == 0
    line = f"Checked    no day changed; last verified {verified:%Y-%m-%d %H:%M} UTC"
    assert line in unchanged.stdout


def test_failed_run_is_logged_with_its_exit_code_and_wrong_use_is_not(api, own_ten_days):
    before = last_run(own_ten_days)
    wrong = run(own_ten_days, "--since", days_ago(1), "--until", days_ago(2), api=api)
    assert wrong.returncode == 2
    assert last_run(own_ten_days) == before
    unknown_key = known(api) | {"OPENAI_ADMIN_KEY": "sk-admin-unknown"}
    failed = run_pipeline("load", cwd=own_ten_days.folder, **unknown_key)
    assert failed.returncode == 1
    logged = last_run(own_ten_days)
    assert (logged["command"], logged["exit_code"], logged["tests_passed"]) == ("load", 1, None)
    assert logged["requests"] > 0
    assert "of which 1 failed" in run(own_ten_days, "status", api=api).stdout


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("test", "not checked: dbt did not run reconciliation_is_exact"),
        ("check", "focus_costs equals raw"),
    ],
)
def test_run_fails_if_a_day_was_due_and_a_required_check_is_missing(
    api, own_ten_days, monkeypatch, missing, message
):
    without = {"raw_code": lambda code: f"{code}\nand check_name not like 'focus_costs %'"}
    with changed_models(**{"int_openai__daily_checks": without} if missing == "check" else {}):
        if missing == "test":
            (test,) = (id_ for id_, node in parsed_models().nodes.items() if node.name == EXACT)
            monkeypatch.delitem(parsed_models().nodes, test)
        result = run(own_ten_days, "--since", days_ago(2), "--until", days_ago(1), api=api)
    assert result.returncode == 1
    assert message in result.stderr
    assert last_run(own_ten_days)["exit_code"] == 1


def test_log_that_another_version_wrote_does_not_fail_a_run(api, own_ten_days):
    with duckdb.connect(str(own_ten_days.path)) as connection:
        connection.execute("create or replace table openai_raw.runs as select 1 as one")
    result = run(own_ten_days, "load", "--since", days_ago(2), "--until", days_ago(1), api=api)
    assert result.returncode == 0, result.stderr
    assert "This run is missing in the log openai_raw.runs: " in result.stderr
    status = run(own_ten_days, "status", api=api)
    assert status.returncode == 0, status.stderr
    assert "Runs  " not in status.stdout


def test_models_of_another_version_are_named_by_all_readers(api, own_ten_days, monkeypatch):
    monkeypatch.setattr("openai_costs.reports.unverified.project_files", lambda: "changed")
    sentence = "Another version of this project built and checked the models"
    assert sentence in run(own_ten_days, "status", api=api).stdout
    assert sentence in run(own_ten_days, "alerts", api=api).stdout
    for command in (("report",), ("export", "--to", "focus")):
        warned = run(own_ten_days, *command, api=api)
        assert warned.returncode == 0
        assert f"{sentence}: run python pipeline.py models." in warned.stderr
    assert sentence in (own_ten_days.folder / "openai_costs_report.html").read_text()


def test_days_that_have_not_passed_the_checks_are_named_by_all_readers(api, own_ten_days):
    day = days_ago(2)
    with duckdb.connect(str(own_ten_days.path)) as connection:
        connection.execute(f"""
            delete from openai_intermediate.int_openai__built_days
            where fact = 'tests' and date = '{day}'
        """)
    sentence = f"These days have not passed the checks: {day}"
    for command in ("status", "alerts"):
        assert sentence in run(own_ten_days, command, api=api).stdout
    assert sentence in run(own_ten_days, "export", "--to", "focus", api=api).stderr
