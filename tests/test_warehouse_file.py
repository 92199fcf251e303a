"""The DuckDB file: its name, its readers, its copies and its permissions."""

import os
import shutil
import signal
import subprocess
import sys
import threading

import duckdb
import pytest
from conftest import days_ago, known
from running import DBT_PROJECT, READ_BY_THE_SUMMARY, run_pipeline, run_process

from openai_costs.commands import read_copy
from openai_costs.dbt_runner import environment_of_dbt
from openai_costs.replaced_files import replace, temporary_file
from openai_costs.terminal import Stop
from openai_costs.warehouse.destinations import Warehouse
from openai_costs.warehouse.duckdb_file import dbt_variables
from openai_costs.warehouse.file_copies import rewrite
from openai_costs_source.simulator.api import DEMO_ADMIN_KEY

SCHEMAS = ("openai_raw", "openai_staging", "openai_intermediate", "openai_marts")
WAIT = {"WAREHOUSE__LOCK_TIMEOUT_SECONDS": "60"}


class Reader:
    """A program that has a DuckDB file open for reading, as a BI tool does, for some seconds."""

    def __init__(self, path, seconds=60):
        program = (
            "import duckdb, sys, time; _ = duckdb.connect(sys.argv[1], read_only=True)\n"
            "print(flush=True); time.sleep(float(sys.argv[2]))"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, path, str(seconds)], stdout=subprocess.PIPE
        )

    def __enter__(self):
        self.process.stdout.readline()
        return self.process

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()


def mode(path):
    return path.stat().st_mode & 0o777


# Names


@pytest.mark.parametrize(
    "name",
    *[["temp", "main", "system", *SCHEMAS, "OpenAI_Raw", "it's", 'a"b', "a#b", "sub#folder/a"]],
)
def test_file_name_that_dbt_or_duckdb_cannot_use_is_refused_by_each_command(api, tmp_path, name):
    (tmp_path / "sub#folder").mkdir()
    place = {"DESTINATION__DUCKDB__CREDENTIALS": f"{name}.duckdb"}
    for command in ([], ["load"], ["models"], ["check"], ["status"]):
        result = run_pipeline(*command, cwd=tmp_path, **known(api), **place)
        assert (result.returncode, result.stdout) == (2, "")
        assert "name" in result.stderr or "dbt cannot use" in result.stderr
        assert len(result.stderr.splitlines()) == 1
    assert not list(tmp_path.rglob("*.duckdb"))
    assert not api.requests


def test_unusual_file_name_that_works_is_loaded_and_modelled(own_ten_days):
    path = own_ten_days.folder / "Kim's costs 100%" / "ü b.duckdb"
    path.parent.mkdir(exist_ok=True)
    shutil.move(own_ten_days.path, path)
    place = {"DESTINATION__DUCKDB__CREDENTIALS": str(path)}
    only = ("openai__daily_costs_by_project", "openai__projects")
    result = run_pipeline("models", cwd=own_ten_days.folder, only=only, **place)
    assert result.returncode == 0, result.stderr
    result = run_pipeline("status", cwd=own_ten_days.folder, **place)
    assert result.returncode == 0, result.stderr


def test_copy_of_the_file_under_another_name_has_working_views(ten_days, tmp_path):
    copy = tmp_path / "for_the_board.duckdb"
    shutil.copy(ten_days.path, copy)
    total = "select sum(BilledCost) from {}openai_marts.focus_costs"
    with duckdb.connect(str(copy), read_only=True) as connection:
        expected = connection.execute("select sum(amount) from openai_raw.costs").fetchall()
        assert connection.execute(total.format("")).fetchall() == expected
        for name in connection.execute(
            "select schema_name || '.' || view_name from duckdb_views() where not internal"
        ).fetchall():
            connection.execute(f"select * from {name[0]} limit 0")
    with duckdb.connect() as connection:
        connection.execute(f"attach '{copy}' as other (read_only)")
        assert connection.execute(total.format("other.")).fetchall() == expected


# Readers


@pytest.mark.parametrize(
    "command",
    [["status"], ["alerts"], ["report"], ["export", "--to", "focus"], ["check"]],
    ids=lambda command: command[0],
)
def test_command_that_reads_works_while_another_program_reads(api, own_ten_days, command):
    expected = run_pipeline(*command, cwd=own_ten_days.folder, **known(api))
    with Reader(own_ten_days.path):
        result = run_pipeline(*command, cwd=own_ten_days.folder, **known(api))
    assert result.returncode == expected.returncode, result.stderr
    assert "open in another program" not in result.stderr


