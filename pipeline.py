"""Load OpenAI's organization costs, build the models and print what they say.

    python pipeline.py                        load, build the models, print a summary
    python pipeline.py --demo                 the same with a simulated organization; needs no key
    python pipeline.py --since D --until D    (re)load these UTC days, until excluded
    python pipeline.py load                   load only
    python pipeline.py models                 build the models only

The admin key comes from OPENAI_ADMIN_KEY or dlt's sources.openai_costs.admin_key. The warehouse is
openai_costs.duckdb in the current folder, or what DESTINATION__DUCKDB__CREDENTIALS names.

Exit codes: 0 done; 1 the work failed and the warehouse is as it was, or whole; 2 wrong use or
settings, nothing attempted.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NoReturn, cast

from rich.console import Console
from rich.markup import escape

# Nothing is sent to anybody but OpenAI; dlt and dbt read these when they are imported.
os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
os.environ["DBT_SEND_ANONYMOUS_USAGE_STATS"] = "false"
os.environ["DO_NOT_TRACK"] = "1"
os.environ.setdefault("RUNTIME__LOG_LEVEL", "CRITICAL")

import dlt
import duckdb
from dlt.common.configuration.providers.toml import TomlProviderReadException

from openai_costs_source import SETTINGS, OpenAICostsError, admin_keys, openai_costs
from reporting.summary import print_summary

DBT_PROJECT = Path(__file__).resolve().parent / "dbt_project"
INTERRUPTED = "Interrupted. The warehouse is as it was, or whole: run again to go on."
WAREHOUSE_VARIABLE = "DESTINATION__DUCKDB__CREDENTIALS"

output = Console(highlight=False)
errors = Console(stderr=True, highlight=False, soft_wrap=True)


class Stop(Exception):
    """The run ends here: one or two sentences for a person, and the exit code."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def main(arguments: list[str] | None = None) -> int:
    try:
        return _run(_parsed(arguments))
    except Stop as stop:
        _say(str(stop))
        return stop.exit_code
    except TomlProviderReadException as error:
        _say(f"A settings file cannot be read: {_first_line(error)}")
        return 2
    except KeyboardInterrupt:
        _say(INTERRUPTED)
        return 1


def _run(asked: argparse.Namespace) -> int:
    _refuse_unknown_settings()
    warehouse = _warehouse(asked.demo)
    is_whole = True
    with contextlib.ExitStack() as stack:
        settings = stack.enter_context(_demo_organization()) if asked.demo else {}
        if asked.command != "models":
            is_whole = _load_each_organization(warehouse, asked.since, asked.until, settings)
        if asked.command != "load":
            passed, warnings = build_models(warehouse)
            summarize(warehouse, passed, warnings)
    return 0 if is_whole else 1


def _load_each_organization(
    warehouse: Path, since: date | None, until: date | None, settings: dict[str, str]
) -> bool:
    """Load one organization after the other; False where one of several failed."""
    failures: list[Stop] = []
    is_whole = True
    try:
        keys = admin_keys(settings.get("admin_key") or _setting("sources.openai_costs.admin_key"))
    except OpenAICostsError as error:
        raise Stop(str(error), 2) from None
    loaded: set[str] = set()
    for key in keys:
        # A failed key may have a twin that opens the same organization.
        found = set(loaded)
        try:
            each = {**settings, "admin_key": key, "loaded": found if len(keys) > 1 else None}
            is_whole &= load(warehouse, **each, since=since, until=until)
            loaded = found
        except Stop as stop:
            if stop.exit_code == 2 or len(keys) == 1:
                raise
            failures.append(stop)
    for failure in failures:
        _say(str(failure))
    if len(failures) == len(keys):
        raise Stop("No organization could be loaded.")
    return is_whole and not failures


def load(warehouse: Path, **settings: Any) -> bool:
    """Load one organization into the DuckDB file `warehouse`; `settings` as for `openai_costs`.

    False where a day was left as it was, because its rows did not add up.
    """
    is_new = not warehouse.exists()
    with _progress("Asking OpenAI") as progress, _pipeline(warehouse) as pipeline:
        try:
            pipeline.run(openai_costs(**settings), loader_file_format="parquet")
        except BaseException as error:
            if is_new:
                warehouse.unlink(missing_ok=True)
            raise _foreseen(error, warehouse) or error from None
    return not progress.errors


