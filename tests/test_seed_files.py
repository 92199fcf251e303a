"""Seeds as spreadsheets and browsers save them: converted if they have one meaning, or refused."""

import shutil
from pathlib import Path

import pytest
import yaml
from conftest import known
from running import DBT_PROJECT, READ_BY_THE_SUMMARY, dbt, run_pipeline

from openai_costs.seed_files import COLUMNS, dbt_can_read, hash_of_seeds, read_seeds, write_seeds
from openai_costs_source.simulator.seeds import write_seeds as write_demo_seeds

INVOICES = "organization_id,month,amount_before_tax,credits,tax,currency"
BUDGETS = "organization_id,scope,id,month,from_month,to_month,amount,currency"
CREDITS = "organization_id,granted_on,amount,currency"
TEAMS = "organization_id,kind,id,team,cost_center"
NAMES = {
    INVOICES: "invoices.csv",
    BUDGETS: "budgets.csv",
    CREDITS: "credit_grants.csv",
    TEAMS: "teams.csv",
}


@pytest.fixture
def folder(tmp_path):
    """The folder of own seeds that a command in `tmp_path` reads; without a seed."""
    folder = tmp_path / "own_seeds"
    folder.mkdir()
    return folder


def rows(folder, name):
    """The rows of a seed as dbt reads it, without the header."""
    (seed,) = [seed for seed in read_seeds(folder) if seed.name == name]
    return seed.content.decode().splitlines()[1:]


def test_seeds_have_the_columns_that_dbt_declares():
    for name, columns in COLUMNS.items():
        declared = yaml.safe_load((DBT_PROJECT / "seeds" / f"{name}.yml").read_text())["seeds"][0]
        assert [column["name"] for column in declared["columns"]] == list(columns)
        assert list(declared["config"]["column_types"]) == list(columns)
        header = (DBT_PROJECT / "own_seeds" / f"{name}.csv").read_text().splitlines()[0]
        assert header.split(",") == list(columns)


def test_seeds_from_a_spreadsheet_are_loaded_as_from_an_editor(own_ten_days):
    folder = own_ten_days.folder / "own_seeds"
    folder.mkdir()
    teams = f"{TEAMS}\norg-1,project,proj_1,Büro,CC-1\n".replace(",", "\t")
    (folder / "teams.csv").write_bytes(teams.encode("utf-16"))
    invoices = f"{INVOICES},,\r\n\r\n#org-0,2026-10,1,2,3,USD\r\norg-1,Oct-26,1234|5,,-0|07,USD,,"
    invoices = invoices.replace(",", ";").replace("|", ",") + "\r\n;;;;;;;\r\n"
    (folder / "invoices.csv").write_bytes(invoices.encode("cp1252"))
    header = ", ".join(f'"{name.upper()}" ' for name in BUDGETS.split(","))
    budgets = f'{header}\norg-1,team,"Büro",,10/2026,,5000.00,EUR\n'
    (folder / "Budgets.csv").write_text(budgets, encoding="utf-8-sig")
    before = {file.name: file.read_bytes() for file in folder.iterdir()}

    selected = ("teams", "invoices", "budgets", "credit_grants", *READ_BY_THE_SUMMARY)
    done = run_pipeline("models", cwd=own_ten_days.folder, only=selected)
    assert done.returncode == 0, done.stderr
    assert own_ten_days.rows(
        "select * exclude (valid_from, valid_to) from openai_staging.teams"
    ) == [("org-1", "project", "proj_1", "Büro", "CC-1")]
    assert own_ten_days.rows("from openai_staging.invoices") == [
        ("#org-0", "2026-10", "1", "2", "3", "USD"),
        ("org-1", "2026-10", "1234.5", None, "-0.07", "USD"),
    ]
    assert own_ten_days.rows("from openai_staging.budgets") == [
        ("org-1", "team", "Büro", None, "2026-10", None, "5000.00", "EUR")
    ]
    assert own_ten_days.rows("from openai_staging.credit_grants") == []
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("1234.56;0.5;-.5", "1234.56,0.5,-.5"),
        ("1234,56;0,5;-1,0000", "1234.56,0.5,-1.0000"),
        ("0,125;1234,567;-0.125", "0.125,1234.567,-0.125"),
        ("12345678901234567;0,1234567890;1", "12345678901234567,0.1234567890,1"),
    ],
)
def test_amounts_stay_exact_text(folder, written, read):
    header = INVOICES.replace(",", ";")
    (folder / "invoices.csv").write_text(f"{header}\norg-1;2026-10;{written};USD\n")
    assert rows(folder, "invoices") == [f"org-1,2026-10,{read},USD"]


def test_amount_in_a_file_with_commas_has_a_decimal_point(folder):
    (folder / "invoices.csv").write_text(f"{INVOICES}\norg-1,2026-10,1.234,0,0,USD\n")
    assert rows(folder, "invoices") == ["org-1,2026-10,1.234,0,0,USD"]