def test_check_names_the_program_that_a_run_would_wait_for(api, own_ten_days):
    with Reader(own_ten_days.path) as reader:
        result = run_pipeline("check", cwd=own_ten_days.folder, **known(api), **WAIT)
    assert result.returncode == 0
    assert f"is open in another program (PID {reader.pid}), which reads it." in result.stdout
    assert "A run waits for it for up to 60 seconds." in result.stdout


def test_run_waits_until_readers_have_closed_the_file(own_ten_days):
    with Reader(own_ten_days.path) as reader:
        threading.Timer(1, reader.kill).start()
        result = run_pipeline("models", cwd=own_ten_days.folder, only=("openai__projects",), **WAIT)
    assert result.returncode == 0, result.stderr
    assert f"is open in another program (PID {reader.pid}): waiting for it." in result.stderr


def test_models_wait_for_a_reader_that_opens_the_file_before_dbt_does(own_ten_days):
    with Reader(own_ten_days.path) as reader:
        threading.Timer(1, reader.kill).start()
        result = run_process(
            *("-m", "dbt.cli.main", "debug"),
            *("--project-dir", DBT_PROJECT, "--profiles-dir", DBT_PROJECT),
            cwd=own_ten_days.folder,
            **dbt_variables(own_ten_days.path),
        )
    assert result.returncode == 0, result.stdout


def test_wait_that_is_too_long_ends_in_one_sentence(own_ten_days):
    with Reader(own_ten_days.path):
        result = run_pipeline(
            "models", cwd=own_ten_days.folder, WAREHOUSE__LOCK_TIMEOUT_SECONDS="1"
        )
    assert result.returncode == 1
    waiting, message = result.stderr.splitlines()
    assert "waiting for it" in waiting
    assert "close it there, or wait, and run again" in message


@pytest.mark.parametrize(
    ("setting", "value", "sentence"),
    [
        (
            "LOCK_TIMEOUT_SECONDS",
            "a minute",
            "lock_timeout_seconds is a minute; it must be",
        ),
        ("READABLE_BY", "nobody", "warehouse.readable_by is nobody; it must be one of owner"),
        ("READ_COPY", "openai_costs.duckdb", "the warehouse itself: name another file"),
        ("READ_COPY", "missing/copy.duckdb", "name a file in a folder that exists"),
        ("READ_COPY", "openai_raw.duckdb", "DuckDB cannot use this name"),
        ("READ_COPIES", "copy.duckdb", "There is no setting warehouse.read_copies"),
    ],
)
def test_wrong_setting_of_the_warehouse_is_one_sentence(own_ten_days, setting, value, sentence):
    result = run_pipeline("models", cwd=own_ten_days.folder, **{f"WAREHOUSE__{setting}": value})
    assert result.returncode == 2
    assert sentence in result.stderr
    assert len(result.stderr.splitlines()) == 1


# Copies


def publish(warehouse, copy, **settings):
    return run_pipeline(
        *("models",),
        cwd=warehouse.folder,
        only=("openai__projects",),
        WAREHOUSE__READ_COPY=str(copy),
        **settings,
    )


def test_read_copy_is_replaced_while_a_program_reads_it_and_keeps_its_permissions(own_ten_days):
    copy = own_ten_days.folder / "for_bi.duckdb"
    assert publish(own_ten_days, copy).returncode == 0
    assert mode(copy) == 0o600
    copy.chmod(0o644)
    with duckdb.connect(str(own_ten_days.path)) as connection:
        connection.execute("create table openai_marts.added as select 1 as x")
    with Reader(copy), duckdb.connect(str(copy), read_only=True) as open_since_before:
        result = publish(own_ten_days, copy)
        assert result.returncode == 0, result.stderr
        assert open_since_before.execute("select * from openai_marts.projects").fetchall()
    assert mode(copy) == 0o644
    assert copy.read_bytes() == own_ten_days.path.read_bytes()
    assert sorted(path.name for path in own_ten_days.folder.glob("*.duckdb*")) == [
        "for_bi.duckdb",
        "openai_costs.duckdb",
    ]


def test_read_copy_that_cannot_be_written_fails_the_run_in_one_sentence(own_ten_days):
    folder = own_ten_days.folder / "copies"
    folder.mkdir()
    (folder / "copy.duckdb.wal").mkdir()
    result = publish(own_ten_days, folder / "copy.duckdb")
    assert result.returncode == 1
    *_, message = result.stderr.splitlines()
    assert "The warehouse is complete, but its copy" in message


