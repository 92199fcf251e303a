"""`python pipeline.py export`: FOCUS files are exact, complete, and kept if nothing changed.

The tests fill small warehouses whose tables have the columns of the demo's.
"""

import contextlib
import csv
import json
import os
import re
import shutil
import signal
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import complete_models
from running import run_pipeline
from test_doctor import open_elsewhere

from openai_costs.reports.focus_metadata import FOCUS_VERSION
from openai_costs.terminal import printable
from pipeline import main

MART = "openai_marts.focus_costs"
CHECKS = "openai_marts.reconciliation"
METADATA = "focus-org-a-metadata.json"
MONTHS = ("2026-08", "2026-09", "2026-10")
FILES = {f"focus-org-a-{month}.parquet" for month in MONTHS}
TIMESTAMPS = ("BillingPeriodEnd", "BillingPeriodStart", "ChargePeriodEnd", "ChargePeriodStart")
LONG_AGO = "2026-01-02T03:04:05Z"
SECRET = "sk-admin-of-nobody-Xq7Lm2Rt9Vb4Zk8"


class SmallWarehouse:
    """A warehouse of a few charges."""

    def __init__(self, path):
        self.path = path

    def execute(self, sql, *values):
        with duckdb.connect(str(self.path)) as connection:
            return connection.execute(sql, values).fetchall()

    def add(self, *records):
        """Insert rows, each given with its table as `charge` and `ledger` return them."""
        with duckdb.connect(str(self.path)) as connection:
            for table, record in records:
                columns, places = ", ".join(record), ", ".join("?" * len(record))
                statement = f"insert into {table} ({columns}) values ({places})"
                connection.execute(statement, list(record.values()))


def charge(day, cost, organization="org-a", **columns):
    """Return the table and the row of a charge; columns that are not given are null."""
    day = date.fromisoformat(day)
    return MART, {
        "BilledCost": Decimal(cost),
        "BillingAccountId": organization,
        "BillingAccountName": "Acme",
        "BillingCurrency": "USD",
        "BillingPeriodStart": day.replace(day=1),
        "BillingPeriodEnd": next_month(day),
        "ChargePeriodStart": day,
        "ChargePeriodEnd": day + timedelta(days=1),
        **columns,
    }


def ledger(month, loaded=None, expected=None, organization="org-a", name="Acme"):
    """Return the table and the row of a month's ledger check; by default, all days are loaded."""
    first = date.fromisoformat(f"{month}-01")
    loaded = (next_month(first) - first).days if loaded is None else loaded
    expected = expected or loaded
    return CHECKS, {
        "organization_id": organization,
        "organization_name": name,
        "period": "month",
        "period_start": first,
        "check_name": "every day is in the ledger",
        "expected": expected,
        "actual": loaded,
        "difference": loaded - expected,
        "tolerance": 0,
        "status": "equal" if loaded == expected else "differs",
    }


def next_month(day):
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


@pytest.fixture(scope="module")
def no_charges(demo, tmp_path_factory):
    path = tmp_path_factory.mktemp("warehouse") / "no_charges.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"attach '{demo[0] / 'demo.duckdb'}' as demo (read_only)")
        connection.execute("create schema openai_marts; create schema openai_raw")
        for table in (MART, CHECKS, "openai_raw.cost_days"):
            connection.execute(f"create table {table} as from demo.{table} limit 0")
        complete_models(connection)
    return path


@pytest.fixture
def empty(no_charges, tmp_path):
    """The tables without rows, in the file that the command opens."""
    return SmallWarehouse(Path(shutil.copy(no_charges, tmp_path / "openai_costs.duckdb")))


