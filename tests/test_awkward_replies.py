"""Replies that are allowed but unusual: no day, amount or name may be lost."""

import json
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from conftest import FEW, TODAY, days_ago
from test_source import charge

from openai_costs_source import OpenAICostsError
from openai_costs_source.simulator.api import DEMO_ADMIN_KEY, SimulatedApi
from openai_costs_source.simulator.organization import Organization


class Awkward(SimulatedApi):
    """The demo's API; a test may set `bend`, which changes grouped pages of costs."""

    bend = staticmethod(lambda query, status, page: (status, page))

    def answer(self, method, target, authorization):
        status, body = super().answer(method, target, authorization)
        query = self.requests[-1][2]
        if "/costs" in target and "group_by" in query:
            status, page = self.bend(query, status, json.loads(body, parse_float=str))
            body = json.dumps(page)
        return status, body


@pytest.fixture
def awkward(organization):
    with Awkward(organization, overrides={}, days_per_page=5) as api:
        yield api


def refused(message, code=None, param=None):
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return 400, {"error": error}


def midnight(day):
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def loaded_days(warehouse):
    return [day for (day,) in warehouse.rows("select date from openai_raw.cost_days order by 1")]


def every_day(first):
    return [first + timedelta(days=n) for n in range((TODAY - first).days + 1)]


def rows_add_up_to_totals(warehouse):
    return warehouse.value("""
        select bool_and(abs(row_amount - api_amount) < 1e-15) from openai_raw.cost_days
    """)


KEY_FLOOR = (
    "group_by=api_key_id is not available for this time range. Try a start_time on or after "
)


def test_day_that_a_page_omitted_before_a_refusal_is_requested_again(awkward, warehouse):
    """The first page omits a day, the second is refused: both are requested without keys."""

    def bend(query, status, page):
        if "api_key_id" not in query["group_by"]:
            return status, page
        if "page" in query:
            return refused(f"{KEY_FLOOR}{midnight(TODAY)}.", param="start_time")
        if page["has_more"]:
            del page["data"][3]
        return status, page

    awkward.bend = bend
    warehouse.load(awkward, since=days_ago(70))
    assert loaded_days(warehouse) == every_day(days_ago(70))
    assert rows_add_up_to_totals(warehouse)


def test_newest_days_first_and_a_refusal_midway_lose_no_day(awkward, warehouse):
    """The first page has the newest days, the second is refused."""
    newest = []

    def bend(query, status, page):
        if "api_key_id" not in query["group_by"]:
            return status, page
        if "page" in query:
            return refused(f"{KEY_FLOOR}{midnight(days_ago(50))}.", param="start_time")
        start = datetime.fromtimestamp(int(query["start_time"][0]), UTC).date()
        if start == days_ago(65):
            page["data"] = sorted(newest, key=lambda bucket: bucket["start_time"], reverse=True)
        return status, page

    def keep(query, status, page):
        newest.extend(page["data"])
        return status, page

    awkward.bend = keep
    warehouse.load(awkward, since=days_ago(40))
    awkward.bend = bend
    warehouse.load(awkward, since=days_ago(65))
    assert loaded_days(warehouse) == every_day(days_ago(65))
    assert rows_add_up_to_totals(warehouse)


def test_history_that_shrinks_while_the_pages_are_read_loses_no_day(awkward, warehouse):
    tomorrow = str(TODAY - timedelta(days=179))

    def bend(query, status, page):
        if "page" in query and int(query["start_time"][0]) < midnight(days_ago(179)):
            return refused(
                "Usage and cost data are available for the past year. Earliest supported start "
                f"date: {tomorrow} (UTC).",
                code="reporting_lookback_exceeded",
            )
        return status, page

    awkward.bend = bend
    warehouse.load(awkward)
    assert loaded_days(warehouse) == every_day(awkward.organization.earliest)
    assert rows_add_up_to_totals(warehouse)


