"""Load OpenAI's organization costs, build the models and print what they say.

    python pipeline.py                        load, build the models, print a summary
    python pipeline.py --demo                 the same with a simulated organization; needs no key
    python pipeline.py --since D --until D    (re)load these UTC days, until excluded
    python pipeline.py load                   load only
    python pipeline.py models                 build the models only
    python pipeline.py check [--json]         what keys, warehouse and dbt allow, and what to do
    python pipeline.py status                 days loaded, missing, restated, soon to be forgotten
    python pipeline.py forget --user ID       blank a person's name and e-mail; the money stays

--demo goes with each of them. With --trap NAME the simulated organization behaves as badly as live
ones were seen to; --trap may be repeated.

The admin key comes from OPENAI_ADMIN_KEY or dlt's sources.openai_costs.admin_key. The warehouse is
openai_costs.duckdb in the current folder, or what DESTINATION__DUCKDB__CREDENTIALS names.

Exit codes: 0 done; 1 the work failed and the warehouse is as it was, or whole; 2 wrong use or
settings, nothing attempted.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import logging
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
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
# Else the warehouse keeps a second copy of what each load brought, people's addresses included.
os.environ.setdefault("LOAD__TRUNCATE_STAGING_DATASET", "true")

import dlt
import duckdb
from dlt.common.configuration.providers.toml import TomlProviderReadException
from dlt.destinations.sql_client import SqlClientBase

from openai_costs_source import SETTINGS, OpenAICostsError, admin_keys, api_url, openai_costs
from openai_costs_source.demo_traps import TRAPS
from openai_costs_source.doctor import Finding, examine
from openai_costs_source.upkeep import cover_stored, forget, is_known, take_ids
from reporting.findings import print_findings
from reporting.status import print_status
from reporting.summary import Query, print_summary

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
    with contextlib.ExitStack() as stack:
        settings = stack.enter_context(_demo_organization(asked.trap)) if asked.demo else {}
        if asked.command == "check":
            return check(warehouse, settings, asked.json)
        if asked.command == "status":
            return status(warehouse)
        stack.enter_context(_held(warehouse, is_needed=asked.command in ("models", "forget")))
        is_whole = True
        if asked.command in (None, "load"):
            is_whole = _load_each_organization(warehouse, asked.since, asked.until, settings)
        if asked.command == "forget":
            forget_user(warehouse, asked.user)
        if asked.command != "load":
            passed, warnings = build_models(warehouse)
            if asked.command != "forget":
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
    with _progress("Asking OpenAI") as progress, _pipeline(warehouse) as pipeline:
        pipeline.run(openai_costs(**settings), loader_file_format="parquet")
        take_ids(pipeline)
        cover_stored(pipeline, str(_setting("sources.openai_costs.user_emails") or "plain"))
    return not progress.errors


def forget_user(warehouse: Path, user_id: str) -> None:
    """Blank a person's name and e-mail address in the raw tables; the models follow them."""
    with _pipeline(warehouse) as pipeline:
        if not is_known(pipeline, user_id):
            raise Stop(f"{warehouse} holds no user {user_id}: see openai_marts.focus_costs.", 2)
        rows = forget(pipeline, user_id)
    output.print(
        f"{escape(user_id)} is forgotten, also in later loads: {rows:,} raw rows name the id, and "
        "none a name or an e-mail address. The money stays.",
        soft_wrap=True,
    )


def status(warehouse: Path) -> int:
    _refuse_empty(warehouse)
    with _pipeline(warehouse) as pipeline, pipeline.sql_client() as client:
        print_status(output, _query(client), datetime.now(UTC))
    return 0


def check(warehouse: Path, settings: dict[str, str], is_json: bool) -> int:
    """Print what was found of each key, of the warehouse and of dbt; 0 where a load is possible."""
    findings: list[Finding] = []
    keys: list[str] = []
    try:
        keys = admin_keys(settings.get("admin_key") or _setting("sources.openai_costs.admin_key"))
    except OpenAICostsError as error:
        findings.append(Finding("key", "failed", error.said, error.remedy))
    url = api_url(settings.get("base_url") or _setting("sources.openai_costs.base_url"))
    with _progress("Asking OpenAI"):
        for n, key in enumerate(keys, start=1):
            found = examine(key, url, datetime.now(UTC).date())
            findings += [replace(each, key=n if len(keys) > 1 else None) for each in found]
    findings += [_examined(warehouse), _examined_dbt(warehouse)]
    print_findings(output, findings, is_json)
    if not keys:
        return 2
    return 1 if any(finding.status == "failed" for finding in findings) else 0


def _examined(warehouse: Path) -> Finding:
    """Whether the warehouse can be written; a file that does not exist yet is not made."""
    is_new = not warehouse.exists()
    try:
        with _held(warehouse):
            pass
    except Stop as stop:
        return Finding("warehouse", "failed", str(stop))
    if is_new:
        return Finding("warehouse", "ok", f"{warehouse} can be made; nothing is loaded yet.")
    return Finding("warehouse", "ok", f"{warehouse} can be written.")


