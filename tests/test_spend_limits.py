"""Budgets set at OpenAI: stored exactly, removed when deleted, kept when they cannot be read."""

import copy
import json
from datetime import timedelta
from decimal import Decimal

import pytest
from conftest import TODAY
from running import dbt
from test_awkward_replies import BentListings

from openai_costs_source.extract.spend_limits import LIMIT, readable, spend_limit_rows
from openai_costs_source.simulator.api import SimulatedApi
from openai_costs_source.simulator.organization import Organization

ORGANIZATION = "org-demo-heliotrope"
IN_FORCE = """
    select budgets.id, threshold_amount
    from openai_raw.spend_limits as budgets
    inner join openai_raw.listed using (organization_id, kind, id)
    inner join openai_raw.listings
        on listings.organization_id = listed.organization_id and listings.kind = listed.kind
        and listings.project_id = listed.project_id
    where valid_to is null and listed.listed_at >= listings.listed_at
    order by all
"""
OF_THE_DEMO = [
    ("alert_heliotrope-30000", Decimal(30_000)),
    ("alert_heliotrope-45000", Decimal(45_000)),
    ("alert_storefront-15000", Decimal(15_000)),
    (ORGANIZATION, Decimal(60_000)),
    ("proj_studio", Decimal(9_000)),
]
NO_PERMISSION = "You have insufficient permissions for this operation. Missing scopes: any."


@pytest.fixture
def changing():
    """An organization whose budgets a test may change between two loads."""
    organization = Organization(TODAY)
    with SimulatedApi(organization) as api:
        yield organization, api


def load(warehouse, api, *others, **settings):
    warehouse.load(api, resources=["spend_limits", *others], **settings)


def refusing(status, message, *starts, code=None):
    """A `bend` that refuses requests of paths that start with one of `starts`, or all paths."""

    def bend(path, query, status_before, page):
        if not starts or path.removeprefix("/v1/organization/").startswith(starts):
            return status, {"error": {"message": message, "code": code}}
        return status_before, page

    return bend


def bent(organization, bend):
    return BentListings(organization, spend_limit=bend, spend_alerts=bend)


def budget_requests(api):
    return [path for _, path, _ in api.requests if "/spend_" in path]


def warnings(caplog):
    return [r.getMessage() for r in caplog.records if r.levelname in ("WARNING", "ERROR")]


def test_limits_and_alerts_are_stored_exactly(api, warehouse):
    load(warehouse, api)
    columns = "organization_id, kind, id, project_id, threshold_amount, currency, period"
    stored = warehouse.rows(
        f"select {columns}, enforcement_status from openai_raw.spend_limits order by kind, id"
    )
    usd = ("USD", "month")
    assert stored == [
        (ORGANIZATION, "spend_alert", "alert_heliotrope-30000", None, Decimal(30_000), *usd, None),
        (ORGANIZATION, "spend_alert", "alert_heliotrope-45000", None, Decimal(45_000), *usd, None),
        (
            *(ORGANIZATION, "spend_alert", "alert_storefront-15000", "proj_storefront"),
            *(Decimal(15_000), *usd, None),
        ),
        (ORGANIZATION, "spend_limit", ORGANIZATION, None, Decimal(60_000), *usd, "inactive"),
        (
            ORGANIZATION,
            "spend_limit",
            "proj_studio",
            "proj_studio",
            Decimal(9_000),
            *usd,
            "inactive",
        ),
    ]
    types = "select distinct typeof(threshold_amount) from openai_raw.spend_limits"
    assert warehouse.rows(types) == [("DECIMAL(38,18)",)]


def test_each_kind_is_requested_once_per_project_and_not_for_archived_ones(api, warehouse):
    load(warehouse, api)
    paths = budget_requests(api)
    assert len(paths) == len(set(paths)) == 2 + 2 * 5
    assert not [path for path in paths if "prototype" in path]
    assert {method for method, _, _ in api.requests} == {"GET"}


def test_removed_alert_and_limit_are_no_longer_in_force(changing, warehouse):
    organization, api = changing
    load(warehouse, api)
    assert warehouse.rows(IN_FORCE) == OF_THE_DEMO
    organization.spend_alerts[""].pop(0)
    del organization.spend_alerts["proj_storefront"]
    del organization.spend_limits["proj_studio"]
    load(warehouse, api)
    assert warehouse.rows(IN_FORCE) == [OF_THE_DEMO[1], OF_THE_DEMO[3]]


def test_alert_that_is_set_again_is_in_force_again(changing, warehouse):
    organization, api = changing
    load(warehouse, api)
    alerts = organization.spend_alerts.pop("proj_storefront")
    load(warehouse, api)
    organization.spend_alerts["proj_storefront"] = alerts
    load(warehouse, api)
    assert warehouse.rows(IN_FORCE) == OF_THE_DEMO


