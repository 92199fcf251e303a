"""The seeds of the simulated organization, which its people would fill in."""

import csv
from calendar import monthrange
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

import pytest
from test_simulator import TODAY, days_ago, exact_sum

from openai_costs_source.simulator.api import SimulatedApi
from openai_costs_source.simulator.organization import Organization
from openai_costs_source.simulator.seeds import write_seeds

CENT = Decimal("0.01")


def read(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


@pytest.fixture(scope="module")
def organization() -> Organization:
    return Organization(TODAY)


@pytest.fixture(scope="module")
def seeds(organization: Organization, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("seeds") / "demo"
    write_seeds(organization, folder)
    return folder


def bill(organization: Organization, month: str) -> Decimal:
    first = date.fromisoformat(f"{month}-01")
    days = [first.replace(day=n + 1) for n in range(monthrange(first.year, first.month)[1])]
    loaded = [day for day in days if day >= organization.earliest]
    return exact_sum(charge.amount for day in loaded for charge in organization.charges(day))


def test_seeds_have_the_columns_that_the_models_read(seeds: Path) -> None:
    named = ["budgets.csv", "credit_grants.csv", "invoices.csv", "teams.csv"]
    assert sorted(file.name for file in seeds.iterdir()) == named
    assert list(read(seeds / "teams.csv")[0]) == [
        "organization_id",
        "kind",
        "id",
        "team",
        "cost_center",
    ]
    assert list(read(seeds / "invoices.csv")[0]) == [
        "organization_id",
        "month",
        "amount_before_tax",
        "credits",
        "tax",
        "currency",
    ]


def test_seeds_have_the_id_of_the_organization_on_every_row(
    seeds: Path, organization: Organization
) -> None:
    for file in seeds.iterdir():
        assert {row["organization_id"] for row in read(file)} == {organization.id}


def test_seeds_are_the_same_each_time_they_are_written(seeds: Path, tmp_path: Path) -> None:
    for _ in range(2):
        write_seeds(Organization(TODAY), tmp_path)
    for file in seeds.iterdir():
        assert (tmp_path / file.name).read_bytes() == file.read_bytes()


# Teams


def test_teams_have_members_of_each_kind_and_all_of_them_were_billed(
    seeds: Path, organization: Organization
) -> None:
    teams = read(seeds / "teams.csv")
    assert all(row["team"] and row["cost_center"] for row in teams)
    assert len({(row["kind"], row["id"]) for row in teams}) == len(teams)
    charges = [charge for age in range(181) for charge in organization.charges(days_ago(age))]
    accounts = [one["id"] for listed in organization.service_accounts.values() for one in listed]
    known = {
        "project": {charge.project_id for charge in charges},
        "user": {charge.user_id for charge in charges},
        "service_account": set(accounts),
        "api_key": {charge.api_key_id for charge in charges},
    }
    assert {row["kind"] for row in teams} == set(known)
    assert all(row["id"] in known[row["kind"]] for row in teams)


def test_some_projects_and_people_have_no_team(seeds: Path, organization: Organization) -> None:
    assigned = {row["id"] for row in read(seeds / "teams.csv")}
    projects, people = set(organization.project_names), set(organization.emails)
    assert 1 <= len(projects - assigned) < len(projects) / 2
    assert 1 <= len(people & assigned) < len(people) / 2


# Invoices


def test_there_is_an_invoice_for_each_month_that_is_over(seeds: Path) -> None:
    months = [row["month"] for row in read(seeds / "invoices.csv")]
    assert months == ["2026-05", "2026-06", "2026-07", "2026-08", "2026-09", "2026-10"]


def test_each_invoice_is_the_bill_of_its_month_to_the_cent(
    seeds: Path, organization: Organization
) -> None:
    _, *whole = read(seeds / "invoices.csv")
    for row in whole:
        amount = bill(organization, row["month"])
        assert row["amount_before_tax"] == str(amount.quantize(CENT, ROUND_HALF_EVEN))


def test_the_invoice_of_the_first_month_is_higher_than_its_returned_costs(
    seeds: Path, organization: Organization
) -> None:
    first, *_ = read(seeds / "invoices.csv")
    assert organization.earliest.day > 1
    assert Decimal(first["amount_before_tax"]) > 2 * bill(organization, first["month"])


def test_a_history_from_the_first_of_a_month_has_no_partial_month(tmp_path: Path) -> None:
    organization = Organization(date(2026, 11, 28))
    assert organization.earliest == date(2026, 6, 1)
    write_seeds(organization, tmp_path)
    for row in read(tmp_path / "invoices.csv"):
        amount = bill(organization, row["month"])
        assert row["amount_before_tax"] == str(amount.quantize(CENT, ROUND_HALF_EVEN))


def test_credits_are_deducted_once_and_the_rest_is_taxed(seeds: Path) -> None:
    invoices = read(seeds / "invoices.csv")
    assert [row["month"] for row in invoices if Decimal(row["credits"])] == ["2026-09"]
    for row in invoices:
        amount, credits, tax = (
            Decimal(row[name]) for name in ("amount_before_tax", "credits", "tax")
        )
        assert 0 < tax < amount - credits <= amount
        assert tax == (Decimal("0.2") * (amount - credits)).quantize(CENT, ROUND_HALF_EVEN)
        assert row["currency"] == "USD"


def test_invoices_include_overridden_days(tmp_path: Path) -> None:
    organization = Organization(date(2026, 11, 4))
    api = SimulatedApi(organization, failure_modes=["restated"])
    write_seeds(organization, tmp_path / "plain")
    write_seeds(organization, tmp_path / "restated", api.overrides)
    plain, restated = (read(tmp_path / name / "invoices.csv")[-1] for name in ("plain", "restated"))
    assert restated["month"] == plain["month"] == "2026-10"
    assert Decimal(restated["amount_before_tax"]) < Decimal(plain["amount_before_tax"])


# Budgets and credits


def test_one_budget_of_each_month_is_too_small_and_the_others_are_not(
    seeds: Path, organization: Organization
) -> None:
    bill_of_month = bill(organization, last_month := read(seeds / "budgets.csv")[0]["from_month"])
    budgets = {row["id"]: Decimal(row["amount"]) for row in read(seeds / "budgets.csv")}
    assert date.fromisoformat(f"{last_month}-01") == last_month_of(organization)
    assert bill_of_month * Decimal("1.15") <= budgets[""] < bill_of_month * Decimal("1.15") + 100
    assert len(budgets) == 6
    for id, scope in (("proj_europe", "project_id"), ("user-greta", "user_id")):
        first = last_month_of(organization)
        days = [first + timedelta(days=n) for n in range(monthrange(first.year, first.month)[1])]
        charges = [c for day in days for c in organization.charges(day)]
        spent = exact_sum(c.amount for c in charges if getattr(c, scope) == id)
        assert (spent > budgets[id]) == (id == "proj_europe")


def test_credits_last_beyond_the_next_two_weeks(seeds: Path, organization: Organization) -> None:
    grant, expired = read(seeds / "credit_grants.csv")
    month = f"{last_month_of(organization):%Y-%m}"
    assert Decimal(grant["amount"]) >= 4 * bill(organization, month)
    assert Decimal(expired["amount"]) == -500


def last_month_of(organization: Organization) -> date:
    return (organization.today.replace(day=1) - timedelta(days=1)).replace(day=1)