def _examined_dbt(warehouse: Path) -> Finding:
    """Whether dbt finds its profile and opens the same warehouse."""
    from dbt.cli.main import dbtRunner

    os.environ[WAREHOUSE_VARIABLE] = str(warehouse) if warehouse.exists() else ":memory:"
    folders = ["--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT)]
    with _progress("Asking dbt"):
        result = dbtRunner().invoke(["debug", *folders, "--quiet", "--log-level", "none"])
    if result.success:
        return Finding("dbt", "ok", "Its profile is found, and opens the warehouse.")
    return Finding(
        "dbt",
        "failed",
        f"Its profile cannot be used: {_first_line(result.exception or 'see dbt debug')}.",
        "Run dbt debug in dbt_project for the details.",
    )


def build_models(warehouse: Path) -> tuple[int, list[str]]:
    """Build and test the dbt models on `warehouse`.

    Gives the number of tests that passed, and a sentence for each that warns.
    """
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
        print_summary(output, _query(client))
    output.print()
    for warning in warnings:
        output.print(f"  [yellow]Warning[/yellow]    {escape(warning)}")
    proof = "each table adds up to the raw rows, day by day, to the last digit"
    output.print(f"  Checked    {passed} tests passed: {proof}", soft_wrap=True)
    output.print(f"  Warehouse  {escape(str(warehouse))}, schema openai_marts", soft_wrap=True)


def _query(client: SqlClientBase[Any]) -> Query:
    return lambda sql, *values: client.execute_sql(sql, *values) or []


@contextlib.contextmanager
def _held(warehouse: Path, is_needed: bool = False) -> Iterator[None]:
    """The warehouse, kept from other programs: a DuckDB file has one writer.

    A file that held nothing before, and holds nothing when the work has failed, is removed.
    """
    if is_needed:
        _refuse_empty(warehouse)
    is_of_use = warehouse.exists()
    try:
        with duckdb.connect(str(warehouse)) as connection:
            try:
                yield
            finally:
                is_of_use = is_of_use or _holds_costs(connection)
    except BaseException as error:
        raise _foreseen(error, warehouse) or error from None
    finally:
        if not is_of_use:
            warehouse.unlink(missing_ok=True)


def _refuse_empty(warehouse: Path) -> None:
    if not warehouse.exists():
        raise Stop(f"{warehouse} does not exist: load costs first, with python pipeline.py.")
    try:
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            if _holds_costs(connection):
                return
    except duckdb.Error as error:
        raise _foreseen(error, warehouse) or error from None
    raise Stop(f"{warehouse} holds no costs yet: load them first, with python pipeline.py.")


def _holds_costs(connection: duckdb.DuckDBPyConnection) -> bool:
    tables = connection.execute("select table_schema, table_name from information_schema.tables")
    return ("openai_raw", "cost_days") in tables.fetchall()


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
def _demo_organization(traps: list[str]) -> Iterator[dict[str, str]]:
    from openai_costs_source.demo import Organization
    from openai_costs_source.demo_api import DEMO_ADMIN_KEY, DemoApi

    with DemoApi(Organization(datetime.now(UTC).date()), traps=traps) as api:
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
    if isinstance(error, Stop):
        return error
    while cause:
        if isinstance(cause, KeyboardInterrupt):
            return Stop(INTERRUPTED)
        if isinstance(cause, OpenAICostsError):
            return Stop(str(cause), 2 if cause.is_wrong_use else 1)
        if isinstance(cause, duckdb.IOException) and "lock" in str(cause).lower():
            process = re.search(r" \(PID \d+\)", str(cause))
            return Stop(
                f"{warehouse} is open in another program{process[0] if process else ''}, perhaps "
                "another run, and DuckDB allows one writer: close it there, or wait, and run again."
            )
        if _is_full(cause):
            return Stop(
                f"The disk is full, or a file may not grow further ({_first_line(cause)}). The "
                "warehouse is as it was, or whole: make room and run again."
            )
        if isinstance(cause, duckdb.Error):
            return Stop(f"{warehouse} cannot be used as a DuckDB file: {_first_line(cause)}")
        cause = cause.__cause__ or cause.__context__
    return None


def _is_full(cause: BaseException) -> bool:
    if isinstance(cause, duckdb.Error):
        return "No space left" in str(cause) or "File too large" in str(cause)
    return isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)


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
    commands = ["load", "models", "check", "status", "forget"]
    parser.add_argument("command", nargs="?", choices=commands)
    parser.add_argument("--demo", action="store_true", help="use a simulated organization")
    parser.add_argument("--trap", action="append", choices=TRAPS, default=[], help="with --demo")
    parser.add_argument("--since", type=_day, metavar="D", help="first UTC day to load")
    parser.add_argument("--until", type=_day, metavar="D", help="UTC day to stop before")
    parser.add_argument("--json", action="store_true", help="with check: for programs")
    parser.add_argument("--user", metavar="ID", help="with forget: the person's id at OpenAI")
    asked = parser.parse_args(arguments)
    since, until = asked.since, asked.until
    if asked.command not in (None, "load") and (since or until):
        parser.error(f"--since and --until choose days to load, and {asked.command} loads none")
    if asked.trap and not asked.demo:
        parser.error("--trap sets a trap in the simulated organization: it goes with --demo")
    if asked.json and asked.command != "check":
        parser.error("--json goes with check")
    if (asked.user is None) == (asked.command == "forget"):
        parser.error("forget needs --user ID, the person's id at OpenAI, and nothing else does")
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