@pytest.fixture(scope="module")
def long_ago(no_charges, tmp_path_factory):
    """A warehouse of three months, and its exported files, with old times in their metadata.

    The first month is missing its first days, and the last month is open.
    """
    folder = tmp_path_factory.mktemp("long_ago")
    SmallWarehouse(shutil.copy(no_charges, folder / "openai_costs.duckdb")).add(
        ledger("2026-08", loaded=5),
        ledger("2026-09"),
        ledger("2026-10", loaded=12),
        charge("2026-08-27", "1.5", SubAccountName="Web, shop"),
        charge("2026-08-31", "0.000000000000000001"),
        charge("2026-09-01", "2.25", SubAccountName="Zoë"),
        charge("2026-09-01", "2.25", SubAccountName="Zoë"),
        charge("2026-09-30", "-4", ChargeCategory="Credit"),
        charge("2026-10-12", "3", x_Quantity=Decimal("0.000000001")),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for format in ("parquet", "csv"):
            export("--format", format, to=format)
            rewrite(folder / format / METADATA, LONG_AGO)
    return folder


@pytest.fixture
def warehouse(long_ago, tmp_path):
    return SmallWarehouse(Path(shutil.copy(long_ago / "openai_costs.duckdb", tmp_path)))


@pytest.fixture
def focus(warehouse, long_ago, tmp_path):
    return Path(shutil.copytree(long_ago / "parquet", tmp_path / "focus"))


MOMENTS = "CreationDate|RecencyLastUpdated|DatasetInstanceLastUpdated|TimeSectorLastUpdated"


def rewrite(metadata, moment):
    """Replace each time of an update in the metadata with this time."""
    text = metadata.read_text(encoding="utf-8")
    text, times = re.subn(rf'("(?:{MOMENTS})": *)"[^"]*"', rf'\1"{moment}"', text)
    assert times > 3
    metadata.write_text(text, encoding="utf-8")


def export(*arguments, to="focus"):
    assert main(["export", "--to", str(to), *map(str, arguments)]) == 0


def refused(capsys, *arguments, code):
    """Run a command that fails with this exit code; return its one line of error output."""
    capsys.readouterr()
    assert main(list(map(str, arguments))) == code
    return sentence(capsys.readouterr().err)


def sentence(message):
    assert "Traceback" not in message
    assert SECRET not in message
    assert len(message.splitlines()) == 1
    return message


def state(folder):
    """Return the content, modification time and inode of each file."""
    return {
        path.name: (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino)
        for path in folder.iterdir()
    }


def printed_rows(capsys):
    """Return the words of each printed row of a month."""
    words = [line.split() for line in capsys.readouterr().out.splitlines()]
    return [row for row in words if row and row[0] in MONTHS]


def names(folder):
    return {path.name for path in folder.iterdir()}


def contents(folder, pattern="*.parquet"):
    return {path.name: path.read_bytes() for path in folder.glob(pattern)}


def read_metadata(folder, name=METADATA):
    return json.loads((folder / name).read_text(encoding="utf-8"))


def sectors(folder, key, name=METADATA):
    """Return the value of a key in each time sector of the metadata, by month."""
    (recency,) = read_metadata(folder, name)["Recency"]
    return {sector["TimeSectorStart"][:7]: sector[key] for sector in recency["TimeSectors"]}


def rows(path):
    """Return the rows of a Parquet or CSV file; those of CSV as text, with '' for null."""
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


# ----------------------------------------------------------------------------------- the demo


@pytest.fixture(scope="module")
def first_days(demo, tmp_path_factory):
    """A folder with the demo's warehouse, reduced to each month's first day with charges."""
    folder = tmp_path_factory.mktemp("exported")
    shutil.copy(demo[0] / "demo.duckdb", folder)
    SmallWarehouse(folder / "demo.duckdb").execute("""
        delete from openai_intermediate.int_openai__focus_charges where date not in (
            select min(date) from openai_intermediate.int_openai__focus_charges
            group by date_trunc('month', date)
        )
    """)
    return folder


@pytest.fixture(scope="module", params=["parquet", "csv"])
def demo_files(request, first_days):
    """The folder of the files, their format, the printed text, and a connection to the mart."""
    folder, format = first_days, request.param
    result = run_pipeline("export", "--demo", "--to", format, "--format", format, cwd=folder)
    assert (result.returncode, result.stderr) == (0, "")
    with duckdb.connect(str(folder / "demo.duckdb"), read_only=True) as connection:
        connection.execute(f"set TimeZone = 'UTC'; create temp table mart as from {MART}")
        yield folder / format, format, result.stdout, connection


def mart_months(connection):
    return connection.sql("""
        select strftime(BillingPeriodStart, '%Y-%m'), count(*)
        from mart group by 1 order by 1
    """).fetchall()


def test_demo_is_exported_charge_by_charge_to_the_last_digit(demo_files):
    folder, format, _, connection = demo_files
    if format == "parquet":
        times = ", ".join(f"{name} at time zone 'UTC' as {name}" for name in TIMESTAMPS)
        mart = f"select * replace ({times}) from mart"
        files = f"from read_parquet('{folder}/*.parquet')"
    else:
        times = ", ".join(
            f"strftime({name}, '%Y-%m-%dT%H:%M:%SZ') as {name}" for name in TIMESTAMPS
        )
        mart = f"select cast(columns(*) as varchar) from (select * replace ({times}) from mart)"
        files = f"""
            from read_csv('{folder}/*.csv', all_varchar = true, header = true, delim = ',',
                quote = '"', escape = '"', allow_quoted_nulls = false)
        """
    assert connection.sql(f"describe {mart}").fetchall() == (
        connection.sql(f"describe {files}").fetchall()
    )
    assert connection.sql(f"({mart}) except all ({files})").fetchall() == []
    assert connection.sql(f"({files}) except all ({mart})").fetchall() == []


def test_each_month_of_the_demo_is_one_file_with_only_its_charges(demo_files):
    folder, format, _, connection = demo_files
    months = mart_months(connection)
    expected = {f"focus-org-demo-heliotrope-{month}.{format}" for month, _ in months}
    assert names(folder) == {*expected, "focus-org-demo-heliotrope-metadata.json"}
    counts = connection.sql(f"""
        select right(parse_filename(filename, true), 7), left(BillingPeriodStart::varchar, 7),
            count(*)
        from read_{format}('{folder}/*.{format}', filename = true)
        group by all order by all
    """)
    assert counts.fetchall() == [(month, month, count) for month, count in months]


def test_columns_of_focus_come_first_in_alphabetical_order_then_our_own(demo_files):
    folder, format, _, connection = demo_files
    for path in folder.glob(f"*.{format}"):
        if format == "parquet":
            columns = pq.read_schema(path).names
        else:
            columns = path.read_text(encoding="utf-8").splitlines()[0].split(",")
        ours = [name for name in columns if name.startswith("x_")]
        assert columns == [*sorted(set(columns) - set(ours)), *sorted(ours)]
        assert len(columns) - len(ours) == 65
        assert set(columns) == {name for name, *_ in connection.sql(f"describe {MART}").fetchall()}


def test_export_prints_each_month_and_the_exact_total(demo_files):
    _, format, printed, connection = demo_files
    assert "\x1b" not in printed
    lines = [line.split() for line in printed.splitlines()]
    for month, count in mart_months(connection):
        (line,) = [line for line in lines if line and line[0] == month]
        assert line[1] == f"{count:,}"
        assert line[-2:] == ["written", f"focus-org-demo-heliotrope-{month}.{format}"]
    count, total = connection.sql("select count(*), sum(BilledCost) from mart").fetchone()
    assert f"{count:,} charges, exactly {total.normalize():f} USD" in printed


def test_month_of_the_demo_is_complete_if_all_days_are_loaded_and_a_later_month_follows(
    demo_files,
):
    folder, format, _, connection = demo_files
    expected = connection.sql("""
        select
            strftime(month, '%Y-%m'),
            count(*) = day(last_day(month))
            and month < (select date_trunc('month', max(date)) from openai_raw.cost_days)
        from (select date_trunc('month', date) as month from openai_raw.cost_days)
        group by month
    """).fetchall()
    name = "focus-org-demo-heliotrope-metadata.json"
    complete = sectors(folder, "TimeSectorComplete", name)
    assert complete == dict(expected)
    assert set(complete.values()) == {True, False}
    assert {file["filepath"] for file in read_metadata(folder, name)["data_location"]} == (
        set(contents(folder, f"*.{format}"))
    )


# -------------------------------------------------------------------------- contents of a file


def test_parquet_has_exact_types_and_is_compressed_with_zstd(long_ago):
    mart = SmallWarehouse(long_ago / "openai_costs.duckdb").execute(f"describe {MART}")
    arrow = {
        "VARCHAR": pa.string(),
        "TIMESTAMP": pa.timestamp("us", "UTC"),
        "DECIMAL(38,18)": pa.decimal128(38, 18),
        "DECIMAL(38,9)": pa.decimal128(38, 9),
    }
    types = {name: arrow[type] for name, type, *_ in mart}
    for name in FILES:
        file = pq.ParquetFile(long_ago / "parquet" / name)
        assert {field.name: field.type for field in file.schema_arrow} == types
        group = file.metadata.row_group(0)
        assert {group.column(n).compression for n in range(len(types))} == {"ZSTD"}


NAMES = (
    *("comma, inside", 'quote " inside', '"quoted"', "it's", "line\nbreak", "line\r\nbreak"),
    *("carriage\rreturn", "\n", "Zoë 東京 🚀", "e\u0301", "\u2028", "\ufeff", " around ", "\ttab"),
    *("a|b", "a\tb", "'quoted'", '"', 'a"', '\\"', "0", ",,", "2026-09-01", "true"),
    *("NULL", "null", "\\N", "None", "NaN", "1e5", "=1+1", "#", "\\", "a\\", ";", "[bold]red"),
    *("+1", "-1", "@SUM(A1)", "\r=1+1", "＝1+1", "'=1+1", "''", "a=1", "1-1"),
)
ALONE = (
    "line\nbreak",
    "carriage\rreturn",
    '"',
    "'quoted'",
    "a|b;c\td",
    "\\",
    '\\"',
    "#",
    ",,",
    "1",
)
AMOUNTS = (
    *("0.000000000000000000", "0.000000000000000001", "-0.000000000000000001"),
    *("0.000000100000000000", "-1.500000000000000000", "100000000000.000000000000000000"),
    *("99999999999999999999.999999999999999999", "-99999999999999999999.999999999999999999"),
)
QUANTITIES = (
    "0.000000000",
    "0.000000001",
    "7.000000000",
    "99999999999999999999999999999.999999999",
)


@pytest.fixture(scope="module", params=["parquet", "csv"])
def awkward(request, no_charges, tmp_path_factory):
    """The format and the exported rows of charges with unusual names, amounts and quantities."""
    folder = tmp_path_factory.mktemp("awkward")
    warehouse = SmallWarehouse(Path(shutil.copy(no_charges, folder / "openai_costs.duckdb")))
    warehouse.add(
        ledger("2026-09"),
        *(
            charge("2026-09-01", "1", SubAccountName=name, x_PrincipalName=name[::-1])
            for name in NAMES
        ),
        *(charge("2026-09-02", text, ListCost=Decimal(text)) for text in AMOUNTS),
        *(charge("2026-09-03", "1", x_Quantity=Decimal(text)) for text in QUANTITIES),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        export("--format", request.param)
    return request.param, rows(folder / "focus" / f"focus-org-a-2026-09.{request.param}")


def as_written(text, format):
    """The text as it is in a file: in CSV, with an apostrophe if a spreadsheet evaluates it."""
    return f"'{text}" if format == "csv" and re.match("'*[=+\\-@\t\r\n＝＋－＠]", text) else text


def test_any_name_is_exported_unchanged_unless_a_spreadsheet_would_evaluate_it(awkward):
    format, exported = awkward
    named = [(row["SubAccountName"], row["x_PrincipalName"]) for row in exported]
    assert sorted(pair for pair in named if any(pair)) == sorted(
        (as_written(name, format), as_written(name[::-1], format)) for name in NAMES
    )


def test_totals_of_a_csv_are_compared_in_any_currency(empty, tmp_path):
    empty.add(ledger("2026-09"))
    currencies = ("=1+1", "'=1+1", "-", "USD")
    empty.add(*(charge("2026-09-01", "-1.5", BillingCurrency=code) for code in currencies))
    export("--format", "csv")
    exported = rows(tmp_path / "focus" / "focus-org-a-2026-09.csv")
    assert {row["BilledCost"] for row in exported} == {"-1.500000000000000000"}
    assert {row["BillingCurrency"] for row in exported} == {"'=1+1", "''=1+1", "'-", "USD"}


def test_any_amount_is_exported_exactly_and_without_an_exponent(awkward):
    format, exported = awkward
    for column, texts in (
        ("BilledCost", [*AMOUNTS, *["1.000000000000000000"] * len((*NAMES, *QUANTITIES))]),
        ("ListCost", AMOUNTS),
        ("x_Quantity", QUANTITIES),
    ):
        values = [row[column] for row in exported if row[column] not in (None, "")]
        written = [Decimal(text) if format == "parquet" else text for text in texts]
        assert sorted(values) == sorted(written)


def test_csv_of_one_charge_of_any_name_is_exact(empty, tmp_path):
    """The file has one row, so that a reader cannot infer its quoting from other rows."""
    months = [f"{2000 + n // 12}-{1 + n % 12:02}" for n in range(len(ALONE))]
    empty.add(*(ledger(month) for month in months))
    pairs = list(zip(months, ALONE, strict=True))
    empty.add(*(charge(f"{month}-01", "1", SubAccountName=name) for month, name in pairs))
    export("--format", "csv")
    for month, name in pairs:
        (row,) = rows(tmp_path / "focus" / f"focus-org-a-{month}.csv")
        assert row["SubAccountName"] == name


@pytest.mark.parametrize("rows_per_query", [2, 7])
def test_month_of_many_charges_is_complete(rows_per_query, empty, tmp_path, monkeypatch):
    """A query reads at least one complete day, and several days if they have few charges."""
    monkeypatch.setattr("openai_costs.reports.focus_file.ROWS_PER_QUERY", rows_per_query)
    days = ["01", "01", "01", "02", "05", "05", "06", "29", "30", "30"]
    empty.add(ledger("2026-09"))
    empty.add(*(charge(f"2026-09-{day}", n) for n, day in enumerate(days)))
    empty.add(charge("2026-10-01", 99), charge("2026-08-31", 98))
    empty.add(ledger("2026-08"), ledger("2026-10"))
    export("--month", "2026-09")
    exported = rows(tmp_path / "focus" / "focus-org-a-2026-09.parquet")
    assert [(row["BilledCost"], f"{row['ChargePeriodStart']:%d}") for row in exported] == [
        *enumerate(days)
    ]


def test_csv_distinguishes_null_from_empty_text_and_writes_utc(empty, tmp_path):
    empty.add(
        ledger("2026-09"),
        charge(
            *("2026-09-30", "12.5"),
            BillingAccountName="",
            SubAccountName='Zoë, "the one"',
            ChargePeriodStart=datetime(2026, 9, 30, 23, 59, 58),
            x_Quantity=Decimal(7),
        ),
    )
    export("--format", "csv")
    content = (tmp_path / "focus" / "focus-org-a-2026-09.csv").read_bytes()
    header, line = content.decode("utf-8").splitlines()
    texts = {
        "BilledCost": "12.500000000000000000",
        "BillingAccountId": "org-a",
        "BillingAccountName": '""',
        "BillingCurrency": "USD",
        "BillingPeriodEnd": "2026-10-01T00:00:00Z",
        "BillingPeriodStart": "2026-09-01T00:00:00Z",
        "ChargePeriodEnd": "2026-10-01T00:00:00Z",
        "ChargePeriodStart": "2026-09-30T23:59:58Z",
        "SubAccountName": '"Zoë, ""the one"""',
        "x_Quantity": "7.000000000",
    }
    assert line == ",".join(texts.get(column, "") for column in header.split(","))


@pytest.mark.parametrize("source", ["warehouse", "lake"])
def test_times_are_utc_in_any_time_zone_of_the_machine(source, warehouse, long_ago, tmp_path):
    lake = put_into_lake(warehouse, tmp_path / "lake", zoned=True)
    arguments = ("--lake", lake) if source == "lake" else ()
    result = run_pipeline(
        *("export", "--to", "there", "--format", "csv", *arguments),
        cwd=tmp_path,
        TZ="America/Los_Angeles",
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert contents(tmp_path / "there", "*.csv") == contents(long_ago / "csv", "*.csv")
    exported = rows(tmp_path / "there" / "focus-org-a-2026-10.csv")
    assert [row["ChargePeriodStart"] for row in exported] == ["2026-10-12T00:00:00Z"]


def test_currencies_of_a_month_have_separate_totals(warehouse, tmp_path, capsys):
    warehouse.add(charge("2026-10-12", "7.125", BillingCurrency="EUR"))
    export()
    printed = capsys.readouterr().out
    assert "exactly 5.000000000000000001 USD" in printed
    assert "7.125 EUR" in printed
    exported = rows(tmp_path / "focus" / "focus-org-a-2026-10.parquet")
    assert sorted((row["BillingCurrency"], row["BilledCost"]) for row in exported) == [
        ("EUR", Decimal("7.125")),
        ("USD", Decimal(3)),
    ]


# ------------------------------------------------------------------ organizations and months


def test_every_organization_has_its_own_files_and_metadata(warehouse, tmp_path, capsys):
    name = 'Übel & "Söhne", [red]Ltd[/red]\n'
    warehouse.add(ledger("2026-09", organization="org-b", name=name))
    warehouse.add(charge("2026-09-02", "8", "org-b", BillingAccountName=name))
    export()
    assert printable(name) in capsys.readouterr().out
    folder = tmp_path / "focus"
    assert names(folder) == {
        *FILES,
        METADATA,
        "focus-org-b-2026-09.parquet",
        "focus-org-b-metadata.json",
    }
    assert [row["BilledCost"] for row in rows(folder / "focus-org-b-2026-09.parquet")] == [8]
    assert len(rows(folder / "focus-org-a-2026-09.parquet")) == 3
    assert tuple(sectors(folder, "TimeSectorEnd")) == MONTHS
    other = "focus-org-b-metadata.json"
    assert tuple(sectors(folder, "TimeSectorEnd", other)) == ("2026-09",)
    instances = [
        read_metadata(folder, name)["DatasetInstance"][0]["DatasetInstanceId"]
        for name in (METADATA, other)
    ]
    assert len(set(instances)) == 2


UNUSUAL_IDS = (
    *("../escaped", "../../escaped", "/escaped", "a/b", "a_b", "a-b", "a%2Fb", "a\\b", "a b"),
    *("..", ".", "~", "*", "?", "a'b", 'a"b', "a\nb", "a\x00b", "Zoë", "東京", "a.parquet", "-rf"),
    *("org-a-2026-09", "org-a", "%", "a:b", "${HOME}", "{}", "[bold]", "%s", "#", ";"),
)


def test_organization_of_any_id_keeps_its_files_in_the_folder(empty, tmp_path):
    empty.add(*(ledger("2026-09", organization=id, name=id) for id in UNUSUAL_IDS))
    empty.add(*(charge("2026-09-01", number, id) for number, id in enumerate(UNUSUAL_IDS)))
    folder = tmp_path / "some" / "where" / "focus"
    around = set(tmp_path.rglob("*"))
    export(to=folder)
    written = set(tmp_path.rglob("*")) - around - {folder, folder.parent, folder.parent.parent}
    assert {path.parent for path in written} == {folder}
    files = list(folder.glob("*.parquet"))
    costs = [(row["BillingAccountId"], row["BilledCost"]) for file in files for row in rows(file)]
    assert sorted(costs) == sorted((id, number) for number, id in enumerate(UNUSUAL_IDS))
    assert len(files) == len(list(folder.glob("*.json"))) == len(UNUSUAL_IDS)
    assert all(path.name.startswith("focus-") for path in written)


def test_only_the_chosen_month_is_written(focus, warehouse, tmp_path):
    warehouse.execute(f"update {MART} set BilledCost = BilledCost + 1")
    before = state(focus)
    export("--month", "2026-09")
    after = state(focus)
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"focus-org-a-2026-09.parquet", METADATA}
    assert {file["filepath"] for file in read_metadata(focus)["data_location"]} == FILES
    (focus / "focus-org-a-2026-08.parquet").unlink()
    export("--month", "2026-09")
    (_, *left) = sorted(FILES)
    assert [file["filepath"] for file in read_metadata(focus)["data_location"]] == left
    export("--month", "2026-10", to="alone")
    assert names(tmp_path / "alone") == {"focus-org-a-2026-10.parquet", METADATA}
    assert tuple(sectors(tmp_path / "alone", "TimeSectorEnd")) == ("2026-10",)


def test_month_of_one_organization_is_written_only_for_it(warehouse, tmp_path):
    warehouse.add(ledger("2026-07", organization="org-b"), charge("2026-07-02", "8", "org-b"))
    export("--month", "2026-07")
    assert names(tmp_path / "focus") == {"focus-org-b-2026-07.parquet", "focus-org-b-metadata.json"}


@pytest.mark.parametrize("format", ["parquet", "csv"])
def test_month_without_charges_has_no_file(format, warehouse, tmp_path, capsys):
    warehouse.execute(f"delete from {MART} where BillingPeriodStart = '2026-09-01'")
    arguments = ("--format", format)
    for month in (None, "2026-09"):
        export(*arguments, *(("--month", month) if month else ()))
        assert ["2026-09", "0", "no", "file"] in printed_rows(capsys)
        assert names(tmp_path / "focus") == {
            *(f"focus-org-a-{month}.{format}" for month in ("2026-08", "2026-10")),
            METADATA,
        }
    complete = sectors(tmp_path / "focus", "TimeSectorComplete")
    assert complete == {"2026-08": False, "2026-09": True, "2026-10": False}
    before = state(tmp_path / "focus")
    export(*arguments)
    assert state(tmp_path / "focus") == before


def test_organization_without_charges_has_only_metadata(empty, tmp_path, capsys):
    empty.add(ledger("2026-08"), ledger("2026-09", loaded=3))
    export()
    assert names(tmp_path / "focus") == {METADATA}
    assert read_metadata(tmp_path / "focus")["data_location"] == []
    assert "  0 charges, exactly 0: as in" in capsys.readouterr().out


# ---------------------------------------------------------------------------- repeated exports


@pytest.mark.parametrize("format", ["parquet", "csv"])
def test_second_run_changes_no_file(format, warehouse, long_ago, tmp_path, capsys):
    """The run changes neither an exported file nor any other file in the folder."""
    folder = Path(shutil.copytree(long_ago / format, tmp_path / "focus"))
    others = {"notes.txt": b"mine", "focus-org-other-2026-09.parquet": b"not ours", ".hidden": b""}
    for name, content in others.items():
        (folder / name).write_bytes(content)
    before = state(folder)
    export("--format", format)
    assert state(folder) == before
    printed = capsys.readouterr().out
    assert printed.count("unchanged") == 3
    assert "written" not in printed


def test_row_order_of_the_models_changes_no_file(focus, warehouse):
    before = state(focus)
    for table in (MART, CHECKS):
        warehouse.execute(f"create or replace table {table} as from {table} order by rowid desc")
    export()
    assert state(focus) == before


@pytest.mark.parametrize("format", ["parquet", "csv"])
@pytest.mark.parametrize(
    "change",
    [
        "BilledCost = BilledCost + 0.000000000000000001",
        "BillingAccountName = ''",
        "ChargePeriodEnd = ChargePeriodEnd + interval 1 second",
    ],
)
def test_restated_day_replaces_the_file_of_its_month_and_the_metadata(
    change, format, warehouse, long_ago, tmp_path, capsys
):
    folder = Path(shutil.copytree(long_ago / format, tmp_path / "focus"))
    before = state(folder)
    warehouse.execute(f"update {MART} set {change} where ChargePeriodStart = '2026-09-30'")
    export("--format", format)
    after = state(folder)
    changed = {name for name in after if after[name] != before.get(name)}
    assert changed == {f"focus-org-a-2026-09.{format}", METADATA}
    assert names(folder) == set(before)
    assert [words[-2] for words in printed_rows(capsys)] == ["unchanged", "written", "unchanged"]
    updated = sectors(folder, "TimeSectorLastUpdated")
    assert updated.pop("2026-09") > LONG_AGO
    assert set(updated.values()) == {LONG_AGO}
    metadata = read_metadata(folder)
    assert metadata["Schema"][0]["CreationDate"] == LONG_AGO
    assert metadata["Recency"][0]["DatasetInstanceLastUpdated"] > LONG_AGO
    assert metadata["Recency"][0]["RecencyLastUpdated"] > LONG_AGO


def test_file_that_is_replaced_while_it_is_read_can_be_read_to_its_end(focus, warehouse):
    changing = ("focus-org-a-2026-09.parquet", METADATA)
    before = state(focus)
    warehouse.execute(f"update {MART} set BilledCost = 5 where BillingPeriodStart = '2026-09-01'")
    with contextlib.ExitStack() as stack:
        reading = {
            name: stack.enter_context((focus / name).open("rb", buffering=0)) for name in changing
        }
        export()
        for name, file in reading.items():
            content, _, _ = before[name]
            assert file.read() == content
            assert (focus / name).read_bytes() != content


def test_one_of_two_equal_charges_that_disappears_changes_the_file(focus, warehouse):
    warehouse.execute(f"""
        delete from {MART} where rowid = (
            select min(rowid) from {MART} where SubAccountName = 'Zoë'
        )
    """)
    export()
    assert len(rows(focus / "focus-org-a-2026-09.parquet")) == 2


@pytest.mark.parametrize("format", ["parquet", "csv"])
def test_month_that_loses_its_charges_is_a_file_without_charges(
    format, warehouse, long_ago, tmp_path, capsys
):
    folder = Path(shutil.copytree(long_ago / format, tmp_path / "focus"))
    before = state(folder)
    warehouse.execute(f"delete from {MART} where BillingPeriodStart = '2026-09-01'")
    file = folder / f"focus-org-a-2026-09.{format}"
    export("--format", format)
    assert ["2026-09", "0", "written", file.name] in printed_rows(capsys)
    after = state(folder)
    assert rows(file) == []
    assert {name for name in after if after[name] != before[name]} == {file.name, METADATA}
    locations = {each["filepath"]: each for each in read_metadata(folder)["data_location"]}
    assert locations[file.name]["total_rows"] == 0
    assert sectors(folder, "TimeSectorLastUpdated")["2026-09"] > LONG_AGO
    if format == "parquet":
        assert pq.read_schema(file) == pq.read_schema(folder / "focus-org-a-2026-10.parquet")
    else:
        header, _ = (folder / "focus-org-a-2026-10.csv").read_text("utf-8").splitlines()
        assert file.read_text("utf-8") == f"{header}\n"
    # A tool may read the folder only after several exports.
    export("--format", format)
    assert state(folder) == after


def test_month_that_loses_its_charges_is_empty_in_another_format_too(focus, warehouse):
    warehouse.execute(f"delete from {MART} where BillingPeriodStart = '2026-09-01'")
    export("--format", "csv")
    assert contents(focus) == {}
    assert rows(focus / "focus-org-a-2026-09.csv") == []


@pytest.mark.parametrize("format", ["parquet", "csv"])
def test_month_whose_file_was_moved_is_emptied_once(format, focus, warehouse):
    """A tool may move the files that it has read: only the metadata know them then."""
    warehouse.execute(f"delete from {MART} where BillingPeriodStart = '2026-09-01'")
    (focus / "focus-org-a-2026-09.parquet").unlink()
    emptied = focus / f"focus-org-a-2026-09.{format}"
    export("--format", format)
    assert rows(emptied) == []
    emptied.unlink()
    export("--format", format)
    assert not emptied.exists()
    listed = [location["filepath"] for location in read_metadata(focus)["data_location"]]
    assert emptied.name not in listed


def test_file_of_a_month_that_is_no_longer_loaded_stays(focus, warehouse, capsys):
    """`keep_months` removed the month: its charges are not known any more, but did not vanish."""
    warehouse.execute(f"delete from {MART} where BillingPeriodStart = '2026-09-01'")
    warehouse.execute(f"delete from {CHECKS} where period_start = '2026-09-01'")
    warehouse.add(ledger("2026-09", loaded=0, expected=30))
    before = state(focus)
    export()
    assert state(focus) == before
    assert "2026-09 is not loaded" in refused(
        capsys, *("export", "--to", "focus", "--month", "2026-09"), code=2
    )


def test_month_that_becomes_complete_changes_only_the_metadata(focus, warehouse):
    before = state(focus)
    warehouse.execute(f"delete from {CHECKS} where period_start = '2026-10-01'")
    warehouse.add(ledger("2026-10"), ledger("2026-11", loaded=1))
    export()
    after = state(focus)
    assert {name for name in before if after[name] != before[name]} == {METADATA}
    assert names(focus) == set(before)
    assert sectors(focus, "TimeSectorComplete") == {
        **{"2026-08": False, "2026-09": True, "2026-10": True, "2026-11": False}
    }
    updated = sectors(focus, "TimeSectorLastUpdated")
    assert updated.pop("2026-11") > LONG_AGO
    assert set(updated.values()) == {LONG_AGO}


def test_files_that_are_missing_or_damaged_are_written_again(focus):
    complete = contents(focus)
    missing, no_parquet, cut = (focus / name for name in sorted(FILES))
    missing.unlink()
    no_parquet.write_bytes(b"PAR1" + b"\0" * 99 + b"PAR1")
    cut.write_bytes(cut.read_bytes()[:-9])
    export()
    assert contents(focus) == complete


def test_file_with_one_changed_digit_is_written_again(warehouse, long_ago, tmp_path):
    path = Path(shutil.copytree(long_ago / "csv", tmp_path / "focus")) / "focus-org-a-2026-10.csv"
    original = path.read_bytes()
    path.write_bytes(original.replace(b"3.000000000000000000", b"3.000000000000000001"))
    assert path.read_bytes() != original
    export("--format", "csv")
    assert path.read_bytes() == original


def test_export_in_another_format_replaces_the_files_of_the_first(focus, warehouse):
    warehouse.execute(f"update {MART} set BilledCost = BilledCost + 1")
    export("--format", "csv")
    locations = read_metadata(focus)["data_location"]
    charges = sum(location["total_rows"] for location in locations)
    assert [(charges,)] == warehouse.execute(f"select count(*) from {MART}")


# --------------------------------------------------------------------------------- the metadata


def test_metadata_has_the_objects_of_focus(warehouse, tmp_path):
    began = datetime.now(UTC).replace(microsecond=0)
    export()
    ended = datetime.now(UTC)
    folder = tmp_path / "focus"
    metadata = read_metadata(folder)
    assert set(metadata) == {
        *("DataGenerator", "DatasetInstance", "Schema", "Recency", "data_location")
    }
    assert metadata["DataGenerator"]["DataGenerator"]
    (instance,) = metadata["DatasetInstance"]
    assert instance["FocusDatasetId"] == "CostAndUsage"
    assert "Acme" in instance["DatasetInstanceName"]
    (schema,) = metadata["Schema"]
    (recency,) = metadata["Recency"]
    assert schema["FocusVersion"] == FOCUS_VERSION
    assert schema["SchemaId"]
    assert schema["DataGeneratorVersion"]
    assert schema["DatasetInstanceId"] == instance["DatasetInstanceId"]
    assert recency["DatasetInstanceId"] == instance["DatasetInstanceId"]
    moments = {
        schema["CreationDate"],
        recency["RecencyLastUpdated"],
        recency["DatasetInstanceLastUpdated"],
        *sectors(folder, "TimeSectorLastUpdated").values(),
    }
    for moment in moments:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", moment)
        assert began <= datetime.fromisoformat(moment) <= ended
    assert sectors(folder, "TimeSectorEnd") == {
        "2026-08": "2026-09-01T00:00:00Z",
        "2026-09": "2026-10-01T00:00:00Z",
        "2026-10": "2026-11-01T00:00:00Z",
    }
    assert [sector["TimeSectorStart"] for sector in recency["TimeSectors"]] == [
        f"{month}-01T00:00:00Z" for month in MONTHS
    ]
    assert metadata["data_location"] == [
        {
            "filepath": f"focus-org-a-{month}.parquet",
            "total_bytes": (folder / f"focus-org-a-{month}.parquet").stat().st_size,
            "total_rows": count,
        }
        for month, count in zip(MONTHS, (2, 3, 1), strict=True)
    ]


def test_metadata_defines_every_column_of_the_files(warehouse, tmp_path):
    export()
    (schema,) = read_metadata(tmp_path / "focus")["Schema"]
    fields = pq.read_schema(tmp_path / "focus" / "focus-org-a-2026-09.parquet")
    columns = schema["ColumnDefinition"]
    defined = {column["ColumnName"]: column for column in columns}
    assert [column["ColumnName"] for column in columns] == fields.names
    for field in fields:
        of_type = defined[field.name]["DataType"]
        if pa.types.is_decimal(field.type):
            assert of_type == "DECIMAL"
            assert defined[field.name]["NumericPrecision"] == 38
            assert defined[field.name]["NumberScale"] == (9 if field.name == "x_Quantity" else 18)
        elif pa.types.is_timestamp(field.type):
            assert of_type == "DATETIME"
        else:
            assert of_type in {"STRING", "JSON"}
            assert defined[field.name]["StringEncoding"] == "UTF-8"
    assert {name for name, column in defined.items() if column["DataType"] == "JSON"} == {
        *("AllocatedMethodDetails", "AllocatedTags", "CommitmentProgramEligibilityDetails"),
        *("ContractApplied", "SkuPriceDetails", "Tags"),
    }
    assert defined["Tags"]["ProviderTagPrefixes"] == []


LEDGERS = {
    "complete": [ledger("2026-09"), ledger("2026-10", loaded=1)],
    "28 days of February": [ledger("2026-02"), ledger("2026-03", loaded=1)],
    "complete, and the last month of a year": [ledger("2025-12"), ledger("2026-01", loaded=1)],
    "all its days are loaded, the next month is not": [ledger("2026-09")],
    "a day is missing": [ledger("2026-09", 29, expected=30), ledger("2026-10", loaded=1)],
    "its first day is not loaded": [ledger("2026-09", loaded=29), ledger("2026-10", loaded=1)],
}


def test_month_is_complete_if_all_days_are_loaded_and_a_later_month_follows(empty, tmp_path):
    """Each case is an organization, because months of other organizations do not count."""
    for number, records in enumerate(LEDGERS.values()):
        organization = f"org-{number}"
        empty.add(*((table, {**row, "organization_id": organization}) for table, row in records))
    export()
    results = {}
    for number, case in enumerate(LEDGERS):
        complete = sectors(
            tmp_path / "focus", "TimeSectorComplete", f"focus-org-{number}-metadata.json"
        )
        results[case] = list(complete.values())
    assert results == {
        "complete": [True, False],
        "28 days of February": [True, False],
        "complete, and the last month of a year": [True, False],
        "all its days are loaded, the next month is not": [False],
        "a day is missing": [False, False],
        "its first day is not loaded": [False, False],
    }


def test_schema_with_other_columns_has_a_new_creation_date(focus):
    (schema,) = read_metadata(focus)["Schema"]
    text = (focus / METADATA).read_text(encoding="utf-8")
    other = text.replace('"x_Meter"', '"x_Metre"').replace(schema["SchemaId"], "another id")
    (focus / METADATA).write_text(other, encoding="utf-8")
    export()
    (now,) = read_metadata(focus)["Schema"]
    assert now["CreationDate"] > LONG_AGO
    assert now == {**schema, "CreationDate": now["CreationDate"]}
    assert set(sectors(focus, "TimeSectorLastUpdated").values()) == {LONG_AGO}


def with_number(key):
    """Return a function that replaces the times of this key with a number."""
    return lambda content: re.sub(rf'"{key}": *"[^"]*"'.encode(), f'"{key}": 5'.encode(), content)


BROKEN = {
    "nothing": "",
    "no JSON": "{ not JSON",
    "no UTF-8": lambda content: b"\xff\xfe\x00",
    "the first half": lambda content: content[: len(content) // 2],
    "null": "null",
    "a number": "7",
    "a text": '"Schema"',
    "a list": "[]",
    "an empty object": "{}",
    "nulls": '{"Schema": null, "Recency": null, "data_location": null, "DatasetInstance": null}',
    "numbers": '{"Schema": 1, "Recency": 2, "data_location": 3, "DatasetInstance": 4}',
    "empty lists": '{"Schema": [], "Recency": [], "data_location": [], "DatasetInstance": []}',
    "lists of nulls": '{"Schema": [null], "Recency": [null], "data_location": [null]}',
    "lists of texts": '{"Schema": ["a"], "Recency": ["b"], "data_location": ["c"]}',
    "empty objects": '{"Schema": [{}], "Recency": [{}], "data_location": [{}]}',
    "objects": '{"Schema": {}, "Recency": {"TimeSectors": []}, "data_location": {}}',
    "no sectors": '{"Schema": [{"SchemaId": 1}], "Recency": [{"TimeSectors": null}]}',
    "other sectors": '{"Schema": [{}], "Recency": [{"TimeSectors": [1, null, "a", [], {}]}]}',
    "a sector of numbers": """{"Schema": [{"SchemaId": [], "CreationDate": 5}], "Recency":
        [{"TimeSectors": [{"TimeSectorStart": [], "TimeSectorLastUpdated": {}}]}],
        "data_location": [{"filepath": {}, "total_bytes": "x"}]}""",
    "a large number": "1" * 5_000,
    "nested too deeply": "[" * 100_000,
    "a schema created at a number": with_number("CreationDate"),
    "sectors updated at numbers": with_number("TimeSectorLastUpdated"),
}


def without_moments(metadata):
    return json.loads(re.sub(rf'"({MOMENTS})": *"[^"]*"', r'"\1": ""', json.dumps(metadata)))


def test_metadata_that_cannot_be_understood_is_replaced(empty, tmp_path):
    """Each case is an organization."""
    folder = tmp_path / "focus"
    empty.add(*(ledger("2026-09", organization=f"org-{n}") for n in range(len(BROKEN))))
    empty.add(*(charge("2026-09-01", 1, f"org-{n}") for n in range(len(BROKEN))))
    export()
    paths = [folder / f"focus-org-{n}-metadata.json" for n in range(len(BROKEN))]
    originals = [read_metadata(folder, path.name) for path in paths]
    data = contents(folder)
    for path, broken in zip(paths, BROKEN.values(), strict=True):
        path.write_bytes(broken(path.read_bytes()) if callable(broken) else broken.encode())
    export()
    for case, path, before in zip(BROKEN, paths, originals, strict=True):
        metadata = read_metadata(folder, path.name)
        assert without_moments(metadata) == without_moments(before), case
    assert contents(folder) == data
    assert len(names(folder)) == 2 * len(BROKEN)


# -------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["export"], "--to"),
        (["export", "--to", "focus", "--month", "2026-13"], "2026-13"),
        (["export", "--to", "focus", "--month", "2026-9"], "2026-9"),
        (["export", "--to", "focus", "--month", "2026-09-01"], "2026-09-01"),
        (["export", "--to", "focus", "--month", "2026W09"], "2026W09"),
        (["export", "--to", "focus", "--month", ""], "--month"),
        (["export", "--to", "focus", "--month", "2026-07"], "2026-07 is not loaded"),
        (["export", "--to", "focus", "--format", "xlsx"], "xlsx"),
        (["export", "--to", "focus", "--lake", "nowhere"], "nowhere"),
        (["export", "--to", "focus", "--since", "2026-09-01"], "--since"),
        (["export", "--to", "focus", "--user", "user-1"], "--user"),
        (["export", "--to", "focus", "--json"], "--json"),
        (["status", "--to", "focus"], "--to"),
        (["models", "--to", "focus"], "--to"),
        (["--to", "focus"], "--to"),
        (["status", "--format", "csv"], "--format"),
        (["status", "--format", "parquet"], "--format"),
        (["status", "--month", "2026-09"], "--month"),
        (["status", "--lake", "lake"], "--lake"),
    ],
)
def test_usage_error_writes_nothing(arguments, text, warehouse, tmp_path, capsys):
    before = set(tmp_path.iterdir())
    assert text in refused(capsys, *arguments, code=2)
    assert set(tmp_path.iterdir()) == before


def test_empty_folder_name_is_refused(warehouse, tmp_path, capsys):
    """For example `--to "$FOLDER"` with an unset variable."""
    refused(capsys, "export", "--to", "", code=2)


def test_empty_lake_name_is_refused(warehouse, capsys):
    refused(capsys, "export", "--to", "focus", "--lake", "", code=2)


def test_warehouse_that_does_not_exist_is_named_and_not_created(tmp_path, capsys):
    message = refused(capsys, "export", "--to", "focus", code=1)
    assert "openai_costs.duckdb" in message
    assert not (tmp_path / "focus").exists()
    assert not (tmp_path / "openai_costs.duckdb").exists()


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(f"drop table {MART}; drop table {CHECKS}", id="no models"),
        pytest.param(f"drop table {MART}", id="no focus_costs"),
        pytest.param(f"drop table {CHECKS}", id="no reconciliation"),
        pytest.param("drop schema openai_marts cascade", id="no schema of models"),
    ],
)
def test_missing_models_name_the_command_that_builds_them(damage, warehouse, tmp_path, capsys):
    warehouse.execute(damage)
    assert "python pipeline.py models" in refused(capsys, "export", "--to", "focus", code=1)
    assert not list((tmp_path / "focus").glob("*"))


