"""`python pipeline.py export`: FOCUS files, exact and whole, and left alone if nothing changed.

Small warehouses are written by hand here, in tables that have the columns of the demo's.
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

from pipeline import main

MART = "openai_marts.focus_costs"
CHECKS = "openai_marts.reconciliation"
METADATA = "focus-org-a-metadata.json"
MONTHS = ("2026-08", "2026-09", "2026-10")
FILES = {f"focus-org-a-{month}.parquet" for month in MONTHS}
TIMESTAMPS = ("BillingPeriodEnd", "BillingPeriodStart", "ChargePeriodEnd", "ChargePeriodStart")
LONG_AGO = "2026-01-02T03:04:05Z"
SECRET = "sk-admin-of-nobody-Xq7Lm2Rt9Vb4Zk8"


class Books:
    """A warehouse of a few charges."""

    def __init__(self, path):
        self.path = path

    def execute(self, sql, *values):
        with duckdb.connect(str(self.path)) as connection:
            return connection.execute(sql, values).fetchall()

    def add(self, *records):
        """Charges and months."""
        with duckdb.connect(str(self.path)) as connection:
            for table, record in records:
                columns, places = ", ".join(record), ", ".join("?" * len(record))
                statement = f"insert into {table} ({columns}) values ({places})"
                connection.execute(statement, list(record.values()))


def charge(day, cost, organization="org-a", **columns):
    """One charge; what is not named is null."""
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
    """What the ledger says of a month: all of its days, or so many of those it should have."""
    first = date.fromisoformat(f"{month}-01")
    loaded = loaded or (next_month(first) - first).days
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
        "status": "equal" if loaded == expected else "different",
    }


def next_month(day):
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


@pytest.fixture(scope="module")
def no_charges(demo, tmp_path_factory):
    path = tmp_path_factory.mktemp("books") / "no_charges.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"attach '{demo[0] / 'demo.duckdb'}' as demo (read_only)")
        connection.execute("create schema openai_marts; create schema openai_raw")
        for table in (MART, CHECKS, "openai_raw.cost_days"):
            connection.execute(f"create table {table} as from demo.{table} limit 0")
        complete_models(connection)
    return path


@pytest.fixture
def empty(no_charges, tmp_path):
    """The tables without a row, where the command looks for them."""
    return Books(Path(shutil.copy(no_charges, tmp_path / "openai_costs.duckdb")))


@pytest.fixture(scope="module")
def long_ago(no_charges, tmp_path_factory):
    """Three months, the first of which has lost its first days and the last of which runs; and the
    files that were exported of them long ago, if one believes the metadata."""
    folder = tmp_path_factory.mktemp("long_ago")
    Books(shutil.copy(no_charges, folder / "openai_costs.duckdb")).add(
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
def books(long_ago, tmp_path):
    return Books(Path(shutil.copy(long_ago / "openai_costs.duckdb", tmp_path)))


@pytest.fixture
def focus(books, long_ago, tmp_path):
    return Path(shutil.copytree(long_ago / "parquet", tmp_path / "focus"))


MOMENTS = "CreationDate|RecencyLastUpdated|DatasetInstanceLastUpdated|TimeSectorLastUpdated"


def rewrite(metadata, moment):
    """Put one moment in the place of each moment of writing."""
    text = metadata.read_text(encoding="utf-8")
    text, times = re.subn(rf'("(?:{MOMENTS})": *)"[^"]*"', rf'\1"{moment}"', text)
    assert times > 3
    metadata.write_text(text, encoding="utf-8")


def export(*arguments, to="focus"):
    assert main(["export", "--to", str(to), *map(str, arguments)]) == 0


def refused(capsys, *arguments, code):
    """The one line that is said to it."""
    capsys.readouterr()
    assert main(list(map(str, arguments))) == code
    return sentence(capsys.readouterr().err)


def sentence(said):
    assert "Traceback" not in said
    assert SECRET not in said
    assert len(said.splitlines()) == 1
    return said


def state(folder):
    """Each file, byte by byte, and whether it was touched."""
    return {
        path.name: (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino)
        for path in folder.iterdir()
    }


def names(folder):
    return {path.name for path in folder.iterdir()}


def contents(folder, pattern="*.parquet"):
    return {path.name: path.read_bytes() for path in folder.glob(pattern)}


def read_metadata(folder, name=METADATA):
    return json.loads((folder / name).read_text(encoding="utf-8"))


def sectors(folder, key, name=METADATA):
    """What the metadata says of each month."""
    (recency,) = read_metadata(folder, name)["Recency"]
    return {sector["TimeSectorStart"][:7]: sector[key] for sector in recency["TimeSectors"]}


def rows(path):
    """The rows of a file of either format; of CSV as text, with '' for null."""
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


# ------------------------------------------------------------------ the whole demo, by the command


@pytest.fixture(scope="module")
def first_days(demo, tmp_path_factory):
    """A folder with the demo's warehouse, and in it each month's first day with charges alone."""
    folder = tmp_path_factory.mktemp("exported")
    shutil.copy(demo[0] / "demo.duckdb", folder)
    Books(folder / "demo.duckdb").execute("""
        delete from openai_intermediate.int_openai__focus_charges where date not in (
            select min(date) from openai_intermediate.int_openai__focus_charges
            group by date_trunc('month', date)
        )
    """)
    return folder


@pytest.fixture(scope="module", params=["parquet", "csv"])
def demo_files(request, first_days):
    """The folder of its files, the format, what was printed, and a connection to the mart."""
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
        told = ", ".join(f"{name} at time zone 'UTC' as {name}" for name in TIMESTAMPS)
        mart = f"select * replace ({told}) from mart"
        files = f"from read_parquet('{folder}/*.parquet')"
    else:
        told = ", ".join(f"strftime({name}, '%Y-%m-%dT%H:%M:%SZ') as {name}" for name in TIMESTAMPS)
        mart = f"select cast(columns(*) as varchar) from (select * replace ({told}) from mart)"
        files = f"""
            from read_csv('{folder}/*.csv', all_varchar = true, header = true, delim = ',',
                quote = '"', escape = '"', allow_quoted_nulls = false)
        """
    assert connection.sql(f"describe {mart}").fetchall() == (
        connection.sql(f"describe {files}").fetchall()
    )
    assert connection.sql(f"({mart}) except all ({files})").fetchall() == []
    assert connection.sql(f"({files}) except all ({mart})").fetchall() == []


def test_each_month_of_the_demo_is_one_file_of_its_charges_alone(demo_files):
    folder, format, _, connection = demo_files
    months = mart_months(connection)
    expected = {f"focus-org-demo-heliotrope-{month}.{format}" for month, _ in months}
    assert names(folder) == {*expected, "focus-org-demo-heliotrope-metadata.json"}
    told = connection.sql(f"""
        select right(parse_filename(filename, true), 7), left(BillingPeriodStart::varchar, 7),
            count(*)
        from read_{format}('{folder}/*.{format}', filename = true)
        group by all order by all
    """)
    assert told.fetchall() == [(month, month, count) for month, count in months]


def test_columns_are_those_of_focus_alphabetically_and_then_our_own(demo_files):
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


def test_metadata_of_the_demo_calls_a_month_complete_when_its_days_are_loaded_and_it_is_over(
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


# ------------------------------------------------------------------------- what a file says exactly


def test_parquet_has_exact_types_and_is_compressed_with_zstd(long_ago):
    mart = Books(long_ago / "openai_costs.duckdb").execute(f"describe {MART}")
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
    """The format, and the rows, of a month of charges with any name, any amount, any quantity."""
    folder = tmp_path_factory.mktemp("awkward")
    books = Books(Path(shutil.copy(no_charges, folder / "openai_costs.duckdb")))
    books.add(
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


def test_any_name_survives(awkward):
    _, told = awkward
    named = [(row["SubAccountName"], row["x_PrincipalName"]) for row in told]
    assert sorted(pair for pair in named if any(pair)) == sorted(
        (name, name[::-1]) for name in NAMES
    )


def test_any_amount_is_written_to_the_last_digit_and_without_an_exponent(awkward):
    format, told = awkward
    for column, texts in (
        ("BilledCost", [*AMOUNTS, *["1.000000000000000000"] * len((*NAMES, *QUANTITIES))]),
        ("ListCost", AMOUNTS),
        ("x_Quantity", QUANTITIES),
    ):
        values = [row[column] for row in told if row[column] not in (None, "")]
        written = [Decimal(text) if format == "parquet" else text for text in texts]
        assert sorted(values) == sorted(written)


def test_csv_of_one_charge_of_any_name_is_exact(empty, tmp_path):
    """Nothing else in the file shows how it is quoted."""
    months = [f"{2000 + n // 12}-{1 + n % 12:02}" for n in range(len(ALONE))]
    empty.add(*(ledger(month) for month in months))
    pairs = list(zip(months, ALONE, strict=True))
    empty.add(*(charge(f"{month}-01", "1", SubAccountName=name) for month, name in pairs))
    export("--format", "csv")
    for month, name in pairs:
        (row,) = rows(tmp_path / "focus" / f"focus-org-a-{month}.csv")
        assert row["SubAccountName"] == name


@pytest.mark.parametrize("at_a_time", [2, 7])
def test_month_of_many_charges_is_whole(at_a_time, empty, tmp_path, monkeypatch):
    """They are read and written some days at a time; a day is read at once."""
    monkeypatch.setattr("openai_costs.reports.focus_file.ROWS_PER_QUERY", at_a_time)
    days = ["01", "01", "01", "02", "05", "05", "06", "29", "30", "30"]
    empty.add(ledger("2026-09"))
    empty.add(*(charge(f"2026-09-{day}", n) for n, day in enumerate(days)))
    empty.add(charge("2026-10-01", 99), charge("2026-08-31", 98))
    empty.add(ledger("2026-08"), ledger("2026-10"))
    export("--month", "2026-09")
    told = rows(tmp_path / "focus" / "focus-org-a-2026-09.parquet")
    assert [(row["BilledCost"], f"{row['ChargePeriodStart']:%d}") for row in told] == [
        *enumerate(days)
    ]


def test_csv_tells_null_from_empty_text_and_writes_utc(empty, tmp_path):
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
def test_times_are_utc_wherever_the_machine_stands(source, books, long_ago, tmp_path):
    lake = put_into_lake(books, tmp_path / "lake", zoned=True)
    arguments = ("--lake", lake) if source == "lake" else ()
    result = run_pipeline(
        *("export", "--to", "there", "--format", "csv", *arguments),
        cwd=tmp_path,
        TZ="America/Los_Angeles",
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert contents(tmp_path / "there", "*.csv") == contents(long_ago / "csv", "*.csv")
    told = rows(tmp_path / "there" / "focus-org-a-2026-10.csv")
    assert [row["ChargePeriodStart"] for row in told] == ["2026-10-12T00:00:00Z"]


def test_several_currencies_of_a_month_are_told_apart_in_the_total(books, tmp_path, capsys):
    books.add(charge("2026-10-12", "7.125", BillingCurrency="EUR"))
    export()
    printed = capsys.readouterr().out
    assert "exactly 5.000000000000000001 USD" in printed
    assert "7.125 EUR" in printed
    told = rows(tmp_path / "focus" / "focus-org-a-2026-10.parquet")
    assert sorted((row["BillingCurrency"], row["BilledCost"]) for row in told) == [
        ("EUR", Decimal("7.125")),
        ("USD", Decimal(3)),
    ]


# -------------------------------------------------------------------------- which files, and whose


def test_every_organization_has_files_and_metadata_of_its_own(books, tmp_path, capsys):
    name = 'Übel & "Söhne", [red]Ltd[/red]\n'
    books.add(ledger("2026-09", organization="org-b", name=name))
    books.add(charge("2026-09-02", "8", "org-b", BillingAccountName=name))
    export()
    assert name in capsys.readouterr().out
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


ODD = (
    *("../escaped", "../../escaped", "/escaped", "a/b", "a_b", "a-b", "a%2Fb", "a\\b", "a b"),
    *("..", ".", "~", "*", "?", "a'b", 'a"b', "a\nb", "a\x00b", "Zoë", "東京", "a.parquet", "-rf"),
    *("org-a-2026-09", "org-a", "%", "a:b", "${HOME}", "{}", "[bold]", "%s", "#", ";"),
)


def test_organization_of_any_id_keeps_its_files_in_the_folder(empty, tmp_path):
    empty.add(*(ledger("2026-09", organization=id, name=id) for id in ODD))
    empty.add(*(charge("2026-09-01", number, id) for number, id in enumerate(ODD)))
    folder = tmp_path / "some" / "where" / "focus"
    around = set(tmp_path.rglob("*"))
    export(to=folder)
    written = set(tmp_path.rglob("*")) - around - {folder, folder.parent, folder.parent.parent}
    assert {path.parent for path in written} == {folder}
    files = list(folder.glob("*.parquet"))
    told = [(row["BillingAccountId"], row["BilledCost"]) for file in files for row in rows(file)]
    assert sorted(told) == sorted((id, number) for number, id in enumerate(ODD))
    assert len(files) == len(list(folder.glob("*.json"))) == len(ODD)
    assert all(path.name.startswith("focus-") for path in written)


def test_month_alone_is_written_and_the_others_are_left(focus, books, tmp_path):
    books.execute(f"update {MART} set BilledCost = BilledCost + 1")
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


def test_month_that_one_organization_lacks_is_written_for_the_other(books, tmp_path):
    books.add(ledger("2026-07", organization="org-b"), charge("2026-07-02", "8", "org-b"))
    export("--month", "2026-07")
    assert names(tmp_path / "focus") == {"focus-org-b-2026-07.parquet", "focus-org-b-metadata.json"}


def test_month_that_was_loaded_and_has_no_charges_is_a_file_without_charges(books, tmp_path):
    books.execute(f"delete from {MART} where BillingPeriodStart = '2026-09-01'")
    export()
    export("--format", "csv", to="csv")
    empty_file = tmp_path / "focus" / "focus-org-a-2026-09.parquet"
    assert pq.read_table(empty_file).num_rows == 0
    assert pq.read_schema(empty_file) == pq.read_schema(
        tmp_path / "focus/focus-org-a-2026-10.parquet"
    )
    header = (tmp_path / "csv" / "focus-org-a-2026-09.csv").read_bytes()
    other = (tmp_path / "csv" / "focus-org-a-2026-10.csv").read_bytes()
    assert other.startswith(header)
    assert header.count(b",") == len(pq.read_schema(empty_file)) - 1
    (location,) = [
        each
        for each in read_metadata(tmp_path / "focus")["data_location"]
        if each["filepath"] == empty_file.name
    ]
    assert location["total_rows"] == 0


# ------------------------------------------------------------------------------- the second time


@pytest.mark.parametrize("format", ["parquet", "csv"])
def test_second_run_touches_no_file(format, books, long_ago, tmp_path, capsys):
    """Neither its own nor any other in the folder."""
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


def test_models_that_were_built_again_in_another_order_change_no_file(focus, books):
    before = state(focus)
    for table in (MART, CHECKS):
        books.execute(f"create or replace table {table} as from {table} order by rowid desc")
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
    change, format, books, long_ago, tmp_path, capsys
):
    folder = Path(shutil.copytree(long_ago / format, tmp_path / "focus"))
    before = state(folder)
    books.execute(f"update {MART} set {change} where ChargePeriodStart = '2026-09-30'")
    export("--format", format)
    after = state(folder)
    changed = {name for name in after if after[name] != before.get(name)}
    assert changed == {f"focus-org-a-2026-09.{format}", METADATA}
    assert names(folder) == set(before)
    words = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [line[-2] for line in words if line and line[0] in MONTHS] == [
        *("unchanged", "written", "unchanged")
    ]
    updated = sectors(folder, "TimeSectorLastUpdated")
    assert updated.pop("2026-09") > LONG_AGO
    assert set(updated.values()) == {LONG_AGO}
    metadata = read_metadata(folder)
    assert metadata["Schema"][0]["CreationDate"] == LONG_AGO
    assert metadata["Recency"][0]["DatasetInstanceLastUpdated"] > LONG_AGO
    assert metadata["Recency"][0]["RecencyLastUpdated"] > LONG_AGO


def test_tool_that_reads_a_file_while_it_is_replaced_reads_the_old_one_to_its_end(focus, books):
    changing = ("focus-org-a-2026-09.parquet", METADATA)
    before = state(focus)
    books.execute(f"update {MART} set BilledCost = 5 where BillingPeriodStart = '2026-09-01'")
    with contextlib.ExitStack() as stack:
        reading = {
            name: stack.enter_context((focus / name).open("rb", buffering=0)) for name in changing
        }
        export()
        for name, file in reading.items():
            content, _, _ = before[name]
            assert file.read() == content
            assert (focus / name).read_bytes() != content


def test_charge_that_is_there_twice_is_told_from_one_that_is_there_once(focus, books):
    books.execute(f"""
        delete from {MART} where rowid = (
            select min(rowid) from {MART} where SubAccountName = 'Zoë'
        )
    """)
    export()
    assert len(rows(focus / "focus-org-a-2026-09.parquet")) == 2


def test_month_that_became_empty_becomes_a_file_without_charges(focus, books):
    before = state(focus)
    books.execute(f"delete from {MART} where BillingPeriodStart = '2026-09-01'")
    export()
    after = state(focus)
    assert rows(focus / "focus-org-a-2026-09.parquet") == []
    assert {name for name in after if after[name] != before[name]} == {
        "focus-org-a-2026-09.parquet",
        METADATA,
    }
    export()
    assert state(focus) == after


def test_month_that_became_complete_changes_the_metadata_and_not_its_data(focus, books):
    before = state(focus)
    books.execute(f"delete from {CHECKS} where period_start = '2026-10-01'")
    books.add(ledger("2026-10"), ledger("2026-11", loaded=1))
    export()
    after = state(focus)
    assert {name for name in before if after[name] != before[name]} == {METADATA}
    assert names(focus) == {*before, "focus-org-a-2026-11.parquet"}
    assert sectors(focus, "TimeSectorComplete") == {
        **{"2026-08": False, "2026-09": True, "2026-10": True, "2026-11": False}
    }
    updated = sectors(focus, "TimeSectorLastUpdated")
    assert updated.pop("2026-11") > LONG_AGO
    assert set(updated.values()) == {LONG_AGO}


def test_files_that_are_missing_or_damaged_are_written_again(focus):
    whole = contents(focus)
    missing, no_parquet, cut = (focus / name for name in sorted(FILES))
    missing.unlink()
    no_parquet.write_bytes(b"PAR1" + b"\0" * 99 + b"PAR1")
    cut.write_bytes(cut.read_bytes()[:-9])
    export()
    assert contents(focus) == whole


def test_file_whose_one_digit_was_changed_by_hand_is_written_again(books, long_ago, tmp_path):
    path = Path(shutil.copytree(long_ago / "csv", tmp_path / "focus")) / "focus-org-a-2026-10.csv"
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"3.000000000000000000", b"3.000000000000000001"))
    assert path.read_bytes() != whole
    export("--format", "csv")
    assert path.read_bytes() == whole


def test_folder_whose_format_changes_holds_each_charge_once(focus, books):
    books.execute(f"update {MART} set BilledCost = BilledCost + 1")
    export("--format", "csv")
    charges = sum(each["total_rows"] for each in read_metadata(focus)["data_location"])
    assert [(charges,)] == books.execute(f"select count(*) from {MART}")


# --------------------------------------------------------------------------------- the metadata


def test_metadata_has_the_objects_of_focus_1_4(books, tmp_path):
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
    assert schema["FocusVersion"] == "1.4"
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


def test_metadata_defines_every_column_of_the_files(books, tmp_path):
    export()
    (schema,) = read_metadata(tmp_path / "focus")["Schema"]
    fields = pq.read_schema(tmp_path / "focus" / "focus-org-a-2026-09.parquet")
    defined = {each["ColumnName"]: each for each in schema["ColumnDefinition"]}
    assert [each["ColumnName"] for each in schema["ColumnDefinition"]] == fields.names
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
    assert {name for name, each in defined.items() if each["DataType"] == "JSON"} == {
        *("AllocatedMethodDetails", "AllocatedTags", "CommitmentProgramEligibilityDetails"),
        *("ContractApplied", "SkuPriceDetails", "Tags"),
    }
    assert defined["Tags"]["ProviderTagPrefixes"] == []


LEDGERS = {
    "whole and over": [ledger("2026-09"), ledger("2026-10", loaded=1)],
    "28 days of February": [ledger("2026-02"), ledger("2026-03", loaded=1)],
    "over, and another year": [ledger("2025-12"), ledger("2026-01", loaded=1)],
    "all its days are loaded, the next month has not begun": [ledger("2026-09")],
    "a day is missing": [ledger("2026-09", 29, expected=30), ledger("2026-10", loaded=1)],
    "its first day is not loaded": [ledger("2026-09", loaded=29), ledger("2026-10", loaded=1)],
}


def test_month_is_complete_when_each_of_its_days_is_loaded_and_the_next_one_has_begun(
    empty, tmp_path
):
    """Of the organization itself: each case is one."""
    for number, records in enumerate(LEDGERS.values()):
        organization = f"org-{number}"
        empty.add(*((table, {**row, "organization_id": organization}) for table, row in records))
    export()
    told = {}
    for number, case in enumerate(LEDGERS):
        complete = sectors(
            tmp_path / "focus", "TimeSectorComplete", f"focus-org-{number}-metadata.json"
        )
        told[case] = list(complete.values())
    assert told == {
        "whole and over": [True, False],
        "28 days of February": [True, False],
        "over, and another year": [True, False],
        "all its days are loaded, the next month has not begun": [False],
        "a day is missing": [False, False],
        "its first day is not loaded": [False, False],
    }


def test_schema_of_other_columns_is_another_one_created_now(focus):
    (schema,) = read_metadata(focus)["Schema"]
    text = (focus / METADATA).read_text(encoding="utf-8")
    (focus / METADATA).write_text(text.replace('"x_Meter"', '"x_Metre"'), encoding="utf-8")
    (focus / METADATA).write_text(text.replace(schema["SchemaId"], "that of before"))
    export()
    (now,) = read_metadata(focus)["Schema"]
    assert now["CreationDate"] > LONG_AGO
    assert now == {**schema, "CreationDate": now["CreationDate"]}
    assert set(sectors(focus, "TimeSectorLastUpdated").values()) == {LONG_AGO}


def with_number(key):
    """What makes the moments of that key a number."""
    return lambda content: re.sub(rf'"{key}": *"[^"]*"'.encode(), f'"{key}": 5'.encode(), content)


BROKEN = {
    "nothing": "",
    "no JSON": "{ not JSON",
    "no UTF-8": lambda content: b"\xff\xfe\x00",
    "half of it": lambda content: content[: len(content) // 2],
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
    """Each case befalls an organization of its own."""
    folder = tmp_path / "focus"
    empty.add(*(ledger("2026-09", organization=f"org-{n}") for n in range(len(BROKEN))))
    export()
    paths = [folder / f"focus-org-{n}-metadata.json" for n in range(len(BROKEN))]
    whole = [read_metadata(folder, path.name) for path in paths]
    data = contents(folder)
    for path, broken in zip(paths, BROKEN.values(), strict=True):
        path.write_bytes(broken(path.read_bytes()) if callable(broken) else broken.encode())
    export()
    for case, path, before in zip(BROKEN, paths, whole, strict=True):
        metadata = read_metadata(folder, path.name)
        assert without_moments(metadata) == without_moments(before), case
    assert contents(folder) == data
    assert len(names(folder)) == 2 * len(BROKEN)


# ------------------------------------------------------------------------- where it cannot be done


@pytest.mark.parametrize(
    ("arguments", "says"),
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
def test_wrong_use_is_refused_and_writes_nothing(arguments, says, books, tmp_path, capsys):
    before = set(tmp_path.iterdir())
    assert says in refused(capsys, *arguments, code=2)
    assert set(tmp_path.iterdir()) == before


def test_folder_without_a_name_is_refused(books, tmp_path, capsys):
    """As of `--to "$FOLDER"`, where that is not set."""
    refused(capsys, "export", "--to", "", code=2)


def test_lake_without_a_name_is_refused(books, capsys):
    refused(capsys, "export", "--to", "focus", "--lake", "", code=2)


def test_warehouse_that_does_not_exist_is_named_and_not_created(tmp_path, capsys):
    said = refused(capsys, "export", "--to", "focus", code=1)
    assert "openai_costs.duckdb" in said
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
def test_models_that_are_not_there_are_to_be_built(damage, books, tmp_path, capsys):
    books.execute(damage)
    assert "python pipeline.py models" in refused(capsys, "export", "--to", "focus", code=1)
    assert not list((tmp_path / "focus").glob("*"))


def test_models_without_a_day_are_told(books, tmp_path, capsys):
    books.execute(f"delete from {MART}; delete from {CHECKS}")
    refused(capsys, "export", "--to", "focus", code=1)
    assert not list((tmp_path / "focus").glob("*"))


OLD_MODELS = (
    f'alter table {MART} drop column "SkuMeter"',
    f"alter table {CHECKS} drop column actual",
)


@pytest.mark.parametrize("damage", OLD_MODELS)
def test_old_models_are_to_be_built_again_and_leave_the_files(damage, focus, books, capsys):
    before = state(focus)
    books.execute(damage)
    assert "python pipeline.py models" in refused(capsys, "export", "--to", "focus", code=1)
    assert state(focus) == before


def test_charges_of_a_month_that_the_ledger_lacks_are_not_left_out_silently(
    books, tmp_path, capsys
):
    books.add(charge("2026-07-01", "9"))
    code = main(["export", "--to", "focus"])
    told = [
        row["BilledCost"] for path in (tmp_path / "focus").glob("*.parquet") for row in rows(path)
    ]
    assert code == 1 or Decimal(9) in told


def test_target_that_is_a_file_is_named(books, tmp_path, capsys):
    (tmp_path / "focus").write_text("mine")
    assert "focus" in refused(capsys, "export", "--to", "focus", code=1)
    assert (tmp_path / "focus").read_text() == "mine"


@pytest.mark.parametrize("name", ["focus-org-a-2026-09.parquet", METADATA])
def test_folder_that_stands_where_a_file_belongs_is_told(name, focus, books, capsys):
    (focus / name).unlink()
    (focus / name).mkdir()
    books.execute(f"update {MART} set BilledCost = BilledCost + 1")
    refused(capsys, "export", "--to", "focus", code=1)
    assert (focus / name).is_dir()
    assert names(focus) == {*FILES, METADATA}


def process(forking, folder, *arguments, first):
    """The exit code of the command in a forked process, and what it printed as its error.

    Its environment has a key, which it must not print.
    """
    started = forking.start(
        *map(str, arguments),
        cwd=folder,
        environment={**os.environ, "OPENAI_ADMIN_KEY": SECRET},
        first=first,
    )
    printed, said = started.communicate()
    assert SECRET not in printed + said
    return started.returncode, said


def test_folder_that_may_not_be_written_is_named_and_left(forking, focus, books, tmp_path):
    if os.geteuid() == 0 and sys.platform != "linux":
        pytest.skip("permissions do not hold for root")
    books.execute(f"update {MART} set BilledCost = BilledCost + 1")
    before = state(focus)
    focus.chmod(0o555)
    try:
        code, said = process(
            forking, tmp_path, "export", "--to", "focus", first=("obey_permissions",)
        )
    finally:
        focus.chmod(0o755)
    assert code == 1
    assert "focus" in sentence(said)
    assert state(focus) == before


def test_warehouse_that_may_only_be_read_is_exported_or_named(forking, books, tmp_path):
    if os.geteuid() == 0 and sys.platform != "linux":
        pytest.skip("permissions do not hold for root")
    books.path.chmod(0o444)
    code, said = process(forking, tmp_path, "export", "--to", "focus", first=("obey_permissions",))
    assert code == 0 or str(books.path) in sentence(said)


def test_warehouse_that_another_program_writes_is_told(books, capsys):
    with open_elsewhere(books.path):
        said = refused(capsys, "export", "--to", "focus", code=1)
    assert "open in another program" in said


# ------------------------------------------------------------------------------- killed, and full


def ended(forking, folder, first):
    """The exit code of an export of one month into a folder, and what it printed as its error.

    `first` makes the process end early.
    """
    return process(
        forking, folder.parent, "export", "--to", folder, "--month", "2026-09", first=first
    )


@pytest.fixture
def restated(focus, books, tmp_path):
    """The files of long ago, whose warehouse has changed in one month since; and what they become
    when nothing disturbs."""
    was = contents(focus)
    books.execute(f"update {MART} set BilledCost = 5 where BillingPeriodStart = '2026-09-01'")
    export(to=tmp_path / "undisturbed")
    return was, contents(tmp_path / "undisturbed")


def each_file_is_whole(folder, was, now):
    """As it was, or as it is to be; and nothing that is left over looks like one of them."""
    data = contents(folder)
    assert set(data) == FILES
    assert all(content in (was[name], now[name]) for name, content in data.items())
    assert list(folder.glob("*.csv")) == []
    assert [path.name for path in folder.glob("*.json")] == [METADATA]
    assert tuple(sectors(folder, "TimeSectorEnd")) == MONTHS


def is_complete(folder, now):
    assert contents(folder) == now
    assert [path.name for path in folder.glob("*.json")] == [METADATA]
    sizes = {
        each["filepath"]: each["total_bytes"] for each in read_metadata(folder)["data_location"]
    }
    assert sizes == {name: len(content) for name, content in now.items()}


def test_run_that_is_killed_at_any_step_leaves_each_file_whole_and_the_next_one_completes(
    forking, restated, focus, tmp_path
):
    was, now = restated
    states = []
    for step in range(1, 100):
        folder = Path(shutil.copytree(focus, tmp_path / f"killed-{step}"))
        code, _ = ended(forking, folder, ("signal_before_step", str(folder), step, signal.SIGKILL))
        if code == 0:
            break
        assert code == -signal.SIGKILL
        each_file_is_whole(folder, was, now)
        next_run_completes(folder, now, states)
    assert step > 5
    assert code == 0
    assert {state == was for state in (parquet_of(left) for left in states)} == {True, False}


def next_run_completes(folder, now, states):
    """Export all months into the folder, unless an earlier run left the same in its own."""
    if (left := contents(folder, "*")) not in states:
        states.append(left)
        export(to=folder)
        is_complete(folder, now)


def parquet_of(files):
    return {name: content for name, content in files.items() if name in FILES}


def test_run_that_fails_midway_leaves_each_file_whole_and_nothing_else(
    forking, restated, focus, tmp_path
):
    """The disk is full, or somebody interrupts; where a file that grows too large kills the run,
    something may be left."""
    was, now = restated
    metadata = (focus / METADATA).stat().st_size
    largest = max(map(len, now.values()))
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
        code, said = ended(forking, folder, (function, *values))
        each_file_is_whole(folder, was, now)
        if values[-1] is True:
            assert code == -signal.SIGXFSZ
        else:
            assert code == 1
            sentence(said)
            assert names(folder) == {*FILES, METADATA}
        next_run_completes(folder, now, states)


def test_first_run_that_finds_the_disk_full_leaves_no_file(forking, books, tmp_path):
    arguments = ("export", "--to", "focus", "--format", "csv")
    code, said = process(forking, tmp_path, *arguments, first=("limit_file_size", 1000))
    assert code == 1
    sentence(said)
    assert not list((tmp_path / "focus").glob("*"))


def test_month_that_a_failed_run_replaced_was_updated_then_or_later(focus, books, capsys):
    books.execute(f"update {MART} set BilledCost = 5 where BillingPeriodStart >= '2026-09-01'")
    in_the_way = focus / "focus-org-a-2026-10.parquet"
    in_the_way.unlink()
    in_the_way.mkdir()
    refused(capsys, "export", "--to", "focus", code=1)
    in_the_way.rmdir()
    export()
    updated = sectors(focus, "TimeSectorLastUpdated")
    assert updated.pop("2026-08") == LONG_AGO
    assert min(updated.values()) > LONG_AGO


def test_month_that_a_killed_run_replaced_was_updated_then_or_later(focus, books):
    metadata = (focus / METADATA).read_bytes()
    books.execute(f"delete from {MART} where BillingPeriodStart = '2026-09-01' and BilledCost > 0")
    export()
    (focus / METADATA).write_bytes(metadata)
    export()
    updated = sectors(focus, "TimeSectorLastUpdated")
    assert updated.pop("2026-09") > LONG_AGO
    assert set(updated.values()) == {LONG_AGO}


# ------------------------------------------------------------------------------------- the lake


def put_into_lake(books, folder, lower=False, zoned=False, parts=1, nested=False, **settings):
    """The models as Parquet files, written in one of the ways in which engines write them."""
    with duckdb.connect(str(books.path), read_only=True) as connection:
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
    "as the warehouse": {},
    "lower-cased": {"lower": True},
    "with time zone": {"zoned": True},
    "several files": {"parts": 3},
    "folders of parts": {"parts": 2, "nested": True},
    "all of it": {"lower": True, "zoned": True, "parts": 4, "nested": True},
    "INT96 times, as of Spark": {"use_deprecated_int96_timestamps": True, "lower": True},
    "nanoseconds": {"coerce_timestamps": None, "version": "2.6"},
    "milliseconds": {"coerce_timestamps": "ms"},
}


@pytest.mark.parametrize("how", LAKES)
def test_lake_gives_the_files_that_the_warehouse_gives(how, books, long_ago, tmp_path):
    lake = put_into_lake(books, tmp_path / "lake", **LAKES[how])
    books.path.unlink()
    export("--lake", lake)
    assert contents(tmp_path / "focus") == contents(long_ago / "parquet")
    told, expected = (read_metadata(each) for each in (tmp_path / "focus", long_ago / "parquet"))
    assert without_moments(told) == without_moments(expected)


def test_files_of_the_warehouse_are_left_alone_when_the_lake_tells_the_same(focus, books, tmp_path):
    lake = put_into_lake(books, tmp_path / "lake", **LAKES["all of it"])
    before = state(focus)
    export("--lake", lake)
    assert state(focus) == before


def test_lake_gives_the_csv_that_the_warehouse_gives(books, long_ago, tmp_path):
    lake = put_into_lake(books, tmp_path / "lake", **LAKES["all of it"])
    export("--format", "csv", "--lake", lake)
    assert contents(tmp_path / "focus", "*.csv") == contents(long_ago / "csv", "*.csv")


@pytest.mark.parametrize(
    "name",
    [
        "it's my lake*? Sée = 100% {a,b}",
        "lake [1]",
    ],
)
def test_lake_of_any_name_is_read(name, books, tmp_path):
    lake = put_into_lake(books, tmp_path / name)
    export("--lake", lake)
    assert names(tmp_path / "focus") == {*FILES, METADATA}


def test_lake_is_read_by_its_url(focus, books, tmp_path):
    lake = put_into_lake(books, tmp_path / "lake", parts=2, nested=True)
    before = state(focus)
    for url in (lake.as_uri(), f"{lake.as_uri()}/", f"local://{lake}"):
        export("--lake", url)
    assert state(focus) == before


def test_months_of_the_lake_are_its_own(books, tmp_path, capsys):
    lake = put_into_lake(books, tmp_path / "lake")
    books.add(ledger("2026-11", loaded=1))
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


def half(lake):
    path = next((lake / "focus_costs").glob("*.parquet"))
    path.write_bytes(path.read_bytes()[:-200])


@pytest.mark.parametrize("damage", [no_reconciliation, no_costs, no_parquet, half])
def test_lake_that_cannot_be_read_is_named_and_nothing_is_written(damage, books, tmp_path, capsys):
    lake = put_into_lake(books, tmp_path / "lake")
    damage(lake)
    said = refused(capsys, "export", "--to", "focus", "--lake", lake, code=2)
    assert str(lake) in said
    assert not list((tmp_path / "focus").glob("*"))


@pytest.mark.parametrize("lake", ["nofilesystem://bucket/lake", "file:///nowhere", "memory://"])
def test_lake_that_is_nowhere_is_refused(lake, tmp_path, capsys):
    refused(capsys, "export", "--to", "focus", "--lake", lake, code=2)
    assert not (tmp_path / "focus").exists()


def test_lake_that_tells_money_as_floats_is_refused_and_nothing_is_written(books, tmp_path, capsys):
    books.add(charge("2026-08-28", "0.1"), charge("2026-08-28", "0.2"))
    lake = put_into_lake(books, tmp_path / "lake")
    path = next((lake / "focus_costs").glob("*.parquet"))
    table = pq.read_table(path)
    at = table.column_names.index("BilledCost")
    pq.write_table(table.set_column(at, "BilledCost", table[at].cast(pa.float64())), path)
    refused(capsys, "export", "--to", "focus", "--lake", lake, code=1)
    assert not list((tmp_path / "focus").glob("*"))


@pytest.mark.parametrize("column", ["SkuMeter", "BillingAccountId", "actual"])
def test_lake_of_old_models_is_told(column, books, tmp_path, capsys):
    books.execute(f"alter table {CHECKS if column == 'actual' else MART} drop column {column}")
    lake = put_into_lake(books, tmp_path / "lake", lower=True)
    said = refused(capsys, "export", "--to", "focus", "--lake", lake, code=1)
    assert str(lake) in said


def test_lake_whose_rows_are_damaged_is_told(focus, books, tmp_path, capsys):
    before = state(focus)
    lake = put_into_lake(books, tmp_path / "lake")
    path = next((lake / "focus_costs").glob("*.parquet"))
    content = path.read_bytes()
    path.write_bytes(content[:4] + b"\xff" * 2000 + content[2004:])
    said = refused(capsys, "export", "--to", "focus", "--lake", lake, code=1)
    assert str(lake) in said
    assert state(focus) == before


def test_disk_that_is_full_while_a_lake_is_exported_is_told(forking, books, tmp_path):
    lake = put_into_lake(books, tmp_path / "lake")
    arguments = ("export", "--to", "focus", "--lake", lake, "--format", "csv")
    code, said = process(forking, tmp_path, *arguments, first=("limit_file_size", 1000))
    assert code == 1
    assert not list((tmp_path / "focus").glob("*"))
    sentence(said)
