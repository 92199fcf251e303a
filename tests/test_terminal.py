"""Names of any kind on terminals, in logs of CI jobs, in narrow columns and in any encoding."""

import contextlib
import io
import os
import pty
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from conftest import days_ago
from rich.cells import cell_len
from running import PROJECT, environment, run_pipeline

from openai_costs.terminal import errors, output, printable

HOSTILE = (
    "R&D [/x] :fire:\n::error::a\r\x1b[31m\x9b31m\u202eb\u200f\u2028##vso[task.complete]##[error]"
)
ESCAPED = (
    "R&D [/x] :fire:\\u000a::error::a\\u000d\\u001b[31m\\u009b31m\\u202eb\\u200f\\u2028"
    "#\\u0023vso[task.complete]#\\u0023[error]"
)
JAPANESE = "検索とランキング"


@pytest.fixture
def named(tmp_path):
    """Return a function that writes a warehouse of one organization, and returns its folder."""

    def write(name):
        with duckdb.connect(str(tmp_path / "openai_costs.duckdb")) as connection:
            connection.execute("create schema openai_raw")
            connection.execute(
                "create table openai_raw.cost_days as select ? as organization_id, "
                "? as organization_name, ?::date as date, true as is_closed, now() as loaded_at, "
                "0 as row_count, null::decimal(38, 18) as row_amount",
                [f"org {name}", name, days_ago(1)],
            )
            connection.execute(
                "create table openai_raw.organizations (organization_id text, earliest_day date, "
                "earliest_seen_on date)"
            )
            connection.execute(
                "create table openai_raw.cost_restatements (organization_id text, date date, "
                "was_amount decimal(38, 18), is_amount decimal(38, 18), seen_on date, "
                "seen_at timestamp, currency text)"
            )
        return tmp_path

    return write


def test_name_with_escape_sequences_reaches_the_terminal_escaped(named):
    result = run_pipeline("status", cwd=named(HOSTILE))
    assert (result.returncode, result.stderr) == (0, "")
    assert f"{ESCAPED} (org {ESCAPED})" in result.stdout


def test_argument_with_escape_sequences_is_escaped_in_the_message(tmp_path):
    result = run_pipeline(HOSTILE, cwd=tmp_path)
    assert result.returncode == 2
    assert ESCAPED in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("name", ["::error::x", " \u3000::error::x", "\n::error::x"])
def test_line_of_a_name_is_no_command_of_github(named, name):
    lines = run_pipeline("status", cwd=named(name)).stdout.splitlines()
    assert any("error::x" in line for line in lines)
    assert not any(line.lstrip().startswith("::") for line in lines)


def test_output_of_other_code_is_escaped_too():
    """A `print`, a library's log and a traceback use the streams that the command replaces."""
    stdout, stderr = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr), output, errors:
        sys.stdout.write("  ::error::\x1b[31m\nfirst ")
        sys.stdout.write("##[error]\n")
        sys.stderr.write("\ud800")
    assert stdout.getvalue() == "  \\u003a:error::\\u001b[31m\nfirst #\\u0023[error]\n"
    assert stderr.getvalue() == "\\ud800\n"


def test_parts_of_a_line_do_not_combine_to_a_command():
    stdout = io.StringIO()
    with contextlib.redirect_stdout(stdout), output:
        output.line("  ", (":", "bold"), ":error::x")
    assert stdout.getvalue() == "  \\u003a:error::x\n"


def test_plain_names_are_unchanged():
    for name in ("Zoë's team", JAPANESE, "a::b", "a\u00a0b\u3000c", "5 # [x]", "👍🏽"):
        assert printable(name) == name


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_name_that_the_output_cannot_encode_is_escaped_and_the_exit_code_stays(
    named, forking, encoding
):
    process = forking.start(
        "status", cwd=named(JAPANESE), environment=environment(), first=("encode_output", encoding)
    )
    stdout, stderr = process.communicate()
    assert (process.returncode, stderr) == (0, "")
    assert JAPANESE.encode(encoding, "backslashreplace").decode() in stdout


def test_message_that_standard_error_cannot_encode_is_escaped(forking, tmp_path):
    process = forking.start(
        JAPANESE, cwd=tmp_path, environment=environment(), first=("encode_output", "ascii")
    )
    _, stderr = process.communicate()
    assert process.returncode == 2
    assert stderr.startswith("There is no command \\u691c")


def test_closed_pipe_changes_neither_messages_nor_the_exit_code(named, forking):
    process = forking.start(
        "status", cwd=named("Acme"), environment=environment(), first=("close_output",)
    )
    assert process.communicate() == ["", ""]
    assert process.returncode == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /dev/full")
def test_output_to_a_full_disk_is_one_sentence(named, forking):
    process = forking.start(
        "status", cwd=named("Acme"), environment=environment(), first=("fill_output",)
    )
    _, stderr = process.communicate()
    assert process.returncode == 1
    assert stderr == "The output cannot be written: No space left on device.\n"


def test_path_outside_of_the_locale_is_one_sentence(tmp_path):
    (tmp_path / JAPANESE).mkdir()
    process = subprocess.run(
        [sys.executable, PROJECT / "pipeline.py", "load"],
        cwd=tmp_path / JAPANESE,
        env=environment(
            LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0", OPENAI_ADMIN_KEY="sk-admin-x"
        ),
        capture_output=True,
        text=True,
    )
    assert process.returncode == 2
    assert process.stderr == (
        "A path has characters outside of the locale: set PYTHONUTF8=1 and run again.\n"
    )


def test_terminal_shows_styles_of_the_command_and_none_of_a_name(named):
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, PROJECT / "pipeline.py", "status"],
        cwd=named(HOSTILE),
        env=environment(TERM="xterm"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):
        while text := os.read(ours, 4096):
            shown += text
    os.close(ours)
    assert process.wait() == 0
    assert b"Starting" in shown.splitlines()[0]
    assert f"\x1b[1m{ESCAPED}\x1b[0m".encode() in shown


LONG = "Storefront assistant of the department for search, ranking and recommendations"
AMOUNT = "1,234,567,890.12"


@pytest.mark.parametrize("columns", [40, 80])
@pytest.mark.parametrize(("encoding", "ellipsis"), [("utf-8", "…"), ("ascii", "...")])
@pytest.mark.parametrize("name", [LONG, JAPANESE * 10])
def test_names_are_shortened_and_amounts_are_not(monkeypatch, columns, encoding, ellipsis, name):
    monkeypatch.setenv("COLUMNS", str(columns))
    written = io.BytesIO()
    stdout = io.TextIOWrapper(written, encoding=encoding)
    with contextlib.redirect_stdout(stdout), output:
        output.table(("Project", "USD", "share"), [(name, AMOUNT, "100%"), ("b", "0.00", "0%")])
    header, long, short = written.getvalue().decode(encoding).splitlines()
    assert header.split() == ["Project", "USD", "share"]
    assert long.split()[-2:] == [AMOUNT, "100%"]
    assert short.split() == ["b", "0.00", "0%"]
    assert {cell_len(line) for line in (header, long, short)} == {columns}
    assert ellipsis in long


def test_full_disk_under_standard_error_does_not_change_the_exit_code(tmp_path):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, PROJECT / "pipeline.py", "unknown"], cwd=tmp_path, stderr=full
        )
    assert done.returncode == 2