def test_models_without_days_are_refused(warehouse, tmp_path, capsys):
    warehouse.execute(f"delete from {MART}; delete from {CHECKS}")
    refused(capsys, "export", "--to", "focus", code=1)
    assert not list((tmp_path / "focus").glob("*"))


OLD_MODELS = (
    f'alter table {MART} drop column "SkuMeter"',
    f"alter table {CHECKS} drop column actual",
)


@pytest.mark.parametrize("damage", OLD_MODELS)
def test_outdated_models_name_the_command_and_leave_the_files(damage, focus, warehouse, capsys):
    before = state(focus)
    warehouse.execute(damage)
    assert "python pipeline.py models" in refused(capsys, "export", "--to", "focus", code=1)
    assert state(focus) == before


def test_charges_of_a_month_without_a_ledger_are_not_skipped_silently(warehouse, tmp_path, capsys):
    warehouse.add(charge("2026-07-01", "9"))
    code = main(["export", "--to", "focus"])
    costs = [
        row["BilledCost"] for path in (tmp_path / "focus").glob("*.parquet") for row in rows(path)
    ]
    assert code == 1 or Decimal(9) in costs


def test_target_that_is_a_file_is_named(warehouse, tmp_path, capsys):
    (tmp_path / "focus").write_text("mine")
    assert "focus" in refused(capsys, "export", "--to", "focus", code=1)
    assert (tmp_path / "focus").read_text() == "mine"


