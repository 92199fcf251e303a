"""Run the project's command and dbt in the test's process, or in a new process.

In the test's process, dbt is imported and the models are parsed only once for all tests, and no
command starts Python. Tests of signals, locks, full disks, terminals and encodings need a process.
"""

import contextlib
import ctypes
import fcntl
import gc
import importlib
import io
import os
import re
import shutil
import subprocess
import sys
from functools import cache, partial
from pathlib import Path
from unittest import mock

import cached_dlt  # noqa: F401
from dlt.common.configuration.container import Container
from dlt.common.configuration.providers.toml import TomlProviderReadException
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext

import openai_costs
from openai_costs import cli
from openai_costs import dbt_runner as building
from openai_costs.commands import models
from openai_costs.folders import SEEDS
from openai_costs.reports import summary
from openai_costs.reports.checked import Checked

PROJECT = Path(__file__).resolve().parent.parent
DBT_PROJECT = PROJECT / "dbt_project"
SETTINGS = (
    "OPENAI_",
    "SOURCES__",
    "DESTINATION_",
    "DBT_",
    "RUNTIME__",
    "SPARK_",
    "ALERTS__",
    "WAREHOUSE__",
)
OURS = ("DBT_TARGET_PATH", "DBT_LOG_PATH")
READ_BY_THE_SUMMARY = (
    "+openai__daily_costs_by_project",
    "+openai__daily_costs_by_user",
    "+openai__daily_costs_by_model",
)
"""The models that a run with `only` must build if it prints the summary."""
ONE_THREAD = ("--threads", "1")
"""Several dbt threads in one process wait for each other, and take a fifth more CPU time."""
QUICKLY = (*ONE_THREAD, "--no-write-json")
"""No test reads the manifest as JSON, and dbt takes two seconds to write it."""
WITHOUT_TESTS = ("--exclude-resource-type", "unit_test", "--exclude-resource-type", "test")


def environment(**settings):
    """Return this process's environment without the project's settings, plus these settings."""
    plain = {k: v for k, v in os.environ.items() if not k.startswith(SETTINGS) or k in OURS}
    # Without this setting, each test of a locked warehouse would wait for a minute.
    fast = {"RUNTIME__DLTHUB_TELEMETRY": "false", "WAREHOUSE__LOCK_TIMEOUT_SECONDS": "0"}
    return {**plain, **fast, **settings}