def users_apart_before(day):
    """A `bend` with which the API combines users with projects only from `day` on."""

    def bend(query, status, page):
        group_by = set(query["group_by"])
        if {"user_id", "project_id"} <= group_by and int(query["start_time"][0]) < midnight(day):
            return refused("user_id cannot be combined with project_id.", param="group_by")
        return status, page

    return bend


def test_users_that_cannot_be_combined_with_projects_are_loaded_separately(awkward, warehouse):
    awkward.bend = users_apart_before(TODAY + timedelta(days=1))
    warehouse.load(awkward, since=days_ago(10))
    detail = warehouse.rows("select distinct grouped_by from openai_raw.costs")
    assert detail == [("project_id,api_key_id,line_item",)]
    assert rows_add_up_to_totals(warehouse)
    worst = warehouse.value("""
        select max(abs(by_user.amount - api_amount)) from openai_raw.cost_days as days
        join (
            select date, sum(amount) as amount from openai_raw.costs_by_user group by 1
        ) as by_user on by_user.date = days.date
    """)
    assert worst < Decimal("1e-15")
    assert warehouse.value("select count(distinct user_id) from openai_raw.costs_by_user") > 5


def test_days_that_combine_users_with_projects_keep_both(awkward, warehouse):
    awkward.bend = users_apart_before(days_ago(33))
    warehouse.load(awkward, since=days_ago(70))
    spans = warehouse.rows("""
        select grouped_by, min(date), max(date) from openai_raw.costs group by 1 order by 2
    """)
    assert spans == [
        ("project_id,api_key_id,line_item", days_ago(70), days_ago(34)),
        ("project_id,user_id,api_key_id,line_item", days_ago(33), TODAY),
    ]
    by_user = "select min(date), max(date) from openai_raw.costs_by_user"
    assert warehouse.rows(by_user) == [(days_ago(70), days_ago(34))]
    assert rows_add_up_to_totals(warehouse)


def test_days_that_can_be_combined_again_are_no_longer_loaded_separately(awkward, api, warehouse):
    awkward.bend = users_apart_before(TODAY + timedelta(days=1))
    warehouse.load(awkward, since=days_ago(10))
    warehouse.load(api, since=days_ago(10))
    assert warehouse.value("select count(*) from openai_raw.costs_by_user") == 0
    assert warehouse.value("select count(user_id) from openai_raw.costs") > 0


def test_api_without_users_still_loads_the_rest(awkward, warehouse):
    def bend(query, status, page):
        if "user_id" in query["group_by"]:
            return refused("Invalid value: 'user_id'.", param="group_by")
        return status, page

    awkward.bend = bend
    warehouse.load(awkward, since=days_ago(10))
    assert warehouse.value("select count(*) from openai_raw.costs_by_user") == 0
    assert rows_add_up_to_totals(warehouse)


def test_today_may_be_missing(awkward, warehouse):
    def bend(query, status, page):
        page["data"] = [b for b in page["data"] if b["start_time"] < midnight(TODAY)]
        return status, page

    awkward.bend = bend
    warehouse.load(awkward, since=days_ago(3))
    assert loaded_days(warehouse) == every_day(days_ago(3))[:-1]


def test_two_organizations_in_one_reply_are_refused(awkward, warehouse):
    def bend(query, status, page):
        page["data"][0]["results"][0]["organization_id"] = "org-somebody-else"
        return status, page

    awkward.bend = bend
    with pytest.raises(Exception, match="several organizations"):
        warehouse.load(awkward, since=days_ago(3))


class Nameless(Organization):
    slug = None


class Unnamed(Awkward):
    def bend(self, query, status, page):
        return status, page

    def answer(self, method, target, authorization):
        status, body = super().answer(method, target, authorization)
        return status, body.replace('"organization_id"', '"some_id"')


def organizations(warehouse):
    return warehouse.rows("""
        select organization_id from openai_raw.cost_days
        union select organization_id from openai_raw.costs
    """)