def test_lowered_limit_replaces_the_former_one_which_stays_as_history(changing, warehouse):
    organization, api = changing
    load(warehouse, api)
    organization.spend_limits["proj_studio"] |= {
        "threshold_amount": 123_45,
        "enforcement": {"status": "enforcing"},
    }
    load(warehouse, api)
    assert warehouse.rows(IN_FORCE) == [*OF_THE_DEMO[:4], ("proj_studio", Decimal("123.45"))]
    history = """
        select threshold_amount, enforcement_status, valid_to is null from openai_raw.spend_limits
        where id = 'proj_studio' order by valid_from
    """
    assert warehouse.rows(history) == [
        (Decimal(9_000), "inactive", False),
        (Decimal("123.45"), "enforcing", True),
    ]


def test_project_that_refuses_keeps_its_budgets(changing, warehouse, caplog):
    organization, api = changing
    load(warehouse, api)
    organization.spend_limits[""]["threshold_amount"] = 50_000_00
    refuse = refusing(403, "You are not allowed to do this.", "projects/")
    with bent(organization, refuse) as refusing_api:
        load(warehouse, refusing_api)
    assert warehouse.rows(IN_FORCE) == [
        *OF_THE_DEMO[:3],
        (ORGANIZATION, Decimal(50_000)),
        OF_THE_DEMO[4],
    ]
    (message,) = warnings(caplog)
    assert "You are not allowed to do this" in message
    assert "stay unchanged" in message


def test_project_that_is_archived_has_nothing_in_force(changing, warehouse):
    organization, api = changing
    load(warehouse, api)
    studio = next(each for each in organization.projects if each["id"] == "proj_studio")
    studio["status"] = "archived"
    load(warehouse, api)
    assert warehouse.rows(IN_FORCE) == OF_THE_DEMO[:4]


def test_key_without_permission_loads_the_rest_and_reports_it_once(organization, warehouse, caplog):
    with bent(organization, refusing(403, NO_PERMISSION)) as api:
        load(warehouse, api, "costs", "users", since=TODAY - timedelta(days=2))
    assert warehouse.value("select count(*) from openai_raw.users") == 13
    assert warehouse.value("select sum(amount) from openai_raw.costs") > 0
    (message,) = warnings(caplog)
    assert "insufficient permissions" in message
    # What the key cannot read for the organization is not requested for its projects.
    assert len(budget_requests(api)) == 2


def test_key_that_loses_the_permission_keeps_the_budgets(organization, api, warehouse):
    load(warehouse, api)
    with bent(organization, refusing(401, NO_PERMISSION)) as refusing_api:
        load(warehouse, refusing_api)
    assert warehouse.rows(IN_FORCE) == OF_THE_DEMO


@pytest.mark.parametrize("code", [None, "not_found"])
def test_api_that_does_not_know_the_paths_keeps_the_budgets(organization, api, warehouse, code):
    load(warehouse, api)
    with bent(organization, refusing(404, "Invalid URL (GET /v1)", code=code)) as unknowing:
        load(warehouse, unknowing)
    assert warehouse.rows(IN_FORCE) == OF_THE_DEMO
    assert len(budget_requests(unknowing)) == 2


@pytest.mark.parametrize("code", [None, "not_found", "spend_alert_not_set"])
def test_another_404_means_that_no_budget_is_set(organization, api, warehouse, caplog, code):
    load(warehouse, api)
    with bent(organization, refusing(404, "None is set.", code=code)) as unset:
        load(warehouse, unset)
    assert warehouse.rows(IN_FORCE) == []
    assert warnings(caplog) == []


def test_outage_keeps_the_budgets_and_is_an_error_of_the_run(organization, api, warehouse, caplog):
    load(warehouse, api)
    with bent(organization, refusing(500, "The server had an error.")) as out:
        load(warehouse, out, "users")
    assert warehouse.rows(IN_FORCE) == OF_THE_DEMO
    assert warehouse.value("select count(*) from openai_raw.users") == 13
    messages = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert all("The server had an error." in message for message in messages)
    # Limits and alerts, of the organization and of its projects.
    assert len(messages) == 4


def test_budgets_in_an_unknown_format_are_an_error_that_stops_no_other_table(
    organization, api, warehouse, caplog
):
    load(warehouse, api)
    with bent(organization, lambda path, query, status, page: (200, {"limits": 7})) as changed:
        load(warehouse, changed, "users")
    assert warehouse.rows(IN_FORCE) == OF_THE_DEMO
    assert warehouse.value("select count(*) from openai_raw.users") == 13
    (message,) = warnings(caplog)
    assert "it is not a spend limit" in message
    assert "ERROR" in {record.levelname for record in caplog.records}


