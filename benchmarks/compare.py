"""Compare the behaviour of two checkouts of this project: `python benchmarks/compare.py OLD NEW`.

Both checkouts run every command on the simulated organization, each in a temporary folder. The
script compares exit codes, the facts in the output (numbers, dates, ids, JSON values), the tables
in openai_marts and openai_raw, the exported files, the data in the report, and the settings.

--ignore-text TABLE.COLUMN skips a column of a table; it may be repeated.

Exit codes: 0 nothing differs; 1 something differs; 2 wrong use, or the UTC day changed meanwhile.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb
from duckdb import DuckDBPyConnection

TODAY = datetime.now(UTC).date()
WEEK_AGO, YESTERDAY = TODAY - timedelta(days=7), TODAY - timedelta(days=1)

COMMANDS = (
    *("--demo", "load --demo", "models --demo", f"--demo --since {WEEK_AGO} --until {YESTERDAY}"),
    *("models --demo --full", "check --demo", "check --demo --json", "status --demo"),
    *("export --demo --to parquet", "export --demo --to csv --format csv"),
    f"export --demo --to parquet_month --month {WEEK_AGO:%Y-%m}",
    f"export --demo --to csv_month --month {WEEK_AGO:%Y-%m} --format csv",
    *("export --demo --to parquet --month 2001-01", "forget --demo --user nobody"),
    *("report --demo", "report --demo --to missing/report.html", "alerts --demo --slack-webhook"),
    *("alerts --demo", "alerts --demo --format json", "alerts --demo --format markdown"),
    *(f"alerts --demo --severity {severity}" for severity in ("info", "warning", "critical")),
)
"""They share one warehouse, in this order."""

FORGET = "forget --demo --user user-kavya"
"""It runs last, on a copy of the warehouse."""

USAGE_ERRORS = (
    *("", "load", "check", "unknown", "--unknown", "--help", "--full", "--json", "--since"),
    *("export --demo --to", "forget --demo --user", "alerts --demo --format"),
    *("--since 2026-13-01", "--since yesterday", "--since 2999-01-01"),
    *("--since 2026-02-02 --until 2026-02-01", "--since 2026-02-02 --until 2026-02-02"),
    *("--destination unknown", "status --destination unknown", "--demo --destination duckdb"),
    *("--trap users-apart", "--demo --trap unknown", "forget", "load --user user-kavya"),
    *("status --since 2026-01-01", "status --to x", "status --month 2026-01", "status --lake x"),
    *("status --format csv", "status --severity info", "status --slack-webhook", "export"),
    *("export --to x --month 2026-13", "export --to x --format xml", "export --to x --lake none"),
    *("alerts --format xml", "alerts --severity unknown", "forget --user user-kavya"),
    *("models", "status", "export --to x", "report", "alerts"),
)
"""They run without a key and without a warehouse; only their exit codes are compared."""

VOLATILE = {"_dlt_id", "_dlt_load_id", "loaded_at", "valid_from", "listed_at", "forgotten_at"}
"""dlt's columns and load moments: all columns that differ between two runs of one checkout."""

NOISE = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?"  # moments
    r"|\bPID \d+|127\.0\.0\.1:\d+|\b\d+ (?:s|seconds?|minutes?|hours?)\b"
)
FACT = re.compile(
    r"\b(?:org|user|proj|key|svc_acct|gpt)[-_]\w[\w.-]*\w"  # ids, models, exported files
    r"|\b\d{4}-\d\d(?:-\d\d)?\b"  # dates, months
    r"|(?<![\w.])[-+]?\d+(?:,\d{3})*(?:\.\d+)?(?:[Ee][-+]?\d+)?(?: ?%)?"  # numbers, percentages
)
LOAD_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT(?!00:00:00)\d\d:\d\d:\d\dZ")
"""In exported files. Charge and billing periods begin at midnight."""
ROUNDED = """format('{{:.10g}}', round("{}", 12))"""
"""DuckDB adds doubles in any order: their last digits differ from run to run."""
REPORT_DATA = re.compile(r'<script type="application/json".*?</script>', re.DOTALL)
VARIABLE = re.compile(r"\b[A-Z][A-Z0-9]*(?:_+[A-Z0-9]+)+\b")
SETTINGS = "import openai_costs_source as source; print('\\n'.join(source.SETTINGS))"