def test_organization_named_on_some_rows_only_has_one_id_on_all(warehouse):
    with SimulatedApi(Nameless(TODAY)) as api:
        warehouse.load(api, since=days_ago(3))
        total = warehouse.value("select sum(amount) from openai_raw.costs")
        warehouse.load(api, since=days_ago(3))
    assert organizations(warehouse) == [("org-demo-heliotrope",)]
    assert warehouse.value("select sum(amount) from openai_raw.costs") == total


def test_organization_that_only_a_later_page_names_has_one_id_on_all(organization, warehouse):
    class NamedLate(SimulatedApi):
        def answer(self, method, target, authorization):
            status, body = super().answer(method, target, authorization)
            return status, body if "page=" in target else body.replace("organization_id", "x")

    with NamedLate(organization, days_per_page=5) as api:
        warehouse.load(api, since=days_ago(70))
    assert organizations(warehouse) == [("org-demo-heliotrope",)]


def test_organization_named_only_in_the_header_gets_its_id_once_rows_return_it(
    api, organization, warehouse
):
    api.overrides.update({day: [] for day in every_day(organization.earliest)})
    warehouse.load(api)
    assert organizations(warehouse) == [("heliotrope-labs",)]
    api.overrides[days_ago(2)] = [charge(str(n)) for n in range(1, 40)]
    warehouse.load(api)
    assert organizations(warehouse) == [("org-demo-heliotrope",)]
    assert loaded_days(warehouse) == every_day(organization.earliest)


def test_organization_keeps_its_id_after_all_days_became_empty(api, warehouse):
    warehouse.load(api, since=days_ago(3))
    api.overrides.update({day: [] for day in every_day(days_ago(40))})
    warehouse.load(api, since=days_ago(3))
    assert organizations(warehouse) == [("org-demo-heliotrope",)]
    assert warehouse.value("select count(*) from openai_raw.costs") == 0


def test_one_key_loads_even_if_nothing_names_the_organization(warehouse):
    with Unnamed(Nameless(TODAY)) as api:
        warehouse.load(api, since=days_ago(3))
    assert organizations(warehouse) == [("unknown",)]


def test_several_keys_are_refused_if_nothing_names_their_organizations(warehouse):
    with Unnamed(Nameless(TODAY)) as api, pytest.raises(Exception, match="which organization"):
        warehouse.load(api, since=days_ago(3), loaded=set())


class BentListings(SimulatedApi):
    """The demo's API; `bends` change its listings, by the last part of their path."""

    def __init__(self, *settings, **bends):
        super().__init__(*settings)
        self.bends = bends

    def answer(self, method, target, authorization):
        status, body = super().answer(method, target, authorization)
        _, path, query = self.requests[-1]
        bend = self.bends.get(path.rsplit("/", 1)[-1])
        if bend:
            status, listing = bend(path, query, status, json.loads(body))
            body = json.dumps(listing)
        return status, body


def twice(path, query, status, listing):
    if status == 200:
        listing["data"] *= 2
    return status, listing


def test_object_that_is_listed_twice_is_stored_once(organization, warehouse):
    with BentListings(organization, users=twice, projects=twice, api_keys=twice) as api:
        warehouse.load(api, since=days_ago(1), resources=FEW)
    for table in ("users", "projects", "api_keys"):
        doubled = f"select id from openai_raw.{table} group by id having count(*) > 1"
        assert warehouse.rows(doubled) == []


def test_key_that_two_projects_list_is_stored_once(organization, warehouse):
    def same_key(path, query, status, listing):
        if status == 200:
            for key in listing["data"]:
                key["id"] = "key_shared"
        return status, listing

    with BentListings(organization, api_keys=same_key) as api:
        warehouse.load(api, since=days_ago(1), resources=FEW)
        warehouse.load(api, since=days_ago(1), resources=FEW)
    assert warehouse.rows("select id from openai_raw.api_keys") == [("key_shared",)]
    listed = "select id from openai_raw.listed where kind = 'api_key'"
    assert warehouse.rows(listed) == [("key_shared",)]