def test_limit_without_a_number_of_cents_is_skipped_and_reported(changing, warehouse, caplog):
    organization, api = changing
    load(warehouse, api)
    organization.spend_limits[""]["threshold_amount"] = "unlimited"
    load(warehouse, api)
    assert warehouse.rows(IN_FORCE) == [*OF_THE_DEMO[:3], OF_THE_DEMO[4]]
    (message,) = warnings(caplog)
    assert f"spend limit {ORGANIZATION}" in message


@pytest.mark.parametrize(
    "threshold", ["6000000", 60000.5, Decimal("6E6"), None, True, -1, 10**22, []], ids=repr
)
def test_threshold_that_is_not_a_number_of_cents_is_not_readable(threshold, caplog):
    assert readable(LIMIT, [{"id": "proj_1", "threshold_amount": threshold}]) == []
    (message,) = warnings(caplog)
    assert "spend limit proj_1" in message


def limit(**fields):
    (budget,) = readable(LIMIT, [{"id": "proj_1", "threshold_amount": 1, **fields}])
    (row,) = spend_limit_rows("org-1", LIMIT, "proj_1", [budget]).to_pylist()
    return row


@pytest.mark.parametrize(
    ("cents", "stored"),
    [(0, "0"), (1, "0.01"), (6_000_000, "60000"), (10**22 - 1, "99999999999999999999.99")],
)
def test_cents_are_stored_exactly_in_the_unit_of_the_currency(cents, stored):
    assert limit(threshold_amount=cents)["threshold_amount"] == Decimal(stored)


@pytest.mark.parametrize("value", [None, 7, True, [], {}], ids=repr)
def test_other_values_of_a_wrong_type_become_null(value):
    row = limit(currency=value, interval=value, enforcement=value)
    assert [row[name] for name in ("currency", "period", "enforcement_status")] == [None] * 3
    assert limit(enforcement={"status": value})["enforcement_status"] is None


def test_currency_is_stored_in_upper_case():
    assert limit(currency="usd")["currency"] == "USD"


def test_alerts_beyond_a_page_are_read(changing, warehouse):
    organization, api = changing
    (alert,) = organization.spend_alerts["proj_storefront"]
    organization.spend_alerts["proj_storefront"] = [{**alert, "id": f"a{n}"} for n in range(205)]
    load(warehouse, api)
    of_project = "select count(*) from openai_raw.spend_limits where project_id = '{}'"
    assert warehouse.value(of_project.format("proj_storefront")) == 205


def test_no_address_of_a_recipient_is_in_the_warehouse(organization, api, warehouse):
    assert "finops@heliotrope.example" in json.dumps(organization.spend_alerts)
    load(warehouse, api, "users")
    written = b"".join(path.read_bytes() for path in warehouse.folder.rglob("*") if path.is_file())
    assert b"finops@" not in written
    assert b"storefront-15000" in written


def test_two_organizations_keep_their_own_budgets(organization, api, warehouse):
    other = copy.copy(organization)
    other.id, other.slug = "org-other", "other"
    other.spend_limits = {"": {**organization.spend_limits[""], "threshold_amount": 1_00}}
    other.spend_alerts = {}
    with SimulatedApi(other) as api_of_other:
        for _ in range(2):
            load(warehouse, api, "costs", since=TODAY, loaded=set())
            load(warehouse, api_of_other, "costs", since=TODAY, loaded=set())
    assert warehouse.rows(IN_FORCE) == sorted([*OF_THE_DEMO, ("org-other", Decimal(1))])


def test_models_have_only_the_budgets_in_force(changing, warehouse):
    organization, api = changing
    load(warehouse, api, "costs", since=TODAY - timedelta(days=1))
    organization.spend_alerts[""].pop(0)
    organization.spend_limits["proj_studio"]["threshold_amount"] = 8_000_00
    load(warehouse, api)
    built = dbt("build", "--select", "+int_openai__spend_limits", warehouse=warehouse)
    assert built.returncode == 0, built.stdout
    limits = """
        select id, threshold_amount, last_seen_on
        from openai_intermediate.int_openai__spend_limits
    """
    assert sorted(warehouse.rows(limits)) == [
        ("alert_heliotrope-45000", Decimal(45_000), TODAY),
        ("alert_storefront-15000", Decimal(15_000), TODAY),
        (ORGANIZATION, Decimal(60_000), TODAY),
        ("proj_studio", Decimal(8_000), TODAY),
    ]


def test_models_have_no_budgets_if_none_were_loaded(api, warehouse):
    warehouse.load(api, resources=["costs"], since=TODAY)
    built = dbt("build", "--select", "+int_openai__spend_limits", warehouse=warehouse)
    assert built.returncode == 0, built.stdout
    assert warehouse.rows("select * from openai_intermediate.int_openai__spend_limits") == []