@pytest.mark.parametrize("name", ["focus-org-a-2026-09.parquet", METADATA])
def test_folder_in_the_place_of_a_file_is_an_error(name, focus, warehouse, capsys):
    (focus / name).unlink()
    (focus / name).mkdir()
    warehouse.execute(f"update {MART} set BilledCost = BilledCost + 1")
    refused(capsys, "export", "--to", "focus", code=1)
    assert (focus / name).is_dir()
    assert names(focus) == {*FILES, METADATA}


def process(forking, folder, *arguments, first):
    """Run the command in a forked process; return its exit code and its error output.

    Its environment contains a key, which it must not print.
    """
    started = forking.start(
        *map(str, arguments),
        cwd=folder,
        environment={**os.environ, "OPENAI_ADMIN_KEY": SECRET},
        first=first,
    )
    printed, message = started.communicate()
    assert SECRET not in printed + message
    return started.returncode, message


def test_read_only_folder_is_named_and_unchanged(forking, focus, warehouse, tmp_path):
    if os.geteuid() == 0 and sys.platform != "linux":
        pytest.skip("permissions do not hold for root")
    warehouse.execute(f"update {MART} set BilledCost = BilledCost + 1")
    before = state(focus)
    focus.chmod(0o555)
    try:
        code, message = process(
            forking, tmp_path, "export", "--to", "focus", first=("obey_permissions",)
        )
    finally:
        focus.chmod(0o755)
    assert code == 1
    assert "focus" in sentence(message)
    assert state(focus) == before