def test_api_that_does_not_know_owner_project_access_still_lists_keys(organization, warehouse):
    def unknown(path, query, status, listing):
        if "owner_project_access" in query:
            return refused("Unknown parameter: 'owner_project_access'.", "unknown_parameter")
        return status, listing

    with BentListings(organization, api_keys=unknown) as api:
        warehouse.load(api, since=days_ago(1), resources=FEW)
    assert warehouse.value("select count(*) from openai_raw.api_keys") > 20


def test_archived_project_that_is_not_found_is_not_retried(organization, warehouse):
    def outage(path, query, status, listing):
        return (404, {"error": {"message": "Not here."}}) if status == 403 else (status, listing)

    began = time.monotonic()
    with BentListings(organization, api_keys=outage) as api:
        warehouse.load(api, since=days_ago(1), resources=FEW)
    assert time.monotonic() - began < 30
    assert warehouse.value("select count(*) from openai_raw.api_keys") > 20


def test_refused_listing_is_reported_and_costs_still_load(organization, warehouse, caplog):
    def no(path, query, status, listing):
        return 403, {"error": {"message": "You are not allowed to do this."}}

    with BentListings(organization, users=no) as api:
        warehouse.load(api, since=days_ago(1), resources=FEW)
    assert "You are not allowed to do this" in caplog.text
    assert warehouse.value("select sum(amount) from openai_raw.costs") > Decimal(0)


def test_missing_key_is_an_error_before_any_request(api):
    from openai_costs_source import admin_keys

    with pytest.raises(OpenAICostsError, match="No key"):
        admin_keys()
    with pytest.raises(OpenAICostsError, match="not an admin key"):
        admin_keys([DEMO_ADMIN_KEY, "sk-proj-1"])


class Truncated(Awkward):
    """Grouped replies omit a row of one day, in as many replies as `times`."""

    day = days_ago(4)
    times = 10**6

    def bend(self, query, status, page):
        for bucket in page["data"]:
            if bucket["start_time"] == midnight(self.day) and self.times:
                self.times -= 1
                bucket["results"].pop()
        return status, page


def test_day_that_was_truncated_once_is_requested_again(organization, warehouse, caplog):
    with Truncated(organization) as api:
        api.times = 1
        warehouse.load(api, since=days_ago(6))
    assert loaded_days(warehouse) == every_day(days_ago(6))
    assert rows_add_up_to_totals(warehouse)
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


class NoisyTotals(SimulatedApi):
    """Ungrouped totals have the rounding errors of sums of doubles."""

    def answer(self, method, target, authorization):
        status, body = super().answer(method, target, authorization)
        if "/costs" in target and "group_by" not in target and status == 200:
            body = json.dumps(json.loads(body, parse_float=lambda text: float(text) * (1 + 1e-15)))
        return status, body


def test_noise_of_doubles_in_openais_total_does_not_skip_a_day(organization, warehouse):
    with NoisyTotals(organization) as api:
        warehouse.load(api, since=days_ago(6))
    assert loaded_days(warehouse) == every_day(days_ago(6))


def test_day_that_does_not_add_up_keeps_its_stored_rows_and_the_others_load(
    api, organization, warehouse, caplog
):
    stored = f"select line_item, amount from openai_raw.costs where date = '{Truncated.day}'"
    warehouse.load(api)
    before = sorted(warehouse.rows(stored))
    with Truncated(organization, overrides={days_ago(5): [charge("7")]}) as cut:
        warehouse.load(cut)
    assert sorted(warehouse.rows(stored)) == before
    other = f"select sum(amount) from openai_raw.costs where date = '{days_ago(5)}'"
    assert warehouse.value(other) == 7
    assert str(Truncated.day) in caplog.text


def test_day_that_does_not_add_up_is_requested_until_it_does(api, organization, warehouse):
    with Truncated(organization) as cut:
        warehouse.load(cut)
    assert Truncated.day not in loaded_days(warehouse)
    warehouse.load(api, refetch_days=1)
    assert Truncated.day in loaded_days(warehouse)
    assert rows_add_up_to_totals(warehouse)
