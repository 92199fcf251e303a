"""The workflow for GitHub Actions: its scripts run as on GitHub, with a `python` that records its
arguments and environment."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from running import PROJECT, run_pipeline

FILE = PROJECT / ".github" / "workflows" / "openai-costs.yml"
# BaseLoader reads only text: PyYAML would read the key `on` as a boolean. The schema checks types.
WORKFLOW = yaml.load(FILE.read_text(), Loader=yaml.BaseLoader)
JOB = WORKFLOW["jobs"]["load"]
SCRIPTS = [step for step in JOB["steps"] if "run" in step]
# What GitHub runs for `shell: bash`. Without `shell`, a failure within a pipe would be ignored.
SHELL = {"bash": ["bash", "--noprofile", "--norc", "-eo", "pipefail"]}[
    WORKFLOW["defaults"]["run"]["shell"]
]

INSTALL = ["-m", "pip", "install"]
STATUS = ["pipeline.py", "status"]
LOAD = ["pipeline.py"]
BILL = "Top projects  Storefront assistant  12,853.86"
FAULT = "2026-10-03 does not add up"

GOOD = {
    "vars.DESTINATION_TYPE": "postgres",
    "vars.POSTGRES_HOST": "db.example.com",
    "vars.POSTGRES_DATABASE": "costs",
    "vars.POSTGRES_USER": "loader",
    "github.event.repository.visibility": "private",
    "secrets.OPENAI_ADMIN_KEY": "the-key",
    "secrets.POSTGRES_PASSWORD": "the-password",
}

PYTHON = f"""#!{sys.executable}
import json, os, sys
given = sys.argv[1:]
with open("calls", "a") as calls:
    print(json.dumps([given, dict(os.environ)]), file=calls)
if given[:1] == {LOAD!r}:
    print({BILL!r})
    code = int(os.environ["STATUS" if given == {STATUS!r} else "LOAD"])
    if code:
        print({FAULT!r}, file=sys.stderr)
    sys.exit(code)