def test_run_that_is_not_complete_does_not_replace_the_read_copy(api, own_ten_days, monkeypatch):
    # With `only`, the models miss days; without this line, that alone would keep the copy.
    monkeypatch.setattr(read_copy, "unmodelled", lambda query: "")
    copy = own_ten_days.folder / "for_bi.duckdb"
    keys = {"OPENAI_ADMIN_KEY": f"{DEMO_ADMIN_KEY},sk-admin-of-another-organization"}
    result = run_pipeline(
        *("--since", days_ago(1)),
        cwd=own_ten_days.folder,
        only=("openai__projects", *READ_BY_THE_SUMMARY),
        WAREHOUSE__READ_COPY=str(copy),
        **{**known(api), **keys},
    )
    assert result.returncode == 1
    assert not copy.exists()


def test_read_copy_loses_what_a_program_wrote_to_its_former_version(own_ten_days):
    copy = own_ten_days.folder / "for_bi.duckdb"
    assert publish(own_ten_days, copy).returncode == 0
    program = (
        "import duckdb, os, sys; c = duckdb.connect(sys.argv[1])\n"
        "c.execute('create table mine as select 1 as x'); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", program, copy], check=True)
    assert copy.with_name("for_bi.duckdb.wal").exists()
    assert publish(own_ten_days, copy).returncode == 0
    with duckdb.connect(str(copy), read_only=True) as connection:
        assert connection.execute("from duckdb_tables() where table_name = 'mine'").fetchall() == []


def test_read_copy_is_kept_while_another_run_has_not_built_what_it_loaded(own_ten_days):
    copy = own_ten_days.folder / "for_bi.duckdb"
    assert publish(own_ten_days, copy).returncode == 0
    before = copy.read_bytes()
    with duckdb.connect(str(own_ten_days.path)) as connection:
        connection.execute("update openai_raw.cost_days set loaded_at = now()")
    read_copy.publish(Warehouse("duckdb", own_ten_days.path, copy))
    assert copy.read_bytes() == before


def test_temporary_file_belongs_to_one_process_and_replaces_the_target_of_a_link(own_ten_days):
    file = own_ten_days.folder / "report.html"
    with temporary_file(file) as temporary:
        assert str(os.getpid()) in temporary.name
        link = own_ten_days.folder / "link.html"
        link.symlink_to(file)
        temporary.write_text("new")
        replace(link, temporary)
    assert file.read_text() == "new"
    assert link.is_symlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file to another group")
def test_replaced_file_keeps_its_group(tmp_path):
    file = tmp_path / "report.html"
    file.touch()
    os.chown(file, -1, 12345)
    with temporary_file(file) as temporary:
        replace(file, temporary)
    assert file.stat().st_gid == 12345


def test_demo_does_not_replace_the_read_copy(tmp_path, demo):
    shutil.copy(demo[0] / "demo.duckdb", tmp_path)
    copy = tmp_path / "for_bi.duckdb"
    result = run_pipeline(
        *("models", "--demo"),
        cwd=tmp_path,
        only=("openai__projects",),
        WAREHOUSE__READ_COPY=str(copy),
    )
    assert result.returncode == 0, result.stderr
    assert not copy.exists()


def test_rewritten_file_has_the_same_contents_and_no_removed_row(own_ten_days):
    path = own_ten_days.path
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "create table openai_raw.people as select 'Zebulon' || range as name from range(9)"
        )
        connection.execute("comment on table openai_raw.costs is 'charges'")
        connection.execute("comment on column openai_raw.costs.amount is 'exact'")
        connection.execute(
            "create view openai_marts.own as select * from openai_costs.openai_marts.projects"
        )
    with duckdb.connect(str(path)) as connection:
        connection.execute("drop table openai_raw.people")
    assert b"Zebulon" in path.read_bytes()
    path.chmod(0o640)
    before = contents(path)
    rewrite(path)
    assert b"Zebulon" not in path.read_bytes()
    assert contents(path) == before
    assert mode(path) == 0o640