def build_models(warehouse: Path) -> tuple[int, list[str]]:
    """Build and test the dbt models on `warehouse`.

    Gives the number of tests that passed, and a sentence for each that warns.
    """
    _refuse_empty(warehouse)
    from dbt.artifacts.schemas.run import RunExecutionResult
    from dbt.cli.main import dbtRunner

    os.environ[WAREHOUSE_VARIABLE] = str(warehouse)
    folders = ["--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT)]
    quietly = ["--quiet", "--log-level", "none", "--exclude-resource-type", "unit_test"]
    with _progress("Building the models") as progress:

        def tell_model(event: Any) -> None:
            if event.info.name == "LogStartLine":
                progress.tell(f"Building the models: {event.data.node_info.node_name}")

        result = dbtRunner(callbacks=[tell_model]).invoke(["build", *folders, *quietly])
    if result.exception:
        raise Stop(f"dbt could not start on the models: {_first_line(result.exception)}")
    passed, warnings, failures = 0, [], []
    for node in cast(RunExecutionResult, result.result).results:
        sentence = f"{node.node.name.replace('_', ' ')}: {_first_line(node.message)}"
        if node.status == "pass":
            passed += 1
        elif node.status == "warn":
            warnings.append(sentence)
        elif node.status in ("error", "fail"):
            failures.append(sentence)
    if failures:
        others = f", and {len(failures) - 1} more" if len(failures) > 1 else ""
        raise Stop(f"The raw tables are loaded, but the models failed: {failures[0]}{others}.")
    return passed, warnings


def summarize(warehouse: Path, passed: int, warnings: list[str]) -> None:
    with _pipeline(warehouse) as pipeline, pipeline.sql_client() as client:
        print_summary(output, lambda sql, *values: client.execute_sql(sql, *values) or [])
    output.print()
    for warning in warnings:
        output.print(f"  [yellow]Warning[/yellow]    {escape(warning)}")
    proof = "each table adds up to the raw rows, day by day, to the last digit"
    output.print(f"  Checked    {passed} tests passed: {proof}", soft_wrap=True)
    output.print(f"  Warehouse  {escape(str(warehouse))}, schema openai_marts", soft_wrap=True)


def _refuse_empty(warehouse: Path) -> None:
    if not warehouse.exists():
        raise Stop(f"{warehouse} does not exist: load costs first, with python pipeline.py.")
    try:
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            tables = connection.execute(
                "select table_schema, table_name from information_schema.tables"
            )
            if ("openai_raw", "cost_days") in tables.fetchall():
                return
    except duckdb.Error as error:
        raise _foreseen(error, warehouse) or error from None
    raise Stop(f"{warehouse} holds no costs yet: load them first, with python pipeline.py.")


@contextlib.contextmanager
def _pipeline(warehouse: Path) -> Iterator[dlt.Pipeline]:
    """A pipeline whose working folder lives as long as the run.

    What was loaded is remembered in the warehouse, and what a killed run left half loaded must not
    be resumed: nothing may depend on this machine's disk.
    """
    with tempfile.TemporaryDirectory(prefix="openai_costs_") as folder:
        yield dlt.pipeline(
            "openai_costs",
            destination=dlt.destinations.duckdb(str(warehouse)),
            dataset_name="openai_raw",
            pipelines_dir=folder,
        )


@contextlib.contextmanager
def _demo_organization() -> Iterator[dict[str, str]]:
    from openai_costs_source.demo import Organization
    from openai_costs_source.demo_api import DEMO_ADMIN_KEY, DemoApi

    with DemoApi(Organization(datetime.now(UTC).date())) as api:
        yield {"admin_key": DEMO_ADMIN_KEY, "base_url": api.base_url}


class _Progress(logging.Handler):
    """What is going on, on a terminal; warnings, such as a rate limit waited for, everywhere."""

    def __init__(self, task: str) -> None:
        super().__init__()
        self.status = errors.status(task) if errors.is_terminal else None
        self.errors = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.errors += record.levelno >= logging.ERROR
        if record.levelno >= logging.WARNING:
            _say(record.getMessage())
        else:
            self.tell(record.getMessage())

    def tell(self, text: str) -> None:
        if self.status:
            self.status.update(escape(text))


@contextlib.contextmanager
def _progress(task: str) -> Iterator[_Progress]:
    log, progress = logging.getLogger("openai_costs_source"), _Progress(task)
    log.setLevel(logging.INFO)
    log.addHandler(progress)
    try:
        with progress.status or contextlib.nullcontext():
            yield progress
    finally:
        log.removeHandler(progress)


def _foreseen(error: BaseException, warehouse: Path) -> Stop | None:
    """What dlt wrapped, as a sentence; None where nobody foresaw it."""
    cause: BaseException | None = error
    while cause:
        if isinstance(cause, KeyboardInterrupt):
            return Stop(INTERRUPTED)
        if isinstance(cause, OpenAICostsError):
            return Stop(str(cause), 2 if cause.is_wrong_use else 1)
        if isinstance(cause, duckdb.IOException) and "lock" in str(cause).lower():
            return Stop(
                f"{warehouse} is open in another program, and DuckDB allows one writer: close it "
                "there and run again."
            )
        if isinstance(cause, duckdb.IOException):
            return Stop(f"{warehouse} cannot be used as a DuckDB file: {_first_line(cause)}")
        cause = cause.__cause__ or cause.__context__
    return None


def _warehouse(is_demo: bool) -> Path:
    setting = "demo.duckdb" if is_demo else _setting("destination.duckdb.credentials")
    if isinstance(setting, dict):
        setting = setting.get("database")
    file = str(setting or "openai_costs.duckdb").removeprefix("duckdb:///")
    if re.match(r":memory:|\w{2,}:", file):
        raise Stop(f"The warehouse must be a DuckDB file, which {file.split(':')[0]}: is not.", 2)
    return Path(file).resolve()


def _setting(name: str) -> Any:
    return dlt.secrets.get(name) or dlt.config.get(name)


def _refuse_unknown_settings() -> None:
    """A misspelt setting would be ignored in silence."""
    prefix = "SOURCES__OPENAI_COSTS__"
    named = {name.removeprefix(prefix).lower() for name in os.environ if name.startswith(prefix)}
    for source in (dlt.secrets, dlt.config):
        named |= set(source.get("sources.openai_costs") or {})
    if unknown := sorted(named - set(SETTINGS)):
        raise Stop(
            f"There is no setting sources.openai_costs.{unknown[0]}. There are: "
            f"{', '.join(SETTINGS)}.",
            exit_code=2,
        )


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Stop(f"{message[:1].upper()}{message[1:]}. See python pipeline.py --help.", 2)


def _parsed(arguments: list[str] | None) -> argparse.Namespace:
    parser = _Parser(
        prog="pipeline.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("command", nargs="?", choices=["load", "models"])
    parser.add_argument("--demo", action="store_true", help="use a simulated organization")
    parser.add_argument("--since", type=_day, metavar="D", help="first UTC day to load")
    parser.add_argument("--until", type=_day, metavar="D", help="UTC day to stop before")
    asked = parser.parse_args(arguments)
    since, until = asked.since, asked.until
    if asked.command == "models" and (since or until):
        parser.error("--since and --until choose days to load, and models loads none")
    if since and since > datetime.now(UTC).date():
        parser.error(f"--since {since} is in the future")
    if since and until and since >= until:
        parser.error(f"--until {until} must be later than --since {since}: it is excluded")
    return asked


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text if len(text) == 10 else "")
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day such as 2026-01-31") from None


def _first_line(message: object) -> str:
    lines = [line.strip() for line in str(message).splitlines() if line.strip()]
    return " ".join(lines[:2])


def _say(message: str) -> None:
    errors.print(escape(message))


if __name__ == "__main__":
    sys.exit(main())
