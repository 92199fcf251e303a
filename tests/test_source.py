"""What the dlt source loads into a real DuckDB, run after run."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from conftest import FEW, TODAY, RememberingApi, ShortHistory, days_ago
from dlt.pipeline.exceptions import PipelineStepFailed

from openai_costs_source import OpenAICostsError, openai_costs
from openai_costs_source.simulator.api import DEMO_ADMIN_KEY, SimulatedApi
from openai_costs_source.simulator.charges import Charge
from openai_costs_source.simulator.organization import Organization

DAY = days_ago(5)
COSTS = "/v1/organization/costs"


def charge(amount, line_item="gpt-5.6-sol, input", **fields):
    row = {
        "project_id": "proj_storefront",
        "user_id": None,
        "api_key_id": None,
        "line_item": line_item,
        "amount": Decimal(amount),
        "quantity": Decimal(1),
        "quantity_unit": "tokens",
    }
    return Charge(**{**row, **fields})


def loaded_day(warehouse, day=DAY):
    return warehouse.rows(
        f"select line_item, amount from openai_raw.costs where date = '{day}' order by 1"
    )


def requests_for_costs(api):
    return [query for method, path, query in api.requests if path == COSTS]


def test_first_run_loads_the_whole_history_and_equals_the_apis_own_totals(
    api, organization, warehouse
):
    warehouse.load(api)
    days, first, last = warehouse.rows(
        "select count(*), min(date), max(date) from openai_raw.cost_days"
    )[0]
    assert (first, last) == (organization.earliest, TODAY)
    assert days == (TODAY - organization.earliest).days + 1
    differing = warehouse.rows("""
        select date from openai_raw.cost_days
        where abs(row_amount - api_amount) > (row_count + 1) * 0.000000000000000001
    """)
    assert differing == []


def test_every_cost_row_has_the_utc_day_of_its_bucket(api, warehouse):
    warehouse.load(api, since=days_ago(3))
    wrong = """
        select count(*) from openai_raw.costs
        where epoch(bucket_start) <> epoch(date::timestamp)
        or epoch(bucket_end) - epoch(bucket_start) <> 86400
    """
    assert warehouse.value(wrong) == 0


def test_second_run_changes_no_row(api, warehouse):
    everything = """
        select * exclude (loaded_at) from openai_raw.costs order by all
    """
    warehouse.load(api)
    before = warehouse.rows(everything)
    warehouse.load(api)
    assert warehouse.rows(everything) == before


def test_later_run_reads_one_page_of_the_trailing_days(api, warehouse):
    warehouse.load(api)
    api.requests.clear()
    warehouse.load(api)
    grouped = [query for query in requests_for_costs(api) if "group_by" in query]
    assert len(grouped) == 1
    midnight = datetime.combine(days_ago(35), datetime.min.time(), UTC)
    assert grouped[0]["start_time"] == [str(int(midnight.timestamp()))]


def test_later_run_reads_one_page_without_recent_usage_too(organization, warehouse):
    idle = {days_ago(n): [] for n in range(12)}
    with RememberingApi(organization, overrides=idle) as api:
        warehouse.load(api, start_date=days_ago(60))
        api.requests.clear()
        warehouse.load(api, start_date=days_ago(60))
    assert [q["limit"] for q in requests_for_costs(api) if "group_by" in q] == [["36"]]


def test_refetch_days_decides_how_many_days_are_read_again(api, warehouse):
    warehouse.load(api, since=days_ago(180))
    warehouse.load(api)
    api.requests.clear()
    warehouse.load(api, refetch_days=2)
    assert {query["limit"][0] for query in requests_for_costs(api)} == {"3"}


def test_restated_day_replaces_the_stored_day(api, warehouse):
    api.overrides[DAY] = [charge("1.5"), charge("2.5", "gpt-5.6-sol, output")]
    warehouse.load(api)
    api.overrides[DAY] = [charge("1.75"), charge("2.5", "gpt-5.6-sol, output")]
    warehouse.load(api)
    assert loaded_day(warehouse) == [
        ("gpt-5.6-sol, input", Decimal("1.75")),
        ("gpt-5.6-sol, output", Decimal("2.5")),
    ]


def test_row_that_openai_no_longer_returns_is_removed(api, warehouse):
    api.overrides[DAY] = [charge("1.5"), charge("2.5", "gpt-5.6-sol, output")]
    warehouse.load(api)
    api.overrides[DAY] = [charge("1.5")]
    warehouse.load(api)
    assert loaded_day(warehouse) == [("gpt-5.6-sol, input", Decimal("1.5"))]


def test_emptied_day_is_removed_and_stays_in_the_ledger(api, warehouse):
    api.overrides[DAY] = [charge("1.5")]
    warehouse.load(api)
    api.overrides[DAY] = []
    warehouse.load(api)
    assert loaded_day(warehouse) == []
    ledger = f"select row_count, row_amount from openai_raw.cost_days where date = '{DAY}'"
    assert warehouse.rows(ledger) == [(0, Decimal(0))]


def test_refilled_day_is_loaded_again(api, warehouse):
    api.overrides[DAY] = []
    warehouse.load(api)
    api.overrides[DAY] = [charge("3")]
    warehouse.load(api)
    assert loaded_day(warehouse) == [("gpt-5.6-sol, input", Decimal(3))]


def test_only_the_named_days_are_loaded_again(api, warehouse):
    warehouse.load(api)
    total = warehouse.value("select sum(amount) from openai_raw.costs")
    day_before = warehouse.value(
        f"select sum(amount) from openai_raw.costs where date = '{days_ago(70)}'"
    )
    api.overrides[days_ago(70)] = [charge("1")]
    api.overrides[days_ago(71)] = [charge("1")]
    warehouse.load(api, since=days_ago(70), until=days_ago(69))
    assert warehouse.value("select sum(amount) from openai_raw.costs") == total - day_before + 1


def test_named_days_before_anything_else_do_not_count_as_history(api, organization, warehouse):
    warehouse.load(api, since=days_ago(10), until=days_ago(8))
    assert warehouse.value("select count(*) from openai_raw.cost_days") == 2
    warehouse.load(api)
    first = warehouse.value("select min(date) from openai_raw.cost_days")
    assert first == organization.earliest


def test_pause_of_two_months_leaves_no_gap(api, organization, warehouse):
    warehouse.load(api, until=days_ago(60))
    warehouse.load(api)
    days = (TODAY - organization.earliest).days + 1
    assert warehouse.value("select count(*) from openai_raw.cost_days") == days


def test_days_before_openais_history_stay(api, organization, warehouse):
    warehouse.load(api)
    rows = warehouse.value("select count(*) from openai_raw.costs")
    shortened = ShortHistory(TODAY + timedelta(days=1))
    assert shortened.earliest > organization.earliest
    api.organization = shortened
    warehouse.load(api, since=organization.earliest, until=days_ago(74))
    assert warehouse.value("select count(*) from openai_raw.costs") == rows


def test_start_date_limits_the_first_load_and_moving_it_back_loads_the_rest(api, warehouse):
    warehouse.load(api, start_date=days_ago(40))
    assert warehouse.value("select min(date) from openai_raw.cost_days") == days_ago(40)
    warehouse.load(api, start_date=days_ago(60))
    assert warehouse.value("select min(date) from openai_raw.cost_days") == days_ago(60)


def test_days_before_keys_were_recorded_keep_project_user_and_line_item(organization, warehouse):
    floor = int(datetime.combine(days_ago(10), datetime.min.time(), UTC).timestamp())
    with RememberingApi(organization, key_floor=floor) as api:
        warehouse.load(api, since=days_ago(13))
    by_grouping = warehouse.rows("""
        select grouped_by, min(date), max(date), count(project_id) > 0, count(user_id) > 0,
            count(line_item) > 0, count(api_key_id) > 0
        from openai_raw.costs group by 1 order by 2
    """)
    assert by_grouping == [
        ("project_id,user_id,line_item", days_ago(13), days_ago(11), True, True, True, False),
        ("project_id,user_id,api_key_id,line_item", days_ago(10), TODAY, True, True, True, True),
    ]
    assert warehouse.value("select max(abs(row_amount - api_amount)) from openai_raw.cost_days") < (
        Decimal("1e-15")
    )


def test_archived_projects_and_their_names_are_loaded(api, warehouse):
    warehouse.load(api, resources=["projects"])
    assert (
        warehouse.value("select count(*) from openai_raw.projects where status = 'archived'") == 1
    )


def test_keys_of_every_project_come_with_their_owner(api, organization, warehouse):
    warehouse.load(api, resources=["api_keys"])
    active = [project for project in organization.projects if project["status"] == "active"]
    projects, ownerless = warehouse.rows("""
        select count(distinct project_id), count(*) - count(owner_id) from openai_raw.api_keys
    """)[0]
    assert (projects, ownerless) == (len(active), 0)
    assert set(warehouse.rows("select distinct owner_type from openai_raw.api_keys")) == {
        ("user",),
        ("service_account",),
    }


def test_user_who_left_keeps_the_last_known_name(api, warehouse):
    warehouse.load(api, resources=["users"])
    gone = api.organization.users.pop()
    try:
        warehouse.load(api, resources=["users"])
    finally:
        api.organization.users.append(gone)
    name = warehouse.value(f"select name from openai_raw.users where id = '{gone['id']}'")
    assert name == gone["name"]


class WithoutManagementScope(SimulatedApi):
    def answer(self, method, target, authorization):
        if "/costs" in target:
            return super().answer(method, target, authorization)
        return 403, (
            '{"error": {"message": "You have insufficient permissions for this operation. '
            'Missing scopes: api.management.read.", "type": "invalid_request_error", '
            '"param": null, "code": null}}'
        )


def test_key_that_may_not_read_names_still_loads_costs(organization, warehouse, caplog):
    with WithoutManagementScope(organization) as api:
        warehouse.load(api, since=days_ago(3), resources=FEW)
    assert warehouse.value("select count(*) from openai_raw.costs") > 0
    assert warehouse.value("select count(*) from openai_raw.users") == 0
    assert "api.management.read" in caplog.text


def test_two_keys_of_one_organization_load_it_once(api, warehouse):
    warehouse.load(api, admin_key=f"{DEMO_ADMIN_KEY},{DEMO_ADMIN_KEY}", since=days_ago(3))
    per_day = warehouse.rows("select count(*) from openai_raw.cost_days group by date")
    assert set(per_day) == {(1,)}


class OtherOrganization(Organization):
    id = "org-demo-other"
    slug = "other"


def test_organizations_share_a_warehouse_without_changing_each_other(api, warehouse):
    warehouse.load(api, since=days_ago(3))
    with RememberingApi(OtherOrganization(TODAY), overrides={days_ago(2): []}) as other:
        warehouse.load(other, since=days_ago(3))
    days = warehouse.rows("select organization_id, count(*) from openai_raw.cost_days group by 1")
    assert len(days) == 2
    kept = f"select count(*) from openai_raw.costs where date = '{days_ago(2)}'"
    assert warehouse.value(kept) > 0


class Broken(SimulatedApi):
    def answer(self, method, target, authorization):
        status, body = super().answer(method, target, authorization)
        is_midway = "page=" in target and "group_by=" in target
        return (status, body[: len(body) // 2]) if is_midway else (status, body)


def test_failed_run_leaves_every_day_unchanged(api, organization, warehouse):
    warehouse.load(api)
    before = warehouse.rows("select * from openai_raw.costs order by all")
    with (
        Broken(organization, days_per_page=60) as broken,
        pytest.raises(Exception, match="not JSON"),
    ):
        warehouse.load(broken, since=days_ago(150))
    assert warehouse.rows("select * from openai_raw.costs order by all") == before


class Skipping(SimulatedApi):
    """Omits the second bucket of every page."""

    def answer(self, method, target, authorization):
        import json

        status, body = super().answer(method, target, authorization)
        if status == 200 and "/costs" in target and "group_by" in target:
            page = json.loads(body, parse_float=str)
            del page["data"][1]
            body = json.dumps(page)
        return status, body


def test_page_that_omits_a_day_is_an_error(organization, warehouse):
    with (
        Skipping(organization) as api,
        pytest.raises(Exception, match=f"left out days.*{days_ago(9)}"),
    ):
        warehouse.load(api, since=days_ago(10))


@pytest.mark.parametrize(
    ("setting", "value", "sentence"),
    [
        ("admin_key", "sk-proj-1", "not an admin key"),
        ("base_url", "http://example.com/v1", "https://"),
        ("start_date", "2026-02-30", "start_date is 2026-02-30"),
        ("start_date", "2999-01-01", "in the future"),
        ("refetch_days", "many", "refetch_days is many"),
        ("group_by", "project_id,team", "not team"),
    ],
)
def test_invalid_setting_is_refused_before_any_request(setting, value, sentence):
    settings = {"admin_key": DEMO_ADMIN_KEY, setting: value}
    with pytest.raises(OpenAICostsError, match=sentence) as refusal:
        openai_costs(**settings)
    assert refusal.value.is_wrong_use


def test_source_is_built_without_a_key_and_a_run_without_one_sends_no_request(api, warehouse):
    with pytest.raises(PipelineStepFailed, match="No key: set OPENAI_ADMIN_KEY") as failure:
        warehouse.load(api, admin_key=None)
    error = failure.value.__cause__
    while not isinstance(error, OpenAICostsError):
        error = error.__cause__
    assert error.is_wrong_use
    assert api.requests == []


def test_settings_come_from_dlts_configuration(api, warehouse, monkeypatch):
    monkeypatch.setenv("SOURCES__OPENAI_COSTS__ADMIN_KEY", DEMO_ADMIN_KEY)
    monkeypatch.setenv("SOURCES__OPENAI_COSTS__GROUP_BY", "line_item")
    monkeypatch.setenv("OPENAI_BASE_URL", api.base_url)
    warehouse.load(api, admin_key=None, base_url=None, since=days_ago(2))
    assert warehouse.rows("select distinct grouped_by from openai_raw.costs") == [("line_item",)]


def test_misspelt_setting_is_refused_by_the_source(monkeypatch):
    monkeypatch.setenv("SOURCES__OPENAI_COSTS__REFETCH_DAY", "3")
    with pytest.raises(OpenAICostsError, match=r"no setting sources\.openai_costs\.refetch_day\."):
        openai_costs(admin_key="sk-admin-unused")


def test_settings_of_dlt_in_the_section_are_accepted(monkeypatch):
    monkeypatch.setenv("SOURCES__OPENAI_COSTS__DATA_WRITER__BUFFER_MAX_ITEMS", "100")
    assert openai_costs(admin_key="sk-admin-unused").resources