def python(checkout: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in `folder`, with the modules of a checkout and no settings of this machine.

    What dlt and dbt write for themselves goes beside `folder`.
    """
    ours = ("OPENAI_", "SOURCES__", "DESTINATION_", "DBT_", "RUNTIME__", "ALERTS__")
    variables = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    variables |= {"PYTHONPATH": str(checkout), "RUNTIME__DLTHUB_TELEMETRY": "false"}
    variables["COLUMNS"] = "200"
    for name in ("DBT_LOG_PATH", "DBT_TARGET_PATH", "DLT_DATA_DIR"):
        variables[name] = str(folder.parent / name.lower())
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True)


def run(checkout: Path, folder: Path, command: str) -> tuple[str, Counter[str]]:
    """Run a command of a checkout in `folder`: its exit code, and the facts in its output."""
    process = python(checkout, folder, str(checkout / "pipeline.py"), *command.split())
    crash = " and a traceback" * ("Traceback (most recent call last)" in process.stderr)
    output = process.stdout.replace(str(folder), "").replace(str(checkout), "")
    output_facts = facts(output)
    with contextlib.suppress(ValueError):  # Most output is not JSON.
        output_facts.update(values("$", json.loads(NOISE.sub("", output))))
    return f"exit code {process.returncode}{crash}", output_facts


def facts(text: str) -> Counter[str]:
    return Counter(FACT.findall(NOISE.sub("", text)))


def values(path: str, value: Any) -> Iterator[str]:
    """The path of each JSON value, with the value unless it is text of several words."""
    if isinstance(value, dict | list) and value:
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from values(f"{path}.{key}", item)
    else:
        is_wording = isinstance(value, str) and " " in value.strip()
        yield f"{path} = {'text' if is_wording else json.dumps(value)}"


def observe(checkout: Path, folder: Path) -> dict[str, Counter[str]]:
    """Run all commands of a checkout: the exit code and the facts of each.

    Also returns the facts in the report, the settings, and the variables in README. The warehouses
    and the exported files stay in folders within `folder`.
    """
    empty, work, forgotten = places = [folder / name for name in ("empty", "work", "forgotten")]
    for place in places:
        place.mkdir(parents=True)
    observed = {}
    for command in USAGE_ERRORS:
        ending, _ = run(checkout, empty, command)
        observed[f"pipeline.py {command} (empty folder)"] = Counter([ending])
    for command in (*COMMANDS, FORGET):
        if command == FORGET and (work / "demo.duckdb").exists():
            shutil.copy(work / "demo.duckdb", forgotten)
        ending, output_facts = run(checkout, forgotten if command == FORGET else work, command)
        observed[f"pipeline.py {command}"] = output_facts + Counter([ending])
    pages = "".join(file.read_text(encoding="utf-8") for file in work.glob("*.html"))
    observed["data of the report"] = facts("".join(REPORT_DATA.findall(pages)))
    settings = python(checkout, work, "-c", SETTINGS)
    observed["settings"] = Counter((settings.stdout + settings.stderr).splitlines())
    readme = (checkout / "README.md").read_text(encoding="utf-8")
    observed["environment variables in README"] = Counter(set(VARIABLE.findall(readme)))
    return observed


def counter_differences(name: str, old: Counter[str], new: Counter[str]) -> Iterator[str]:
    parts = []
    for side, only in (("OLD", old - new), ("NEW", new - old)):
        listed = ", ".join(item.strip()[:200] for item in islice(only.elements(), 8))
        more = f" and {only.total() - 8} more" if only.total() > 8 else ""
        parts += [f"only in {side}: {listed}{more}"] if only else []
    if parts:
        yield f"{name}: {'; '.join(parts)}"


def list_differences(name: str, old: list[str], new: list[str]) -> Iterator[str]:
    before, after = Counter(old), Counter(new)
    if old != new and before == after:
        yield f"{name}: in another order"
    yield from counter_differences(name, before, after)


def copy_tables(db: DuckDBPyConnection, side: str, folder: Path) -> dict[str, list[str]]:
    """Copy the tables and Parquet files of a checkout into a schema; return columns with types.

    Views name their database `demo`, so two warehouses cannot be attached at once.
    """
    db.execute(f"create schema {side}")
    for warehouse in folder.glob("*/demo.duckdb"):
        db.execute(f"attach '{warehouse}' as demo (read_only)")
        tables = db.execute(
            "select table_schema, table_name from information_schema.tables "
            "where table_catalog = 'demo' and table_schema in ('openai_marts', 'openai_raw') "
            "and not starts_with(table_name, '_dlt_')"
        ).fetchall()
        for schema, table in tables:
            name = f'{side}."{schema}.{table} in {warehouse.parent.name}"'
            db.execute(f'create table {name} as from demo."{schema}"."{table}"')
        db.execute("detach demo")
    for file in folder.glob("work/*/focus-*.parquet"):
        name = f'{side}."focus_costs in {file.relative_to(folder)}"'
        db.execute(f"create table {name} as from read_parquet('{file}')")
    sql = (
        "select table_name, list(column_name || ' ' || data_type order by column_index) "
        "from duckdb_columns() where schema_name = ? group by table_name order by table_name"
    )
    return dict(db.execute(sql, [side]).fetchall())


def table_differences(old: Path, new: Path, ignored: Collection[str]) -> Iterator[str]:
    with duckdb.connect() as db:
        before = copy_tables(db, "old", old)
        after = copy_tables(db, "new", new)
        yield from list_differences("tables", list(before), list(after))
        for table in [table for table in before if table in after]:
            yield from list_differences(f"{table}: columns", before[table], after[table])
            model = table.partition(" ")[0].rpartition(".")[2]
            columns = {}
            for column in [column for column in before[table] if column in after[table]]:
                name, _, data_type = column.partition(" ")
                if {name, f"{model}.{name}"}.isdisjoint({*VOLATILE, *ignored}):
                    columns[name] = ROUNDED.format(name) if data_type == "DOUBLE" else f'"{name}"'
            if columns:
                yield from row_differences(db, table, columns)


def row_differences(db: DuckDBPyConnection, table: str, columns: dict[str, str]) -> Iterator[str]:
    """The rows that differ, then the values by column; `columns` has an expression for each."""

    def only(a: str, b: str, *values: str) -> list[tuple[Any, ...]]:
        select = f"select {', '.join(values)} from"
        sql = f'{select} {a}."{table}" except all {select} {b}."{table}" order by all'
        return db.execute(sql).fetchall()

    removed, added = only("old", "new", *columns.values()), only("new", "old", *columns.values())
    if not removed and not added:
        return
    yield f"{table}: {len(removed)} rows only in OLD, {len(added)} only in NEW"
    for name, value in columns.items():
        sides = only("old", "new", value), only("new", "old", value)
        yield from counter_differences(
            f"{table}: {name}", *(Counter(str(item) for (item,) in rows) for rows in sides)
        )


def file_differences(old: Path, new: Path) -> Iterator[str]:
    """Compare the names of exported files, and the lines of CSV and JSON byte by byte."""
    names = [
        sorted(str(file.relative_to(folder)) for file in folder.glob("work/*/focus-*"))
        for folder in (old, new)
    ]
    yield from list_differences("files", *names)
    for name in names[0]:
        if name in names[1] and not name.endswith(".parquet"):
            texts = ((folder / name).read_bytes().decode() for folder in (old, new))
            lines = (LOAD_MOMENT.sub("", text).splitlines(keepends=True) for text in texts)
            yield from list_differences(name, *lines)


def differences(checkouts: list[Path], folder: Path, ignored: list[str]) -> Iterator[str]:
    folders = folder / "old", folder / "new"
    with ThreadPoolExecutor() as pool:
        old, new = pool.map(observe, checkouts, folders)
    for name in old:
        yield from counter_differences(name, old[name], new[name])
    yield from table_differences(*folders, ignored)
    yield from file_differences(*folders)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("old", type=Path, metavar="OLD")
    parser.add_argument("new", type=Path, metavar="NEW")
    parser.add_argument("--ignore-text", action="append", default=[], metavar="TABLE.COLUMN")
    arguments = parser.parse_args()
    checkouts = [checkout.resolve() for checkout in (arguments.old, arguments.new)]
    for checkout in checkouts:
        if not (checkout / "pipeline.py").is_file():
            parser.error(f"{checkout} is not a checkout: it has no pipeline.py")
    with tempfile.TemporaryDirectory() as folder:
        lines = list(differences(checkouts, Path(folder).resolve(), arguments.ignore_text))
    if datetime.now(UTC).date() != TODAY:
        print("The UTC day changed, and the simulated organization with it: run again.")
        return 2
    print("\n".join(lines) or "Nothing differs.")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