def test_read_only_warehouse_is_exported_or_named(forking, warehouse, tmp_path):
    if os.geteuid() == 0 and sys.platform != "linux":
        pytest.skip("permissions do not hold for root")
    warehouse.path.chmod(0o444)
    code, message = process(
        forking, tmp_path, "export", "--to", "focus", first=("obey_permissions",)
    )
    assert code == 0 or str(warehouse.path) in sentence(message)


def test_warehouse_that_is_open_in_another_program_is_refused(warehouse, capsys):
    with open_elsewhere(warehouse.path):
        message = refused(capsys, "export", "--to", "focus", code=1)
    assert "open in another program" in message


# -------------------------------------------------------------------- interruptions, full disks


def export_until_end(forking, folder, first):
    """Export one month to a folder; return the exit code and the error output.

    `first` makes the process end early.
    """
    return process(
        forking, folder.parent, "export", "--to", folder, "--month", "2026-09", first=first
    )


@pytest.fixture(params=["restated"])
def restated(request, focus, warehouse, tmp_path):
    """The files exported before one month changed, and the files of a complete export."""
    before = contents(focus)
    change = f"update {MART} set BilledCost = 5"
    if request.param == "emptied":
        change = f"delete from {MART}"
    warehouse.execute(f"{change} where BillingPeriodStart = '2026-09-01'")
    complete = Path(shutil.copytree(focus, tmp_path / "complete"))
    export(to=complete)
    return before, contents(complete)