def test_file_that_cannot_be_rewritten_is_unchanged_and_the_message_says_what_to_do(tmp_path):
    path = tmp_path / "openai_costs.duckdb"
    with duckdb.connect(str(path)) as connection:
        # DuckDB copies tables in alphabetical order, and a foreign key before its table fails.
        connection.execute('create table "the ""z" (x int primary key)')
        connection.execute('insert into "the ""z" values (1)')
        connection.execute('create table a (x int references "the ""z" (x))')
        connection.execute("insert into a values (1)")
    before = path.read_bytes()
    with pytest.raises(Stop, match="move the tables of other tools to another file"):
        rewrite(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def contents(path):
    with duckdb.connect(str(path), read_only=True) as connection:
        catalog = [
            connection.execute(f"select {columns} from {function}() order by all").fetchall()
            for function, columns in (
                ("duckdb_tables", "schema_name, table_name, comment, estimated_size"),
                ("duckdb_views", "schema_name, view_name, comment, sql"),
                ("duckdb_columns", "table_name, column_name, data_type, is_nullable, comment"),
            )
        ]
        rows = [
            connection.execute(f"select * from {schema}.{table} order by all").fetchall()
            for schema, table, *_ in catalog[0]
        ]
    return catalog, rows


# Permissions and secrets


@pytest.mark.parametrize(
    ("reader", "expected"), [(None, 0o600), ("group", 0o640), ("everyone", 0o644)]
)
def test_new_files_are_readable_by_their_owner_or_as_the_setting_says(
    own_ten_days, reader, expected
):
    settings = {"WAREHOUSE__READABLE_BY": reader} if reader else {}
    for command in (["report"], ["export", "--to", "focus"]):
        result = run_pipeline(*command, cwd=own_ten_days.folder, **settings)
        assert result.returncode == 0, result.stderr
    files = [own_ten_days.folder / "openai_costs_report.html"]
    files += (own_ten_days.folder / "focus").iterdir()
    assert {mode(file) for file in files} == {expected}


def test_new_warehouse_is_readable_by_its_owner_only(api, tmp_path):
    result = run_pipeline("load", "--since", "2026-01-01", cwd=tmp_path, **known(api))
    assert result.returncode == 0, result.stderr
    assert mode(tmp_path / "openai_costs.duckdb") == 0o600


def test_replaced_report_and_export_keep_their_permissions(own_ten_days):
    report, folder = own_ten_days.folder / "openai_costs_report.html", own_ten_days.folder / "focus"
    report.touch()
    report.chmod(0o664)
    commands = (["report"], ["export", "--to", "focus"])
    for command in commands:
        run_pipeline(*command, cwd=own_ten_days.folder)
    for file in folder.iterdir():
        file.write_text("another version")
        file.chmod(0o644)
    for command in commands:
        assert run_pipeline(*command, cwd=own_ten_days.folder).returncode == 0
    assert mode(report) == 0o664
    assert {mode(file) for file in folder.iterdir()} == {0o644}


def test_admin_keys_and_webhooks_are_not_in_the_environment_of_dbt():
    secrets = {
        "OPENAI_ADMIN_KEY": "sk-admin-1",
        "SOURCES__OPENAI_COSTS__ADMIN_KEY": '["sk-admin-2"]',
        "OPENAI_COSTS__SOURCES__OPENAI_COSTS__ADMIN_KEY": "x",
        "ALERTS__SLACK_WEBHOOK": "https://hooks.slack.example/x",
        "OPENAI_API_KEY": "sk-1",
        "CI_COPY": "sk-admin-3",
    }
    needed = {
        "DESTINATION__POSTGRES__CREDENTIALS__PASSWORD": "p",
        "OPENAI_COSTS_SEEDS": "seeds",
        "PATH": "/bin",
    }
    passed = environment_of_dbt(secrets | needed)
    assert not passed.keys() & secrets.keys()
    assert needed.items() <= passed.items()


def test_next_run_removes_the_temporary_folders_of_a_killed_run(own_ten_days, tmp_path):
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    other = temporary / "openai_costs_of_somebody"
    other.mkdir()
    program = (
        "from openai_costs.temporary_folders import temporary_folder\n"
        "import time\nwith temporary_folder(): print(flush=True); time.sleep(60)"
    )
    settings = {"TMPDIR": str(temporary)}
    killed, running = (
        subprocess.Popen(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, env={**os.environ, **settings}
        )
        for _ in range(2)
    )
    for process in (killed, running):
        process.stdout.readline()
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert len(list(temporary.iterdir())) == 3
    result = run_process("-m", "openai_costs", "status", cwd=own_ten_days.folder, **settings)
    assert result.returncode == 0, result.stderr
    left = set(temporary.iterdir())
    assert other in left
    assert len(left) == 2
    running.terminate()
    running.communicate()