def run_process(*arguments, cwd, timeout=300, preexec_fn=None, **settings):
    """Run Python with these arguments in a new process; `settings` are added to its environment."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        env=environment(**settings),
        capture_output=True,
        text=True,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
        preexec_fn=preexec_fn,
    )


def run_pipeline_process(*arguments, cwd, **settings):
    """Run `python pipeline.py` with these arguments in a new process."""
    _share_parsed_models()
    return run_process(PROJECT / "pipeline.py", *arguments, cwd=cwd, **settings)


def run_pipeline(*arguments, cwd, only=(), **settings):
    """Run `python pipeline.py` with these arguments in this process.

    With `only`, dbt builds only what these selections name, and the run requires no check. Returns
    the exit code and what was printed, as `run_pipeline_process` does.
    """
    with contextlib.ExitStack() as stack:
        stdout, stderr = stack.enter_context(_like_a_process(cwd, settings))
        stack.enter_context(mock.patch.object(cli, "Builder", partial(_Builder, only)))
        if only:
            stack.enter_context(mock.patch.object(models, "_require_tests"))
            stack.enter_context(mock.patch.object(models, "checked", _nothing_checked))
            stack.enter_context(mock.patch.object(summary, "verdict", return_value="unchecked"))
        try:
            code = cli.main([str(argument) for argument in arguments])
        except SystemExit as exit:  # argparse, after --help
            code = exit.code
    return subprocess.CompletedProcess(arguments, code, stdout.getvalue(), stderr.getvalue())


def _nothing_checked(query, due, warnings, complete):
    return Checked([], warnings=warnings)


def dbt(*arguments, warehouse, **settings):
    """Run dbt with these arguments on a warehouse's file, in this process.

    `settings` are environment variables. Variables (`--vars`) that dbt reads while it parses, such
    as those in severities, have no effect: use `dbt_process`.
    """
    from dbt.cli.main import dbtRunner

    settings = {
        "DESTINATION__DUCKDB__CREDENTIALS": warehouse.path.name,
        # If only some models are built, run the tests that need no other model.
        "DBT_INDIRECT_SELECTION": "buildable",
        "DBT_EXCLUDE_RESOURCE_TYPES": "unit_test",
        **settings,
    }
    with _like_a_process(warehouse.folder, settings) as (stdout, stderr):
        try:
            runner = dbtRunner(manifest=_manifest_of(warehouse.path.stem))
            result = runner.invoke([*map(str, arguments), *building.FOLDERS, *QUICKLY])
        finally:
            building.close_warehouse()
    if result.exception:
        print(result.exception, file=stdout)
    code = 0 if result.success else 1
    return subprocess.CompletedProcess(arguments, code, stdout.getvalue(), stderr.getvalue())


def build_models(*arguments, warehouse, **settings):
    """Build the models and seeds that the arguments select, without a test, in this process."""
    built = dbt("build", *arguments, *WITHOUT_TESTS, warehouse=warehouse, **settings)
    assert built.returncode == 0, built.stdout
    return built.stdout


def warnings_of(printed):
    """Return the tests that warned, except that of the prices' age: it depends on today's date."""
    return sorted({*re.findall(r"Warning in test (\w+)", printed)} - {"list_prices_are_recent"})


def dbt_process(*arguments, warehouse, **settings):
    """Run dbt with these arguments on a warehouse's file, in a new process."""
    _share_parsed_models()
    return run_process(
        *("-m", "dbt.cli.main", *arguments, *building.FOLDERS),
        cwd=warehouse.folder,
        **{"DESTINATION__DUCKDB__CREDENTIALS": warehouse.path.name, **settings},
    )


def _share_parsed_models():
    """Copy the parsed models to where a new dbt process with the usual settings reads them."""
    parsed_models()
    target = Path(os.environ["DBT_TARGET_PATH"])
    target.mkdir(exist_ok=True)
    with once("parsed") as folder:
        shutil.copy(folder / "partial_parse.msgpack", target)


@contextlib.contextmanager
def _like_a_process(cwd, settings):
    """Run the block in a folder, with settings, as a new process would; yield what it prints."""
    folder, before = Path.cwd(), dict(os.environ)
    stdout, stderr = io.StringIO(), io.StringIO()
    try:
        _set_environment(environment(**settings))
        importlib.reload(openai_costs)  # It sets environment variables when it is imported.
        os.chdir(cwd)
        _read_settings_files()
        with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
            yield stdout, stderr
    finally:
        os.chdir(folder)
        _set_environment(before)
        _read_settings_files()


def _read_settings_files():
    """Let dlt read the settings files of this folder; by itself, it reads them once per process."""
    container = Container()
    try:
        container[PluggableRunContext].reload_providers()
    except TomlProviderReadException:
        # dlt tries again, and fails, when the command reads its first setting.
        if PluggableRunContext in container:
            del container[PluggableRunContext]


def _set_environment(variables):
    os.environ.clear()
    os.environ.update(variables)


class _Builder:
    """Replaces `openai_costs.dbt_runner.Builder`: builds the models in this process."""

    def __init__(self, only):
        self._only = only

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def prepare(self, environment):
        self._environment = building.environment_of_dbt(os.environ) | environment

    def build(self, arguments, report_start):
        with mock.patch.dict(os.environ, self._environment, clear=True):
            return self._build(arguments, report_start)

    def _build(self, arguments, report_start):
        if self._only:
            arguments = ["--exclude-resource-type", "unit_test", "--select", *self._only]
            arguments += ["--indirect-selection", "buildable"]
        else:
            # Other tests run all unit tests, and the tests of each model's grain.
            arguments = [*arguments, "--exclude-resource-type", "unit_test"]
            arguments += ["--exclude", "test_name:unique_grain"]
        arguments = [*arguments, *ONE_THREAD]
        if os.environ.get("DESTINATION_TYPE", "duckdb") == "duckdb":
            manifest = _manifest_of(Path(os.environ["DESTINATION__DUCKDB__CREDENTIALS"]).stem)
        else:
            manifest = _parsed_for_server()
        return building.build(manifest, arguments, report_start)