"""


@dataclass
class Ran:
    code: int
    log: str
    calls: list[list[str]]
    environments: list[dict[str, str]]
    files: dict[str, str]

    @property
    def pipeline_calls(self):
        return [call for call in self.calls if call[:1] == LOAD]


def valued(text, context):
    """Evaluate `${{ one || another }}` as GitHub does; an unknown name is empty."""
    if not (expression := re.fullmatch(r"\$\{\{ (.*) \}\}", text)):
        assert "${{" not in text
        return text
    for term in expression[1].split(" || "):
        name = re.fullmatch(r"(?:github|inputs|secrets|vars)\.[\w.]+", term)
        value = context.get(term, "") if name else re.fullmatch(r"'(.*)'", term)[1]
        if value not in ("", "false"):
            return value
    return value


def environment(context, *layers):
    return {name: valued(text, context) for layer in layers for name, text in layer.items()}


@pytest.fixture
def run_job(tmp_path):
    """Runs the scripts of the job one after the other until one fails."""
    runner, programs = tmp_path / "runner", tmp_path / "bin"
    runner.mkdir()
    programs.mkdir()
    (programs / "python").write_text(PYTHON)
    (programs / "python").chmod(0o755)

    def run(status=0, load=0, **context):
        context = {**GOOD, **{name.replace("__", "."): text for name, text in context.items()}}
        log, code = "", 0
        for step in SCRIPTS:
            script = tmp_path / "script.sh"
            script.write_text(step["run"])
            done = subprocess.run(
                [*SHELL, str(script)],
                cwd=runner,
                env={
                    "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
                    "GITHUB_STEP_SUMMARY": str(runner / "step-summary"),
                    "GITHUB_OUTPUT": str(runner / "output"),
                    "STATUS": str(status),
                    "LOAD": str(load),
                    **environment(context, WORKFLOW.get("env", {}), JOB["env"]),
                    **environment(context, step.get("env", {})),
                },
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=60,
            )
            log += done.stdout
            if code := done.returncode:
                break
        files = {path.name: path.read_text() for path in runner.iterdir()}
        calls = [json.loads(line) for line in files.pop("calls", "").splitlines()]
        return Ran(code, log, [call for call, _ in calls], [env for _, env in calls], files)

    return run


def lint(file):
    return subprocess.run(
        [
            *(sys.executable, "-m", "check_jsonschema"),
            *("--builtin-schema", "vendor.github-workflows", str(file)),
        ],
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_workflow_passes_githubs_schema():
    result = lint(FILE)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("timeout-minutes: 90", "timeout-minutes: soon"),
        ("runs-on:", "run-on:"),
        ("contents: read", "contents: some"),
        ("- cron:", "- crontab:"),
    ],
)
def test_mistake_in_the_workflow_does_not_pass(tmp_path, right, wrong):
    assert FILE.read_text().count(right) == 1
    (tmp_path / "wrong.yml").write_text(FILE.read_text().replace(right, wrong))
    assert lint(tmp_path / "wrong.yml").returncode == 1


def test_workflow_starts_at_six_utc_and_by_hand_only():
    assert set(WORKFLOW["on"]) == {"schedule", "workflow_dispatch"}
    assert WORKFLOW["on"]["schedule"] == [{"cron": "0 6 * * *"}]
    assert set(WORKFLOW["on"]["workflow_dispatch"]["inputs"]) == {"since", "until", "first_load"}


def test_second_run_waits_for_the_first_however_it_was_started():
    assert WORKFLOW["concurrency"]["cancel-in-progress"] == "false"
    # A group with the branch or the event in its name would allow two runs at a time.
    assert "${{" not in WORKFLOW["concurrency"]["group"]
    assert "concurrency" not in JOB
    assert "strategy" not in JOB
    assert list(WORKFLOW["jobs"]) == ["load"]


def test_token_of_a_run_can_read_the_code_and_nothing_else():
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert "permissions" not in JOB


def test_only_the_code_and_the_packages_pass_between_a_run_and_github():
    """Any other action could upload or cache what a run wrote."""
    actions = {step["uses"]: step["with"] for step in JOB["steps"] if "uses" in step}
    assert all(re.fullmatch(r"[\w/-]+@v\d+", action) for action in actions)
    checkout, setup = actions.values()
    assert [action.partition("@")[0] for action in actions] == [
        "actions/checkout",
        "actions/setup-python",
    ]
    assert checkout == {"persist-credentials": "false"}
    assert set(setup) == {"python-version", "cache", "cache-dependency-path"}
    assert setup["cache"] == "pip"
    for file in setup["cache-dependency-path"].split():
        assert (PROJECT / file).is_file()


@pytest.mark.parametrize("step", SCRIPTS, ids=lambda step: step["name"])
def test_script_contains_no_expression_that_github_would_expand(step):
    assert "${{" not in step["run"]


def test_scheduled_run_installs_checks_the_history_and_loads(run_job):
    ran = run_job()
    assert ran.code == 0, ran.log
    assert ran.calls == [
        [*INSTALL, "--constraint", "constraints.txt", ".[postgres]"],
        STATUS,
        LOAD,
    ]


@pytest.mark.parametrize(
    "destination", ["", "duckdb", "DuckDB", " duckdb", "sqlalchemy", "postgres; touch x", "*"]
)
def test_destination_on_the_runners_disk_is_refused_in_one_sentence(run_job, destination):
    ran = run_job(vars__DESTINATION_TYPE=destination, github__event__repository__visibility="")
    assert ran.code == 1
    assert re.fullmatch(r"::error::[^\n]*DESTINATION_TYPE[^\n.]*\.\n", ran.log)
    assert ran.calls == []
    assert ran.files == {}


def test_destination_is_checked_first():
    assert JOB["steps"][0] is SCRIPTS[0]
    assert "DESTINATION_TYPE" in SCRIPTS[0]["run"]


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("s3://bucket/costs", 0),
        ("gs://bucket", 0),
        ("", 1),
        ("costs", 1),
        ("/tmp/costs", 1),
        ("file:///tmp/costs", 1),
        ("memory://costs", 1),
    ],
)
def test_filesystem_is_accepted_if_it_is_a_bucket(run_job, url, code):
    ran = run_job(vars__DESTINATION_TYPE="filesystem", vars__BUCKET_URL=url)
    assert ran.code == code, ran.log
    assert (LOAD in ran.calls) == (code == 0)


@pytest.mark.parametrize("destination", ["snowflake", "bigquery", "motherduck"])
def test_other_warehouse_is_accepted_and_its_packages_are_installed(run_job, destination):
    ran = run_job(vars__DESTINATION_TYPE=destination)
    assert ran.code == 0, ran.log
    assert ran.calls[0][-1] == f".[{destination}]"
    assert ran.environments[-1]["DESTINATION_TYPE"] == destination


@pytest.mark.parametrize("visibility", ["public", ""])
def test_repository_that_is_or_may_be_public_is_refused(run_job, visibility):
    ran = run_job(github__event__repository__visibility=visibility)
    assert ran.code == 1
    assert re.fullmatch(r"::error::[^\n]*must be private[^\n.]*\.\n", ran.log)
    assert ran.calls == []


def test_visibility_is_read_from_the_repository_if_the_event_does_not_have_it(run_job):
    context = {"github.event.repository.visibility": "", "github.repository_visibility": "internal"}
    assert run_job(**context).code == 0


HOSTILE = [
    "2026-01-01; rm -rf x",
    "$(touch x)",
    "`touch x`",
    "2026-01-01' || touch x; '",
    '2026-01-01" && touch x; "',
    "2026-01-01 --demo",
    "--demo",
    "*",
    "2026-01-01\ntouch x",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_date_reaches_the_command_as_one_argument(run_job, tmp_path, text):
    canary = tmp_path / "runner" / "canary"
    canary.write_text("alive")
    ran = run_job(inputs__since=text, inputs__until=text)
    assert ran.pipeline_calls[-1] == ["pipeline.py", f"--since={text}", f"--until={text}"]
    assert ran.files == {"canary": "alive"}


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_date_is_refused_by_the_command(tmp_path, text):
    result = run_pipeline("load", f"--since={text}", cwd=tmp_path)
    assert result.returncode == 2
    assert "is not a day such as 2026-01-31" in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("given", "arguments"),
    [
        ({"inputs__since": "2026-10-01"}, ["--since=2026-10-01"]),
        ({"inputs__until": "2026-11-01"}, ["--until=2026-11-01"]),
        (
            {"inputs__since": "2026-10-01", "inputs__until": "2026-11-01"},
            ["--since=2026-10-01", "--until=2026-11-01"],
        ),
    ],
)
def test_dates_of_a_manual_run_are_the_days_to_load(run_job, given, arguments):
    ran = run_job(inputs__first_load="false", **given)
    assert ran.code == 0, ran.log
    assert ran.pipeline_calls == [STATUS, [*LOAD, *arguments]]


@pytest.mark.parametrize(
    "given", [{}, {"inputs__first_load": "false", "inputs__since": "2026-10-01"}]
)
def test_missing_history_is_refused_and_nothing_is_loaded(run_job, given):
    ran = run_job(status=1, **given)
    assert ran.code == 1
    assert ran.pipeline_calls == [STATUS]
    assert re.fullmatch(rf"{FAULT}\n::error::[^\n]*no history[^\n]*first_load[^\n.]*\.\n", ran.log)


def test_settings_error_is_not_mistaken_for_a_missing_history(run_job):
    ran = run_job(status=2)
    assert ran.code == 2
    assert ran.pipeline_calls == [STATUS]
    assert "no history" not in ran.log


def test_first_load_starts_a_history(run_job):
    ran = run_job(status=1, inputs__first_load="true")
    assert ran.code == 0, ran.log
    assert ran.pipeline_calls == [LOAD]


def test_command_exits_with_1_for_a_missing_history_as_the_script_expects(tmp_path):
    (step,) = (step for step in SCRIPTS if "pipeline.py status" in step["run"])
    (tmp_path / "pipeline.py").write_text(
        f"import runpy, sys; sys.path.insert(0, {str(PROJECT)!r})\n"
        f"runpy.run_path({str(PROJECT / 'pipeline.py')!r}, run_name='__main__')\n"
    )
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [*SHELL, "-c", step["run"]],
        cwd=tmp_path,
        env={**os.environ, "PATH": programs},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "load costs first" in done.stderr
    assert "no history" in done.stdout


def test_costs_are_in_no_log_and_in_no_file_of_the_run(run_job):
    ran = run_job()
    assert len(ran.calls) == 3
    assert BILL not in ran.log
    assert ran.files == {}


def test_failed_run_prints_the_reason_and_fails(run_job):
    ran = run_job(load=1)
    assert ran.code == 1
    assert ran.log == f"{FAULT}\n"


def test_only_the_load_receives_the_key(run_job):
    ran = run_job()
    receivers = {
        secret: [
            call
            for call, env in zip(ran.calls, ran.environments, strict=True)
            if secret in env.values()
        ]
        for secret in ("the-key", "the-password")
    }
    assert receivers == {"the-key": [LOAD], "the-password": [STATUS, LOAD]}
    assert ran.environments[-1]["OPENAI_ADMIN_KEY"] == "the-key"


def test_warehouse_settings_have_dlts_names(run_job):
    prefix = "DESTINATION__POSTGRES__CREDENTIALS__"
    for environment in run_job().environments[1:]:
        credentials = {
            name.removeprefix(prefix): text
            for name, text in environment.items()
            if name.startswith(prefix)
        }
        assert credentials == {
            "HOST": "db.example.com",
            "PORT": "5432",
            "DATABASE": "costs",
            "USERNAME": "loader",
            "PASSWORD": "the-password",
        }


def test_run_that_hangs_is_stopped():
    assert 0 < int(JOB["timeout-minutes"]) < 360  # GitHub's own limit