def assert_files_complete(folder, before, after):
    """Check that each file is unchanged or complete, and that no other file looks exported."""
    data = contents(folder)
    assert set(data) == FILES
    assert all(content in (before[name], after[name]) for name, content in data.items())
    assert list(folder.glob("*.csv")) == []
    assert [path.name for path in folder.glob("*.json")] == [METADATA]
    assert tuple(sectors(folder, "TimeSectorEnd")) == MONTHS


def assert_complete(folder, after):
    assert contents(folder) == after
    assert [path.name for path in folder.glob("*.json")] == [METADATA]
    locations = read_metadata(folder)["data_location"]
    sizes = {location["filepath"]: location["total_bytes"] for location in locations}
    assert sizes == {name: len(content) for name, content in after.items()}


@pytest.mark.parametrize("restated", ["restated", "emptied"], indirect=True)
def test_killed_run_leaves_complete_files_and_the_next_run_completes(
    forking, restated, focus, tmp_path
):
    before, after = restated
    states = []
    for step in range(1, 100):
        folder = Path(shutil.copytree(focus, tmp_path / f"killed-{step}"))
        code, _ = export_until_end(
            forking, folder, ("signal_before_step", str(folder), step, signal.SIGKILL)
        )
        if code == 0:
            break
        assert code == -signal.SIGKILL
        assert_files_complete(folder, before, after)
        next_run_completes(folder, after, states)
    assert step > 5
    assert code == 0
    assert {state == before for state in (parquet_of(left) for left in states)} == {True, False}