@pytest.mark.parametrize(
    "month", ["2026-10", "2026-10-01", "2026/10", "10/2026", "01.10.2026", "Oct-26", "oct-26"]
)
def test_month_in_another_format_is_converted(folder, month):
    (folder / "invoices.csv").write_text(f"{INVOICES}\norg-1,{month},1,0,0,USD\n")
    assert rows(folder, "invoices") == ["org-1,2026-10,1,0,0,USD"]


@pytest.mark.parametrize(
    "day",
    ["2026-10-31", "2026/10/31", "31.10.2026", "31/10/2026", "10/31/2026", "2026-10-31 00:00:00"],
)
def test_day_in_another_format_is_converted(folder, day):
    (folder / "credit_grants.csv").write_text(f"{CREDITS}\norg-1,{day},5,USD\n")
    assert rows(folder, "credit_grants") == ["org-1,2026-10-31,5,USD"]


@pytest.mark.parametrize(
    ("header", "row", "message"),
    [
        (INVOICES, 'org,2026-10,"1,234",,,USD', "is 1,234, which can be thousands or decimals"),
        (INVOICES, 'org,2026-10,"1,5",,,USD', "amount_before_tax is 1,5, which is not an amount"),
        (INVOICES, "org,2026-10,1,234.50,,,USD", " has 7 values, but there are 6 columns."),
        (BUDGETS, "org;model;gpt;;;;1.234;USD", "is 1.234, which can be thousands or decimals"),
        (BUDGETS, "org;model;gpt;;;;1,125;USD", "is 1,125, which can be thousands or decimals"),
        (BUDGETS, "org;model;gpt;;;;1.234,50;USD", "amount is 1.234,50, which is not an amount"),
        (BUDGETS, "org,model,gpt,,,,1E+05,USD", "amount is 1E+05, which may be rounded"),
        (BUDGETS, "org,model,gpt,,,,$5,USD", "amount is $5, which is not an amount such as"),
        (BUDGETS, "org,model,gpt,10/26,,,1,USD", "month is 10/26, which is not a month"),
        (BUDGETS, "org,model,gpt,2026-13,,,1,USD", "month is 2026-13, which is not a month"),
        (BUDGETS, "org,model,gpt,05/10/2026,,,1,USD", "month is 05/10/2026, which is not a month"),
        (CREDITS, "org,03/04/2026,1,USD", "granted_on is 03/04/2026, which can be 2026-03-04"),
        (CREDITS, "org,2026-02-30,1,USD", "granted_on is 2026-02-30, which is not a day"),
        (CREDITS, "org,46296,1,USD", "granted_on is 46296, which is not a day such as 2026-10-01"),
        (TEAMS, "org;user;user-1;A;", " has only one value: separate values by commas"),
        (TEAMS, 'org,user,user-1,"A,\norg,user,user-2,B,', "a quotation mark is missing."),
        (TEAMS, 'org,user,user-1,"A,', "a value contains a line break, or a quotation "),
    ],
)  # fmt: skip
def test_row_with_no_or_several_meanings_is_refused_in_one_sentence(
    tmp_path, folder, header, row, message
):
    file = folder / NAMES[header]
    if ";" in row and header != TEAMS:
        header = header.replace(",", ";")
    file.write_text(f"{header}\n\n{row}")
    done = run_pipeline("models", cwd=tmp_path)
    assert done.returncode == 2
    assert f"{file}, row 3" in done.stderr
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (f"{TEAMS},Department", ", row 1: there is no column department. The columns are organiz"),
        (f"{TEAMS},,valid_from", ", row 1: there is no column without a name."),
        (f"{TEAMS},TEAM", ", row 1: the column team occurs twice."),
        ("organization_id,kind,id", ", row 1: the column team is missing."),
        ("\n\n", " is empty: its first row must be organization_id,kind,id,team,"),
    ],
)
def test_header_with_other_columns_is_refused(tmp_path, folder, header, message):
    (folder / "teams.csv").write_text(header)
    done = run_pipeline("models", cwd=tmp_path)
    assert done.returncode == 2
    assert f"{folder / 'teams.csv'}{message}" in done.stderr


@pytest.mark.parametrize(
    ("team", "encoding"), [("Поиск", "cp1251"), ("Büro", "mac-roman"), ("A", "utf-16-le")]
)
def test_file_in_another_encoding_is_refused(tmp_path, folder, team, encoding):
    row = f"org-1,user,user-1,{team},"
    (folder / "teams.csv").write_bytes(f"{TEAMS}\n{row}".encode(encoding))
    done = run_pipeline("models", cwd=tmp_path)
    assert done.returncode == 2
    assert "teams.csv is not UTF-8, UTF-16 or Windows-1252: save it as CSV UTF-8." in done.stderr