def _manifest_of(database):
    """Return the parsed models, changed to name this DuckDB file and the configured seeds."""
    manifest = parsed_models()
    seeds = Path(os.environ.get(SEEDS, DBT_PROJECT / "own_seeds"))
    for node in (*manifest.nodes.values(), *manifest.sources.values()):
        if node.relation_name:
            node.relation_name = node.relation_name.replace(f'"{node.database}".', f'"{database}".')
        node.database = database
        if (
            node.resource_type == "seed"
            and (DBT_PROJECT / "own_seeds" / f"{node.name}.csv").exists()
        ):
            node.original_file_path = str(DBT_PROJECT / seeds / f"{node.name}.csv")
    return manifest


@cache
def parsed_models():
    """Return the parsed models; the first process that needs them parses them for all."""
    from mashumaro.config import BaseConfig

    # Classes compile their JSON code on first use; most of dbt's are never used.
    BaseConfig.lazy_compilation = True
    _speed_up_dbt()
    with (
        once("parsed") as folder,
        mock.patch.dict(
            os.environ,
            {
                **environment(),
                "DBT_TARGET_PATH": str(folder),
                "DESTINATION__DUCKDB__CREDENTIALS": "openai_costs.duckdb",
            },
        ),
    ):
        os.environ.pop(SEEDS, None)
        manifest = building.parse()
    gc.freeze()
    return manifest


@contextlib.contextmanager
def changed_models(**changes):
    """Change attributes of parsed models, tests, seeds and macros by name, as edits of files would.

    A value is a function of the attribute's present value.
    """
    manifest = parsed_models()
    by_name = {node.name: node for node in (*manifest.macros.values(), *manifest.nodes.values())}
    with contextlib.ExitStack() as stack:
        stack.callback(manifest.build_flat_graph)
        for name, attributes in changes.items():
            for attribute, change in attributes.items():
                value = change(getattr(by_name[name], attribute))
                stack.enter_context(mock.patch.object(by_name[name], attribute, value))
        manifest.build_flat_graph()
        yield


def _speed_up_dbt():
    """Cache what dbt would compute again for each node, and skip debug messages."""
    from dbt.adapters.base import BaseAdapter
    from dbt_common.clients import agate_helper
    from dbt_common.events.base_types import EventLevel
    from dbt_common.events.event_manager import EventManager

    agate_helper.empty_table = cache(agate_helper.empty_table)
    fire_event = EventManager.fire_event
    set_context_generator = BaseAdapter.set_macro_context_generator

    def fire_unless_debug(self, event, level=None, *values, **named):
        if (level or event.level_tag()) is not EventLevel.DEBUG:
            fire_event(self, event, level, *values, **named)

    def set_caching_generator(self, generate):
        """Generate only once what a macro run by an adapter, such as drop_relation, can use."""
        made = {}

        def generate_once(macro, config, resolver, project):
            key = (macro.unique_id, project)
            if key not in made:
                made[key] = generate(macro, config, resolver, project)
            return dict(made[key])

        set_context_generator(self, generate_once)

    EventManager.fire_event = fire_unless_debug
    BaseAdapter.set_macro_context_generator = set_caching_generator


@cache
def _parsed_for_server():
    """Return the models, parsed for the only server that this process builds on."""
    return building.parse()


@contextlib.contextmanager
def once(name):
    """Yield a folder that all processes of a test run share; only one at a time is in the block."""
    folder = Path(os.environ["TESTS_SHARED_FOLDER"]) / name
    folder.mkdir(exist_ok=True)
    with (folder.parent / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


def permissions_hold():
    """As a `preexec_fn`: drop root's capability to bypass file permissions."""
    drop_from_bounding_set, dac_override = 24, 1
    if os.geteuid() == 0:
        ctypes.CDLL(None).prctl(drop_from_bounding_set, dac_override)