def next_run_completes(folder, after, states):
    """Export all months to the folder, unless an earlier run left the same files."""
    if (left := contents(folder, "*")) not in states:
        states.append(left)
        export(to=folder)
        assert_complete(folder, after)


def parquet_of(files):
    return {name: content for name, content in files.items() if name in FILES}


def test_failed_run_leaves_complete_files_and_nothing_else(forking, restated, focus, tmp_path):
    """The disk is full, or the run is interrupted.

    A run that is killed because a file grows too large may leave a temporary file.
    """
    before, after = restated
    metadata = (focus / METADATA).stat().st_size
    largest = max(map(len, after.values()))
    sizes = (0, largest // 2, min(metadata, largest) - 1)
    ways = [
        *(("limit_file_size", size) for size in sizes),
        ("limit_file_size", sizes[1], True),
        *(("signal_before_step", step, signal.SIGINT) for step in (2, 4)),
    ]
    states = []
    for number, (function, *values) in enumerate(ways):
        folder = Path(shutil.copytree(focus, tmp_path / f"failed-{number}"))
        if function == "signal_before_step":
            values = [str(folder), *values]
        code, message = export_until_end(forking, folder, (function, *values))
        assert_files_complete(folder, before, after)
        if values[-1] is True:
            assert code == -signal.SIGXFSZ
        else:
            assert code == 1
            sentence(message)
            assert names(folder) == {*FILES, METADATA}
        next_run_completes(folder, after, states)


def test_first_run_on_a_full_disk_leaves_no_file(forking, warehouse, tmp_path):
    arguments = ("export", "--to", "focus", "--format", "csv")
    code, message = process(forking, tmp_path, *arguments, first=("limit_file_size", 1000))
    assert code == 1
    sentence(message)
    assert not list((tmp_path / "focus").glob("*"))


def test_month_that_a_failed_run_replaced_has_a_new_update_time(focus, warehouse, capsys):
    warehouse.execute(f"update {MART} set BilledCost = 5 where BillingPeriodStart >= '2026-09-01'")
    blocked = focus / "focus-org-a-2026-10.parquet"
    blocked.unlink()
    blocked.mkdir()
    refused(capsys, "export", "--to", "focus", code=1)
    blocked.rmdir()
    export()
    updated = sectors(focus, "TimeSectorLastUpdated")
    assert updated.pop("2026-08") == LONG_AGO
    assert min(updated.values()) > LONG_AGO


def test_month_that_a_killed_run_replaced_has_a_new_update_time(focus, warehouse):
    metadata = (focus / METADATA).read_bytes()
    warehouse.execute(
        f"delete from {MART} where BillingPeriodStart = '2026-09-01' and BilledCost > 0"
    )
    export()
    (focus / METADATA).write_bytes(metadata)
    export()
    updated = sectors(focus, "TimeSectorLastUpdated")
    assert updated.pop("2026-09") > LONG_AGO
    assert set(updated.values()) == {LONG_AGO}


# ------------------------------------------------------------------------------------- the lake


def put_into_lake(warehouse, folder, lower=False, zoned=False, parts=1, nested=False, **settings):
    """Write the models as Parquet files, in one of the formats that engines write."""
    with duckdb.connect(str(warehouse.path), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        for table in ("focus_costs", "reconciliation"):
            arrow = connection.sql(f"from openai_marts.{table}").to_arrow_table()
            for n, field in enumerate(arrow.schema):
                if zoned and pa.types.is_timestamp(field.type):
                    utc = arrow.column(n).cast(pa.timestamp("us", "UTC"))
                    arrow = arrow.set_column(n, field.name, utc)
            if lower:
                arrow = arrow.rename_columns([name.lower() for name in arrow.column_names])
            for part in range(parts):
                inside = folder / table / (f"part={part}" if nested else "")
                inside.mkdir(parents=True, exist_ok=True)
                share = arrow.take(pa.array(range(part, arrow.num_rows, parts), pa.int64()))
                pq.write_table(share, inside / f"part-{part:05}.snappy.parquet", **settings)
            (folder / table / "_SUCCESS").touch()
    return folder


LAKES = {
    "unchanged": {},
    "lower-cased": {"lower": True},
    "with time zone": {"zoned": True},
    "several files": {"parts": 3},
    "folders of parts": {"parts": 2, "nested": True},
    "all of them": {"lower": True, "zoned": True, "parts": 4, "nested": True},
    "INT96 times, as Spark writes": {"use_deprecated_int96_timestamps": True, "lower": True},
    "nanoseconds": {"coerce_timestamps": None, "version": "2.6"},
    "milliseconds": {"coerce_timestamps": "ms"},
}


@pytest.mark.parametrize("how", LAKES)
def test_lake_and_warehouse_export_equal_files(how, warehouse, long_ago, tmp_path):
    lake = put_into_lake(warehouse, tmp_path / "lake", **LAKES[how])
    warehouse.path.unlink()
    export("--lake", lake)
    assert contents(tmp_path / "focus") == contents(long_ago / "parquet")
    metadata, expected = map(read_metadata, (tmp_path / "focus", long_ago / "parquet"))
    assert without_moments(metadata) == without_moments(expected)


def test_export_of_an_equal_lake_changes_no_file(focus, warehouse, tmp_path):
    lake = put_into_lake(warehouse, tmp_path / "lake", **LAKES["all of them"])
    before = state(focus)
    export("--lake", lake)
    assert state(focus) == before


def test_lake_and_warehouse_export_equal_csv(warehouse, long_ago, tmp_path):
    lake = put_into_lake(warehouse, tmp_path / "lake", **LAKES["all of them"])
    export("--format", "csv", "--lake", lake)
    assert contents(tmp_path / "focus", "*.csv") == contents(long_ago / "csv", "*.csv")


@pytest.mark.parametrize(
    "name",
    [
        "it's my lake*? Sée = 100% {a,b}",
        "lake [1]",
    ],
)
def test_lake_with_any_name_is_read(name, warehouse, tmp_path):
    lake = put_into_lake(warehouse, tmp_path / name)
    export("--lake", lake)
    assert names(tmp_path / "focus") == {*FILES, METADATA}


def test_lake_is_read_by_its_url(focus, warehouse, tmp_path):
    lake = put_into_lake(warehouse, tmp_path / "lake", parts=2, nested=True)
    before = state(focus)
    for url in (lake.as_uri(), f"{lake.as_uri()}/", f"local://{lake}"):
        export("--lake", url)
    assert state(focus) == before


def test_months_of_the_lake_are_its_own(warehouse, tmp_path, capsys):
    lake = put_into_lake(warehouse, tmp_path / "lake")
    warehouse.add(ledger("2026-11", loaded=1))
    assert "2026-10" in refused(
        capsys, *("export", "--to", "focus", "--lake", lake, "--month", "2026-11"), code=2
    )
    export("--lake", lake, "--month", "2026-09")
    assert names(tmp_path / "focus") == {"focus-org-a-2026-09.parquet", METADATA}


def no_reconciliation(lake):
    shutil.rmtree(lake / "reconciliation")


def no_costs(lake):
    shutil.rmtree(lake / "focus_costs")


def no_parquet(lake):
    next((lake / "focus_costs").glob("*.parquet")).write_bytes(b"no Parquet at all")


def truncated(lake):
    path = next((lake / "focus_costs").glob("*.parquet"))
    path.write_bytes(path.read_bytes()[:-200])


@pytest.mark.parametrize("damage", [no_reconciliation, no_costs, no_parquet, truncated])
def test_unreadable_lake_is_named_and_nothing_is_written(damage, warehouse, tmp_path, capsys):
    lake = put_into_lake(warehouse, tmp_path / "lake")
    damage(lake)
    message = refused(capsys, "export", "--to", "focus", "--lake", lake, code=2)
    assert str(lake) in message
    assert not list((tmp_path / "focus").glob("*"))


@pytest.mark.parametrize("lake", ["nofilesystem://bucket/lake", "file:///nowhere", "memory://"])
def test_missing_lake_is_refused(lake, tmp_path, capsys):
    refused(capsys, "export", "--to", "focus", "--lake", lake, code=2)
    assert not (tmp_path / "focus").exists()


def test_lake_with_amounts_as_floats_is_refused_and_nothing_is_written(warehouse, tmp_path, capsys):
    warehouse.add(charge("2026-08-28", "0.1"), charge("2026-08-28", "0.2"))
    lake = put_into_lake(warehouse, tmp_path / "lake")
    path = next((lake / "focus_costs").glob("*.parquet"))
    table = pq.read_table(path)
    at = table.column_names.index("BilledCost")
    pq.write_table(table.set_column(at, "BilledCost", table[at].cast(pa.float64())), path)
    refused(capsys, "export", "--to", "focus", "--lake", lake, code=1)
    assert not list((tmp_path / "focus").glob("*"))


@pytest.mark.parametrize("column", ["SkuMeter", "BillingAccountId", "actual"])
def test_lake_of_outdated_models_is_refused(column, warehouse, tmp_path, capsys):
    warehouse.execute(f"alter table {CHECKS if column == 'actual' else MART} drop column {column}")
    lake = put_into_lake(warehouse, tmp_path / "lake", lower=True)
    message = refused(capsys, "export", "--to", "focus", "--lake", lake, code=1)
    assert str(lake) in message


def test_lake_with_damaged_rows_is_refused(focus, warehouse, tmp_path, capsys):
    before = state(focus)
    lake = put_into_lake(warehouse, tmp_path / "lake")
    path = next((lake / "focus_costs").glob("*.parquet"))
    content = path.read_bytes()
    path.write_bytes(content[:4] + b"\xff" * 2000 + content[2004:])
    message = refused(capsys, "export", "--to", "focus", "--lake", lake, code=1)
    assert str(lake) in message
    assert state(focus) == before


def test_full_disk_during_the_export_of_a_lake_is_an_error(forking, warehouse, tmp_path):
    lake = put_into_lake(warehouse, tmp_path / "lake")
    arguments = ("export", "--to", "focus", "--lake", lake, "--format", "csv")
    code, message = process(forking, tmp_path, *arguments, first=("limit_file_size", 1000))
    assert code == 1
    assert not list((tmp_path / "focus").glob("*"))
    sentence(message)