@pytest.mark.parametrize("name", ["teams (1).csv", "teams.xlsx"])
def test_file_with_a_similar_name_is_not_taken_for_a_missing_seed(tmp_path, folder, name):
    (folder / name).write_text(f"{TEAMS}\n")
    done = run_pipeline("models", cwd=tmp_path)
    assert done.returncode == 2
    assert f"{folder} has {name}, but no teams.csv: save it as teams.csv." in done.stderr


def test_run_with_two_files_for_a_seed_requests_and_loads_nothing(api, tmp_path, folder):
    for name in ("invoices.csv", "invoices (1).csv"):
        (folder / name).write_text(f"{INVOICES}\n")
    done = run_pipeline(cwd=tmp_path, **known(api))
    assert done.returncode == 2
    assert f"{folder} has invoices (1).csv and invoices.csv: keep only one" in done.stderr
    assert api.requests == []
    assert not (tmp_path / "openai_costs.duckdb").exists()


def test_check_reports_a_seed_that_cannot_be_used(api, tmp_path, folder):
    (folder / "teams.csv").write_text(f"{TEAMS};x\n")
    done = run_pipeline("check", cwd=tmp_path, **known(api))
    assert done.returncode == 1
    assert f"seeds: {folder / 'teams.csv'}, row 1: there is no column cost_center;x." in done.stdout
    (folder / "teams.csv").write_text(f"{TEAMS}\n".replace(",", ";"))
    (folder / "invoices.csv").write_text(f"{INVOICES}\n")
    done = run_pipeline("check", cwd=tmp_path, **known(api))
    assert done.returncode == 0
    assert "teams.csv is converted for dbt, invoices.csv can be read, budgets.csv is missing" in (
        done.stdout
    )


def test_converted_seeds_are_written_only_if_they_change(tmp_path, folder):
    (folder / "teams.csv").write_text(f"{TEAMS}\norg-1,user,user-1,A,\n".replace(",", ";"))
    written = write_seeds(read_seeds(folder), tmp_path / "target")
    before = {file.name: file.stat().st_mtime_ns for file in written.iterdir()}
    assert sorted(before) == [f"{name}.csv" for name in sorted(COLUMNS)]
    write_seeds(read_seeds(folder), written)
    assert {file.name: file.stat().st_mtime_ns for file in written.iterdir()} == before


def test_dbt_reads_a_folder_itself_if_it_has_the_seeds_as_dbt_needs_them(organization, tmp_path):
    for folder in (tmp_path / "copied", tmp_path / "demo"):
        if folder.name == "demo":
            write_demo_seeds(organization, folder)
        else:
            shutil.copytree(DBT_PROJECT / "own_seeds", folder)
        assert dbt_can_read(folder, read_seeds(folder))
        (folder / "notes.csv").touch()
        assert not dbt_can_read(folder, read_seeds(folder))


def test_seed_is_the_same_for_dbt_in_any_format(folder):
    text = f"{TEAMS}\norg-1,user,user-1,A,CC-1\n"
    hashes = set()
    for content in (text, text.replace(",", ";"), text.replace("\n", "\r\n"), text[:-1]):
        (folder / "teams.csv").write_text(content, newline="")
        hashes.add(hash_of_seeds(read_seeds(folder)))
    assert len(hashes) == 1


def test_seed_that_is_a_link_to_nothing_or_a_folder_is_not_missing(tmp_path):
    for make in (lambda seed: seed.symlink_to(tmp_path / "unmounted"), Path.mkdir):
        seeds = tmp_path / "own_seeds"
        seeds.mkdir()
        make(seeds / "teams.csv")
        done = run_pipeline("models", cwd=tmp_path)
        assert done.returncode == 2
        assert "teams.csv cannot be read" in done.stderr
        shutil.rmtree(seeds)


def test_target_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "own_seeds").mkdir()
    (tmp_path / "file").touch()
    done = run_pipeline("models", cwd=tmp_path, DBT_TARGET_PATH=str(tmp_path / "file"))
    assert done.returncode == 1
    assert f"The seeds for dbt cannot be written to {tmp_path}/file/" in done.stderr
    assert "Not a directory" in done.stderr


@pytest.mark.parametrize("separator", [";", "\t"])
def test_dbt_alone_names_a_seed_that_needs_to_be_converted(own_ten_days, tmp_path, separator):
    folder = shutil.copytree(DBT_PROJECT / "own_seeds", tmp_path / "own_seeds")
    (folder / "invoices.csv").write_text(f"{INVOICES}\n".replace(",", separator))
    done = dbt("seed", "-s", "invoices", warehouse=own_ten_days, OPENAI_COSTS_SEEDS=str(folder))
    assert done.returncode == 1
    assert "invoices.csv has no column organization_id: save it as comma-separated UTF-8" in (
        done.stdout
    )
    assert own_ten_days.value("select count(*) from openai_staging.invoices") > 0
