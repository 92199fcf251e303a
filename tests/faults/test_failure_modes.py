"""Unusual replies of OpenAI's administration API: no load loses a day, an amount or a name.

Expected amounts come from the organization's charges, never from loaded rows.
"""

import contextlib
import json
import re
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Context, Decimal
from pathlib import Path

import pytest
from conftest import FEW, TODAY, RememberingApi, Warehouse, days_ago
from dlt.pipeline.exceptions import PipelineStepFailed
from running import dbt, run_pipeline
from test_source import COSTS, charge, requests_for_costs

from openai_costs_source import OpenAICostsError
from openai_costs_source.api.date_ranges import BY_USER, GROUP_BY
from openai_costs_source.doctor import check_key
from openai_costs_source.extract.load_state import RETRIED_AFTER
from openai_costs_source.simulator.charges import EXACT
from openai_costs_source.simulator.failure_modes import FAILURE_MODES, credited_days, restated_days
from openai_costs_source.simulator.organization import Organization
from openai_costs_source.simulator.prices import AGENT_RUNTIME
from openai_costs_source.simulator.server import Reply
from openai_costs_source.simulator.unix_time import midnight

WHOLE = ",".join(GROUP_BY)
WITHOUT_KEYS = "project_id,user_id,line_item"
WITHOUT_USERS = "project_id,api_key_id,line_item"
WITHOUT_BOTH = "project_id,line_item"


@pytest.fixture(autouse=True)
def waits(monkeypatch):
    """The waits of the client in seconds; it does not really wait."""
    pauses = []
    monkeypatch.setattr(
        "openai_costs_source.api.retry._sleep", lambda seconds, cancelled: pauses.append(seconds)
    )
    return pauses


@pytest.fixture
def serve(organization, monkeypatch):
    """A function that serves an organization with failure modes: names, or functions like them."""
    with contextlib.ExitStack() as servers:

        def started(*modes, of=organization, **settings):
            named = {getattr(mode, "__name__", mode): mode for mode in modes}
            for name, mode in named.items():
                if callable(mode):
                    monkeypatch.setitem(FAILURE_MODES, name, mode)
            return servers.enter_context(RememberingApi(of, failure_modes=named, **settings))

        yield started


@pytest.fixture
def clock(monkeypatch):
    """A function that sets the day which the source takes for today."""

    def set_to(today):
        class Clock(datetime):
            @classmethod
            def now(cls, tz=None):
                return datetime.now(tz) + (today - TODAY)

        monkeypatch.setattr("openai_costs_source.source.datetime", Clock)

    return set_to


SHORT_PAGES = {"days_per_page": 3}
"""The API returns three days a page, whatever the limit, so that few days need page tokens."""


class OneWeek(Organization):
    """An organization whose history reaches six days back."""

    def __init__(self, today):
        super().__init__(today)
        self.earliest = today - timedelta(days=6)


def days(first, last=0):
    return [days_ago(n) for n in range(first, last - 1, -1)]


def billed(charges, by):
    """The sums of charges by these dimensions, as the warehouse stores them."""
    sums = {}
    for row in charges:
        key = tuple(getattr(row, name) for name in by)
        sums[key] = EXACT.add(sums.get(key, Decimal(0)), row.amount)
    return {key: as_stored(amount) for key, amount in sums.items()}


def as_stored(amount):
    return Decimal(amount).quantize(Decimal("1e-18"), context=Context(prec=80))


def stored(warehouse, by=GROUP_BY, table="costs"):
    """The rows with this grouping by day, as `billed` returns them; null amounts are zero."""
    rows_by_day = {}
    for day, amount, *dimensions in warehouse.rows(f"""
        select date, coalesce(amount, 0), {", ".join(by)} from openai_raw.{table}
        where grouped_by = '{",".join(by)}'
    """):
        of_day = rows_by_day.setdefault(day, {})
        assert tuple(dimensions) not in of_day, f"a charge of {day} is stored twice"
        of_day[tuple(dimensions)] = amount
    return rows_by_day


def ledger(warehouse):
    return warehouse.rows("""
        select date, grouped_by, row_count, row_amount, api_amount, is_closed
        from openai_raw.cost_days order by date
    """)


def groupings(warehouse):
    """The groupings of the stored days, each with its first and last day."""
    return warehouse.rows("""
        select grouped_by, min(date), max(date) from openai_raw.cost_days group by 1 order by 2, 1
    """)


def assert_whole(warehouse, organization, expected_days, overrides=(), by=None):
    """Exactly these days are stored, to the last digit, and the ledger agrees with the rows."""
    in_ledger, overrides = ledger(warehouse), dict(overrides)
    assert [day for day, *_ in in_ledger] == expected_days
    rows = {grouping: stored(warehouse, grouping.split(",")) for _, grouping, *_ in in_ledger}
    for day, grouped_by, row_count, row_amount, api_amount, is_closed in in_ledger:
        charges = overrides[day] if day in overrides else organization.charges(day)
        expected = billed(charges, grouped_by.split(","))
        assert rows[grouped_by].get(day, {}) == expected
        assert (row_count, row_amount) == (len(expected), sum(expected.values()))
        assert api_amount == sum(billed(charges, ()).values())
        assert is_closed == (day < organization.today)
        assert by in (None, grouped_by)
    assert warehouse.value("select count(*) from openai_raw.costs") == sum(
        row[2] for row in in_ledger
    )
    unrequested = """
        select grouped_by from openai_raw.costs
        where (user_id is not null and not contains(grouped_by, 'user_id'))
        or (api_key_id is not null and not contains(grouped_by, 'api_key_id'))
    """
    assert warehouse.rows(unrequested) == []


def assert_users_apart(warehouse, organization, expected_days):
    """`costs_by_user` contains all costs of these days by user and line item, and no other day."""
    expected = {day: billed(organization.charges(day), BY_USER) for day in expected_days}
    charged = {day: of_day for day, of_day in expected.items() if of_day}
    assert stored(warehouse, BY_USER, "costs_by_user") == charged
    assert warehouse.value("select count(*) from openai_raw.costs_by_user") == sum(
        len(of_day) for of_day in charged.values()
    )


def refused(status, message, param=None, code=None):
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return Reply(status, json.dumps({"error": error}), {"Content-Type": "application/json"})


def on_pages(change):
    """The failure mode that changes each page of costs, grouped or not, in place."""

    def mode(request, reply):
        if not request.path.endswith("/costs") or reply.status != 200:
            return reply
        page = json.loads(reply.body, parse_float=str)
        change(request, page)
        return replace(reply, body=json.dumps(page))

    mode.__name__ = change.__name__
    return mode


def recording_refusals(refusals):
    """A failure mode that changes no reply, and records the queries that the API refused."""

    def record(request, reply):
        if reply.status == 400:
            refusals.append(request.query)
        return reply

    return record


def stop_after_60_requests(request, reply):
    """Stop a client that never stops requesting pages."""
    return refused(403, "This client never stops.") if request.number > 60 else reply


def failure(warehouse, api, **settings):
    """The error that a load fails with."""
    with pytest.raises(PipelineStepFailed) as failed:
        warehouse.load(api, **settings)
    error = failed.value
    while not isinstance(error, OpenAICostsError):
        error = error.__cause__ or error.__context__
    assert "no data" not in str(error).lower()
    return error


def load_costs(warehouse, api, **settings):
    return warehouse.load(api, resources=["costs"], **settings)


def warnings_of(caplog):
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


def test_users_apart_keeps_projects_and_stores_users_separately(serve, organization, warehouse):
    load_costs(warehouse, serve("users-apart"), since=days_ago(5))
    assert_whole(warehouse, organization, days(5), by=WITHOUT_USERS)
    assert_users_apart(warehouse, organization, days(5))


def test_users_apart_before_a_day_are_stored_separately_before_it_only(
    serve, organization, warehouse
):
    load_costs(warehouse, serve("users-apart-before"), since=days_ago(23))
    assert groupings(warehouse) == [
        (WITHOUT_USERS, days_ago(23), days_ago(21)),
        (WHOLE, days_ago(20), TODAY),
    ]
    assert_whole(warehouse, organization, days(23))
    assert_users_apart(warehouse, organization, days(23, 21))


def test_users_apart_are_not_requested_if_the_group_by_setting_omits_users(
    serve, organization, warehouse
):
    api = serve("users-apart")
    load_costs(warehouse, api, since=days_ago(2), group_by="project_id,line_item")
    assert_whole(warehouse, organization, days(2), by=WITHOUT_BOTH)
    assert_users_apart(warehouse, organization, [])
    assert not any("user_id" in query.get("group_by", ()) for query in requests_for_costs(api))


@pytest.mark.parametrize("first_with_keys", [6, 3, -1])
def test_key_floor_removes_only_the_keys_of_the_days_before_it(
    first_with_keys, serve, organization, warehouse
):
    api = serve(key_floor=midnight(days_ago(first_with_keys)))
    load_costs(warehouse, api, since=days_ago(6))
    before = [(WITHOUT_KEYS, days_ago(6), days_ago(first_with_keys + 1))]
    after = [(WHOLE, days_ago(first_with_keys), TODAY)]
    assert groupings(warehouse) == before * (first_with_keys < 6) + after * (first_with_keys >= 0)
    assert_whole(warehouse, organization, days(6))


def test_key_floor_within_a_day_returns_keys_from_the_next_day_on(serve, organization, warehouse):
    api = serve(key_floor=midnight(days_ago(3)) + 3600)
    load_costs(warehouse, api, since=days_ago(4))
    assert groupings(warehouse)[-1] == (WHOLE, days_ago(2), TODAY)
    assert_whole(warehouse, organization, days(4))


def test_users_apart_and_key_floor_together_keep_projects_and_line_items(
    serve, organization, warehouse
):
    load_costs(warehouse, serve("users-apart", "key-floor"), since=days_ago(22))
    assert groupings(warehouse) == [
        (WITHOUT_BOTH, days_ago(22), days_ago(21)),
        (WITHOUT_USERS, days_ago(20), TODAY),
    ]
    assert_whole(warehouse, organization, days(22))
    assert_users_apart(warehouse, organization, days(22))


@pytest.mark.parametrize(
    ("floor", "between"), [(10, WITHOUT_KEYS), (21, WITHOUT_USERS)], ids=["after", "before"]
)
def test_users_apart_and_key_floor_from_different_days_load_each_day_in_most_detail(
    floor, between, serve, organization, warehouse
):
    api = serve("users-apart-before", key_floor=midnight(days_ago(floor)))
    load_costs(warehouse, api, since=days_ago(22))
    first, second = sorted([20, floor], reverse=True)
    assert groupings(warehouse) == [
        (WITHOUT_BOTH, days_ago(22), days_ago(first + 1)),
        (between, days_ago(first), days_ago(second + 1)),
        (WHOLE, days_ago(second), TODAY),
    ]
    assert_whole(warehouse, organization, days(22))
    assert_users_apart(warehouse, organization, days(22, 21))


def test_users_apart_and_key_floor_are_stored_and_not_requested_again(
    serve, organization, warehouse
):
    refusals = []
    api = serve("users-apart-before", "key-floor", recording_refusals(refusals))
    load_costs(warehouse, api, start_date=days_ago(22))
    first_run, first_requests = len(refusals), len(api.requests)
    assert first_run > 1
    before = groupings(warehouse)
    load_costs(warehouse, api, start_date=days_ago(22))
    assert len(refusals) == first_run
    assert len(api.requests) - first_requests < first_requests
    assert groupings(warehouse) == before
    assert_whole(warehouse, organization, days(22))
    assert_users_apart(warehouse, organization, days(22, 21))


def test_users_apart_and_key_floor_stay_stored_after_a_load_of_given_days(serve, warehouse):
    refusals = []
    api = serve("users-apart-before", "key-floor", recording_refusals(refusals))
    load_costs(warehouse, api, start_date=days_ago(22))
    load_costs(warehouse, api, since=days_ago(2))
    refusals.clear()
    load_costs(warehouse, api, start_date=days_ago(22))
    assert refusals == []


def test_users_apart_and_key_floor_are_tried_again_after_30_days(serve, clock, warehouse):
    refusals = []
    settings = {"start_date": days_ago(2), "refetch_days": 60}
    load_costs(warehouse, serve("users-apart", key_floor=midnight(TODAY)), **settings)
    for later, expected in ((29, WITHOUT_BOTH), (30, WHOLE)):
        now = TODAY + timedelta(days=later)
        clock(now)
        api = serve(recording_refusals(refusals), of=Organization(now), key_floor=0)
        load_costs(warehouse, api, **settings)
        assert groupings(warehouse)[0][:2] == (expected, days_ago(2))
    assert refusals == []
    assert timedelta(days=30) == RETRIED_AFTER


def test_api_keys_that_no_day_has_are_omitted_and_reported(serve, organization, warehouse, caplog):
    load_costs(warehouse, serve("no-api-keys"), since=days_ago(5))
    assert_whole(warehouse, organization, days(5), by=WITHOUT_KEYS)
    (message,) = warnings_of(caplog)
    assert "group_by=api_key_id is not available for this organization." in message
    assert f"no api_key_id in costs of {days_ago(5)} to {TODAY}." in message


def test_passing_refusal_of_a_dimension_is_reported_and_ends_with_the_load(
    serve, organization, warehouse, caplog
):
    def no_line_items(request, reply):
        if "line_item" not in request.group_by:
            return reply
        return refused(400, "group_by=line_item is not available.")

    load_costs(warehouse, serve(no_line_items), start_date=str(days_ago(9)))
    assert_whole(warehouse, organization, days(9), by="project_id,user_id,api_key_id")
    (message,) = warnings_of(caplog)
    assert f"OpenAI returned no line_item in costs of {days_ago(9)} to {TODAY}." in message
    load_costs(warehouse, serve(), start_date=str(days_ago(9)))
    assert_whole(warehouse, organization, days(9), by=WHOLE)


def test_service_tiers_that_are_refused_do_not_omit_the_users_that_the_refusal_lists(
    serve, warehouse, caplog
):
    resources = ["costs", "usage_completions", "usage_embeddings"]
    warehouse.load(serve("no-service-tier"), since=days_ago(3), resources=resources)
    grouped = warehouse.rows("""
        select kind, grouped_by, count(*) from openai_raw.usage_days group by all order by 1
    """)
    assert grouped == [
        ("completions", "project_id,user_id,api_key_id,model,batch", 4),
        ("embeddings", "project_id,user_id,api_key_id,model", 4),
    ]
    assert warehouse.value("select count(distinct user_id) from openai_raw.usage_completions") > 1
    assert len(warnings_of(caplog)) == 1


def test_dimensions_beyond_the_most_that_the_api_groups_by_are_omitted(
    serve, organization, warehouse
):
    load_costs(warehouse, serve("two-dimensions"), since=days_ago(5))
    assert_whole(warehouse, organization, days(5), by=WITHOUT_BOTH)
    assert_users_apart(warehouse, organization, days(5))


def test_history_is_cut_to_the_days_that_openai_still_returns(serve, warehouse):
    organization = OneWeek(TODAY)
    load_costs(warehouse, serve(of=organization), since=days_ago(12))
    assert_whole(warehouse, organization, days(6), by=WHOLE)
    known = warehouse.rows("select earliest_day, earliest_seen_on from openai_raw.organizations")
    assert known == [(days_ago(6), TODAY)]


def test_history_that_ends_on_a_later_page_loses_no_day(serve, warehouse):
    refusals = []
    organization = OneWeek(TODAY)
    api = serve("horizon-on-a-later-page", recording_refusals(refusals), of=organization)
    load_costs(warehouse, api, since=days_ago(6), refetch_days=2)
    assert {("group_by" in query, "page" in query) for query in refusals} == {
        (False, True),
        (True, True),
    }
    assert_whole(warehouse, organization, days(6), by=WHOLE)


def test_history_users_apart_and_key_floor_together_keep_the_detail_of_each_day(serve, warehouse):
    organization = OneWeek(TODAY)
    modes = ("users-apart", "horizon-on-a-later-page")
    api = serve(*modes, of=organization, key_floor=midnight(days_ago(2)))
    load_costs(warehouse, api, since=days_ago(9))
    assert groupings(warehouse) == [
        (WITHOUT_BOTH, days_ago(6), days_ago(3)),
        (WITHOUT_USERS, days_ago(2), TODAY),
    ]
    assert_whole(warehouse, organization, days(6))
    assert_users_apart(warehouse, organization, days(6))


def test_history_that_openai_no_longer_returns_stays_after_a_load_of_everything(
    serve, clock, warehouse
):
    organization = OneWeek(TODAY)
    load_costs(warehouse, serve(of=organization), since=days_ago(6))
    later = TODAY + timedelta(days=3)
    clock(later)
    load_costs(warehouse, serve(of=OneWeek(later)), since=days_ago(6))
    assert [day for day, *_ in ledger(warehouse)][:4] == days(6, 3)
    for day in days(6, 4):
        assert stored(warehouse)[day] == billed(organization.charges(day), GROUP_BY)


class ManyYears(Organization):
    """An organization whose history reaches 800 days back, with one dollar per day."""

    def __init__(self, today):
        super().__init__(today)
        self.earliest = today - timedelta(days=800)

    def charges(self, day):
        return [charge("1")]


@pytest.mark.parametrize(("kind", "reach"), [(OneWeek, 6), (ManyYears, 800)])
def test_history_is_loaded_in_full_by_the_first_run(kind, reach, serve, warehouse):
    load_costs(warehouse, serve(of=kind(TODAY)))
    assert [day for day, *_ in ledger(warehouse)] == days(reach)


AMOUNTS = [
    "12345678.123456789012345678",
    "0.0000045",
    "0.000000000000000001",
    "1234.1000000000000000005",
    "-1.25",
    "7",
    "0",
]
SPELLINGS = {
    "number": "{}",
    "string": '"{:f}"',
    "number-of-39-decimals": "{:.39f}",
    "string-of-39-decimals": '"{:.39f}"',
    "exponent": "{:e}",
    "string-with-exponent": '"{:E}"',
}


@pytest.fixture
def spelled(monkeypatch):
    """Make the API spell zero, and other amounts, in a given way."""

    def spell(pattern, zero):
        monkeypatch.setattr(
            "openai_costs_source.simulator.costs.literal",
            lambda amount, *row: pattern.format(amount) if amount else zero,
        )

    return spell


@pytest.mark.parametrize("zero", ["0E-6176", '"0E-6176"'])
def test_amounts_of_zero_are_zero_in_any_spelling(zero, spelled, serve, organization, warehouse):
    spelled("{}", zero)
    overrides = {days_ago(1): [charge("0"), charge("0", "web search tool calls")], days_ago(2): []}
    api = serve(overrides=overrides)
    load_costs(warehouse, api, since=days_ago(2), until=TODAY)
    assert_whole(warehouse, organization, days(2, 1), overrides)
    assert warehouse.value("select count(*) from openai_raw.costs") == 2


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_amounts_keep_every_digit_in_any_spelling(
    spelling, spelled, serve, organization, warehouse
):
    spelled(SPELLINGS[spelling], "0E-6176")
    overrides = {days_ago(1): [charge(amount, f"item {amount}") for amount in AMOUNTS]}
    api = serve(overrides=overrides)
    load_costs(warehouse, api, since=days_ago(1), until=TODAY)
    assert_whole(warehouse, organization, days(1, 1), overrides)
    amounts = {
        line_item: amount for (*_, line_item), amount in stored(warehouse)[days_ago(1)].items()
    }
    assert amounts == {f"item {amount}": as_stored(amount) for amount in AMOUNTS}


def test_amounts_may_be_numbers_and_strings_in_one_reply(serve, organization, warehouse):
    types = set()

    def record_types(request, reply):
        if request.path == COSTS and reply.status == 200:
            page = json.loads(reply.body, parse_float=lambda text: ("number", text))
            for bucket in page["data"]:
                types.update(type(row["amount"]["value"]) for row in bucket["results"])
        return reply

    load_costs(warehouse, serve(record_types), since=days_ago(2))
    assert {str, tuple} <= types
    assert_whole(warehouse, organization, days(2), by=WHOLE)


def test_amounts_may_be_missing_and_the_row_is_kept_with_its_quantity(
    serve, organization, warehouse
):
    load_costs(warehouse, serve("missing-amounts"), since=days_ago(6))
    assert_whole(warehouse, organization, days(6), by=WHOLE)
    free = warehouse.rows("""
        select count(*) > 0, sum(quantity) from openai_raw.costs
        where amount is null and currency is null
    """)
    used = [c for day in days(6) for c in organization.charges(day) if not c.amount]
    assert free == [(True, sum(charge.quantity for charge in used))]


def test_amounts_of_zero_with_a_quantity_are_stored_as_free_usage(serve, organization, warehouse):
    load_costs(warehouse, serve(), since=days_ago(6))
    free = warehouse.rows("""
        select date, line_item, sum(quantity), count(distinct quantity_unit)
        from openai_raw.costs where amount = 0 group by all
    """)
    used = {
        (day, charge.line_item, charge.quantity, 1)
        for day in days(6)
        for charge in organization.charges(day)
        if not charge.amount
    }
    assert set(free) == used
    assert used


def test_amounts_below_zero_are_stored_and_may_make_a_day_negative(serve, organization, warehouse):
    overrides = {days_ago(1): [charge("-3.000000000000000001"), charge("1", "gpt-5.6-sol, output")]}
    load_costs(warehouse, serve(overrides=overrides), since=days_ago(1), until=TODAY)
    assert_whole(warehouse, organization, days(1, 1), overrides)
    assert ledger(warehouse)[0][3] == Decimal("-2.000000000000000001")


def test_amounts_keep_the_currency_that_the_api_returns(serve, warehouse):
    def in_euros(request, page):
        for bucket in page["data"]:
            for result in bucket["results"]:
                result["amount"]["currency"] = "eur"

    load_costs(warehouse, serve(on_pages(in_euros)), since=days_ago(1))
    assert warehouse.rows("select distinct currency from openai_raw.costs") == [("eur",)]


def test_quantities_may_be_null_and_their_unit_any_text(serve, organization, warehouse):
    load_costs(warehouse, serve("unknown-units"), since=days_ago(3))
    assert_whole(warehouse, organization, days(3), by=WHOLE)
    units = warehouse.rows("""
        select quantity_unit, count(quantity) = count(*) from openai_raw.costs group by 1 order by 1
    """)
    assert units == [("Zeichen", True), ("parsecs", True), (None, False)]
    quantities = {
        (day, *(getattr(charge, name) for name in GROUP_BY), charge.quantity)
        for day in days(3)
        for charge in organization.charges(day)
    }
    query = f"select date, {WHOLE}, quantity from openai_raw.costs where quantity is not null"
    assert set(warehouse.rows(query)) <= quantities


def test_extras_may_all_be_missing(serve, organization, warehouse):
    api = serve("no-extras")
    load_costs(warehouse, api, since=days_ago(3))
    assert_whole(warehouse, organization, days(3), by=WHOLE)
    named = """
        select distinct organization_id, organization_name, project_name, user_email
        from openai_raw.costs
    """
    assert warehouse.rows(named) == [("heliotrope-labs", None, None, None)]


def test_extras_that_are_missing_later_do_not_split_the_organization(
    serve, organization, warehouse
):
    load_costs(warehouse, serve(), since=days_ago(3))
    load_costs(warehouse, serve("no-extras"), since=days_ago(3))
    assert_whole(warehouse, organization, days(3), by=WHOLE)
    organizations = "select distinct organization_id from openai_raw.cost_days"
    assert warehouse.rows(organizations) == [("org-demo-heliotrope",)]


def test_extras_that_are_added_later_do_not_split_the_organization(serve, organization, warehouse):
    load_costs(warehouse, serve("no-extras"), since=days_ago(3))
    load_costs(warehouse, serve(), since=days_ago(3))
    assert_whole(warehouse, organization, days(3), by=WHOLE)
    organizations = "select distinct organization_id from openai_raw.cost_days"
    assert warehouse.rows(organizations) == [("org-demo-heliotrope",)]


@pytest.mark.parametrize("before", [True, False], ids=["known-before", "new"])
def test_extras_name_the_organization_if_the_header_is_missing(
    before, serve, organization, warehouse
):
    if before:
        load_costs(warehouse, serve(), since=days_ago(3))
    load_costs(warehouse, serve("no-header"), since=days_ago(3))
    assert_whole(warehouse, organization, days(3), by=WHOLE)
    organizations = "select distinct organization_id from openai_raw.cost_days"
    assert warehouse.rows(organizations) == [("org-demo-heliotrope",)]


def test_extras_and_header_may_be_missing_on_the_first_load(serve, organization, warehouse):
    load_costs(warehouse, serve("no-extras", "no-header"), since=days_ago(3))
    assert_whole(warehouse, organization, days(3), by=WHOLE)


def test_extras_and_header_that_are_missing_on_the_first_load_double_no_costs(
    serve, organization, warehouse
):
    for api in (serve("no-extras", "no-header"), serve()):
        load_costs(warehouse, api, since=days_ago(3))
    assert_whole(warehouse, organization, days(3), by=WHOLE)


def test_extras_and_header_that_are_missing_later_fail_the_load(serve, organization, warehouse):
    load_costs(warehouse, serve(), since=days_ago(3))
    error = failure(warehouse, serve("no-extras", "no-header"), since=days_ago(3))
    assert "do not say which organization" in error.message
    assert "gateway" in error.remedy
    assert_whole(warehouse, organization, days(3), by=WHOLE)


def test_extras_may_differ_between_rows_of_one_reply(serve, organization, warehouse):
    def different_keys(request, page):
        for bucket in page["data"]:
            for n, result in enumerate(bucket["results"]):
                for name in [name for name, value in result.items() if value is None]:
                    del result[name]
                if n % 2:
                    result["unheard_of"] = {"n": n}

    load_costs(warehouse, serve(on_pages(different_keys)), since=days_ago(3))
    assert_whole(warehouse, organization, days(3), by=WHOLE)


def test_restated_days_are_replaced_completely(serve, organization, warehouse):
    load_costs(warehouse, serve(), since=days_ago(10))
    load_costs(warehouse, serve("restated"), since=days_ago(10))
    overrides = restated_days(organization)
    assert_whole(warehouse, organization, days(10), overrides, by=WHOLE)
    log = warehouse.rows("""
        select date, was_amount, is_amount, was_row_count, is_row_count
        from openai_raw.cost_restatements order by date
    """)
    assert log == [
        (
            day,
            *(sum(billed(charges, GROUP_BY).values()) for charges in (was, overrides[day])),
            *(len(billed(charges, GROUP_BY)) for charges in (was, overrides[day])),
        )
        for day in sorted(overrides)
        for was in [organization.charges(day)]
    ]


def test_empty_days_are_in_the_ledger(serve, organization, warehouse):
    overrides = {day: [] for day in days(6, 2)}
    load_costs(warehouse, serve(overrides=overrides), since=days_ago(6))
    assert_whole(warehouse, organization, days(6), overrides, by=WHOLE)
    assert [rows for _, _, rows, *_ in ledger(warehouse)][:5] == [0] * 5


def test_open_days_are_replaced_once_they_are_over(serve, clock, warehouse):
    today, tomorrow = Organization(TODAY), Organization(TODAY + timedelta(days=1))
    settings = {"start_date": days_ago(3), "refetch_days": 0}
    load_costs(warehouse, serve(of=today), **settings)
    assert_whole(warehouse, today, days(3), by=WHOLE)
    clock(tomorrow.today)
    load_costs(warehouse, serve(of=tomorrow), **settings)
    assert today.charges(TODAY) != tomorrow.charges(TODAY)
    assert stored(warehouse)[TODAY] == billed(tomorrow.charges(TODAY), GROUP_BY)
    assert [(day, closed) for day, *_, closed in ledger(warehouse)][-2:] == [
        (TODAY, True),
        (tomorrow.today, False),
    ]


def test_open_days_are_completed_by_the_loads_after_them(serve, clock, warehouse):
    today, later = Organization(TODAY), Organization(TODAY + timedelta(days=2))
    settings = {"start_date": days_ago(3)}
    load_costs(warehouse, serve(of=today), **settings)
    clock(later.today)
    load_costs(warehouse, serve(of=later), **settings)
    assert_whole(warehouse, later, [*days(3), TODAY + timedelta(days=1), later.today], by=WHOLE)


def test_open_days_may_have_no_bucket_yet(serve, organization, warehouse):
    load_costs(warehouse, serve("today-is-missing"), since=days_ago(3))
    assert_whole(warehouse, organization, days(3, 1), by=WHOLE)


def date_range(query):
    return int(query["start_time"][0]), int(query["end_time"][0])


def test_tokens_are_sent_with_the_query_that_created_them(serve, organization, warehouse):
    refusals = []
    api = serve(recording_refusals(refusals), **SHORT_PAGES)
    load_costs(warehouse, api, since=days_ago(7))
    first, paged = [], []
    for query in requests_for_costs(api):
        (paged if "page" in query else first).append({**query, "page": None})
    assert len(paged) >= 4
    assert all(query in first for query in paged)
    # Each date range begins where the one before it ends; the last one includes today.
    ranges = [date_range(query) for query in first if "group_by" in query]
    edges = [midnight(days_ago(7)), *(until for _, until in ranges)]
    assert [since for since, _ in ranges] == edges[:-1]
    assert edges[-1] == midnight(days_ago(-1))
    assert {date_range(query)[1] for query in first if "group_by" not in query} == {edges[-1]}
    assert refusals == []
    assert_whole(warehouse, organization, days(7), by=WHOLE)


def test_tokens_that_expire_lose_no_day(serve, organization, warehouse):
    refusals = []

    def tokens_expire(request, reply):
        if "page" not in request.query:
            return reply
        message = "The page token is invalid, have you modified the query parameters?"
        return refused(400, message, "page")

    api = serve(tokens_expire, recording_refusals(refusals), **SHORT_PAGES)
    load_costs(warehouse, api, since=days_ago(7))
    assert {"group_by" in query for query in refusals} == {False, True}
    assert_whole(warehouse, organization, days(7), by=WHOLE)


def test_tokens_are_not_stored(serve, warehouse):
    api = serve(**SHORT_PAGES)
    info = load_costs(warehouse, api, since=days_ago(7))
    assert any("page" in query for query in requests_for_costs(api))
    assert "page_" not in json.dumps(info.pipeline.state, default=str)
    tables = "select count(*) from information_schema.columns where column_name like '%page%'"
    assert warehouse.value(tables) == 0


def test_pages_after_the_last_bucket_are_not_requested_forever(serve, organization, warehouse):
    load_costs(
        warehouse,
        serve("pages-without-end", stop_after_60_requests, **SHORT_PAGES),
        since=days_ago(7),
    )
    assert_whole(warehouse, organization, days(7), by=WHOLE)


def test_cut_replies_with_has_more_and_no_token_are_an_error(serve, warehouse):
    error = failure(warehouse, serve("more-without-a-token"), since=days_ago(3))
    assert error.message == "OpenAI's /organization/costs announced more pages but named none."


def test_cut_replies_with_has_more_and_no_token_are_an_error_on_an_empty_page_too(serve, warehouse):
    def empty_and_more(request, page):
        page |= {"data": [], "has_more": True, "next_page": None}

    error = failure(warehouse, serve(on_pages(empty_and_more)), since=days_ago(3))
    assert error.message == "OpenAI's /organization/costs announced more pages but named none."


def test_tokens_that_repeat_are_an_error(serve, warehouse):
    error = failure(warehouse, serve("same-token-again", stop_after_60_requests), since=days_ago(3))
    assert error.message == "OpenAI's /organization/costs named the same next page twice."


@pytest.mark.parametrize(
    ("mode", "sentence"),
    [
        ("day-is-missing", f"left out days that were requested, the first {days_ago(4)}. Nothing"),
        ("body-is-cut", "gave a reply that cannot be used (application/json): it is not JSON."),
    ],
)
def test_cut_replies_are_an_error(mode, sentence, serve, warehouse):
    assert sentence in str(failure(warehouse, serve(mode), since=days_ago(6)))


def test_buckets_in_any_order_are_stored_under_their_days(serve, organization, warehouse):
    load_costs(warehouse, serve("buckets-in-no-order"), since=days_ago(5))
    assert_whole(warehouse, organization, days(5), by=WHOLE)


def test_cut_replies_without_a_row_keep_only_its_day_from_being_stored(
    serve, organization, warehouse, caplog
):
    load_costs(warehouse, serve("row-is-missing"), since=days_ago(6))
    assert_whole(warehouse, organization, [*days(6, 5), *days(3)], by=WHOLE)
    (message,) = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert f"The rows of {days_ago(4)} do not add up to OpenAI's own total" in message


def test_group_by_is_repeated_for_each_dimension(serve, organization, warehouse):
    api = serve()
    load_costs(warehouse, api, since=days_ago(2))
    grouped = [query["group_by"] for query in requests_for_costs(api) if "group_by" in query]
    assert grouped == [list(GROUP_BY)]
    assert not any("[" in name for query in requests_for_costs(api) for name in query)
    assert_whole(warehouse, organization, days(2), by=WHOLE)


def test_group_by_contains_api_source_only_if_the_setting_does(serve, organization, warehouse):
    overrides = {days_ago(1): [charge("1", AGENT_RUNTIME), charge("2")]}
    api = serve(overrides=overrides)
    for by in (WHOLE, "project_id,line_item,api_source"):
        api.requests.clear()
        load_costs(warehouse, api, since=days_ago(2), group_by=by)
        grouped = [query["group_by"] for query in requests_for_costs(api) if "group_by" in query]
        assert grouped == [by.split(",")]
        assert_whole(warehouse, organization, days(2), overrides, by=by)
    sources = warehouse.rows("select distinct api_source from openai_raw.costs order by 1")
    assert sources == [("agents_api",), ("unlabeled",)]


def test_listings_include_archived_projects_with_their_names(serve, organization, warehouse):
    warehouse.load(serve(), resources=["projects"])
    names = dict(warehouse.rows("select id, name from openai_raw.projects"))
    assert names == organization.project_names


def test_listings_continue_after_the_last_id_of_a_page(serve, organization, warehouse, monkeypatch):
    monkeypatch.setattr("openai_costs_source.api.client.OBJECTS_PER_PAGE", 3)
    api = serve()
    warehouse.load(api, resources=["projects", "users", "api_keys"])
    for table, listed in (
        ("projects", organization.projects),
        ("users", organization.users),
        ("api_keys", [key for keys in organization.api_keys.values() for key in keys]),
    ):
        ids = [id for (id,) in warehouse.rows(f"select id from openai_raw.{table}")]
        assert sorted(ids) == sorted(one["id"] for one in listed)
    after = [query.get("after") for _, path, query in api.requests if path.endswith("/users")]
    ids = [user["id"] for user in organization.users]
    assert after == [None, *([last] for last in ids[2:-1:3])]


def test_listings_request_100_objects_at_most(serve, warehouse):
    api = serve()
    warehouse.load(api, resources=["projects", "users", "api_keys"])
    limits = {query["limit"][0] for _, path, query in api.requests if path != COSTS}
    assert limits == {"100"}


@pytest.mark.parametrize(
    ("status", "code"), [(403, None), (404, "not_found"), (404, None), (400, "project_archived")]
)
def test_listings_of_an_archived_project_that_refuses_are_skipped_without_a_warning(
    status, code, serve, organization, warehouse, caplog, waits
):
    def archived_refuses(request, reply):
        refuses = reply.status == 403 and request.path.endswith("/api_keys")
        message = "Project is archived."
        return refused(status, message, "project_id", code) if refuses else reply

    warehouse.load(serve(archived_refuses), resources=["projects", "api_keys"])
    stored_keys = warehouse.value("select count(*) from openai_raw.api_keys")
    assert stored_keys == sum(len(keys) for keys in organization.api_keys.values())
    assert warnings_of(caplog) == []
    assert waits == []


def test_costs_of_deleted_users_and_keys_remain(serve, organization, warehouse):
    warehouse.load(serve(), since=days_ago(14), resources=FEW)
    assert_whole(warehouse, organization, days(14), by=WHOLE)
    for column, table, gone in (
        ("api_key_id", "api_keys", "key_storefront-canary"),
        ("user_id", "users", "user-noah"),
    ):
        unlisted = warehouse.rows(f"""
            select {column} from openai_raw.costs anti join openai_raw.{table} on {column} = id
            where {column} is not null group by 1 having sum(amount) > 0
        """)
        assert (gone,) in unlisted


def test_owner_of_a_key_is_a_user_or_a_service_account(serve, organization, warehouse):
    warehouse.load(serve(), resources=["projects", "api_keys"])
    owners = warehouse.rows("select id, owner_type, owner_id from openai_raw.api_keys")
    expected = [
        (key["id"], kind, key["owner"][kind]["id"])
        for keys in organization.api_keys.values()
        for key in keys
        for kind in [key["owner"]["type"]]
    ]
    assert sorted(owners) == sorted(expected)
    assert {kind for _, kind, _ in expected} == {"user", "service_account"}


NEEDED_SCOPES = "The key needs the Usage API scope and Organization administration set to read"


@pytest.mark.parametrize(("mode", "status"), [("ordinary-key", 403), ("ordinary-key-401", 401)])
def test_ordinary_key_is_recognized_by_the_text_and_not_by_the_status(
    mode, status, serve, warehouse
):
    error = failure(warehouse, serve(mode), since=days_ago(3))
    assert error.status == status
    assert "insufficient permissions for this operation. Missing scopes: api.usage" in error.message
    assert NEEDED_SCOPES in error.remedy


def test_revoked_key_is_recognized_by_its_code_and_has_a_remedy(serve, warehouse):
    error = failure(warehouse, serve("revoked-key"), since=days_ago(3))
    assert (error.status, error.code) == (401, "invalid_api_key")
    assert "Incorrect API key provided: sk-a***min." in error.message
    assert "create a new admin key" in error.remedy


@pytest.mark.parametrize("status", [403, 401])
def test_restricted_key_without_management_scope_loads_costs_and_warns(
    status, serve, organization, warehouse, caplog
):
    def with_status(request, reply):
        return replace(reply, status=status) if reply.status == 403 else reply

    warehouse.load(serve("no-management-scope", with_status), since=days_ago(3), resources=FEW)
    assert_whole(warehouse, organization, days(3), by=WHOLE)
    warnings = warnings_of(caplog)
    assert len(warnings) == 2
    for path in ("/organization/projects", "/organization/users"):
        assert any(path in line and "api.management.read" in line for line in warnings)
    assert all(line.endswith("Ids take the place of these names.") for line in warnings)


def test_restricted_key_without_usage_scope_is_an_error(serve, warehouse):
    error = failure(warehouse, serve("no-usage-scope"), since=days_ago(3))
    assert "Missing scopes: api.usage.read" in error.message
    assert NEEDED_SCOPES in error.remedy


def test_key_of_another_organization_leaves_stored_days_unchanged(serve, organization, warehouse):
    load_costs(warehouse, serve(), since=days_ago(3))
    load_costs(warehouse, serve("other-organization"), since=days_ago(3))
    rows = dict(
        warehouse.rows(
            "select organization_id, sum(row_count) from openai_raw.cost_days group by 1"
        )
    )
    expected = sum(len(billed(organization.charges(day), GROUP_BY)) for day in days(3))
    assert rows == {"org-demo-heliotrope": expected, "org-demo-empty": 0}


def rate_limited(request, reply):
    if request.number % 4:
        return reply
    return replace(refused(429, "Rate limit reached."), headers={"Retry-After": "7"})


def test_rate_limit_is_waited_for_as_long_as_retry_after(serve, organization, warehouse, waits):
    load_costs(warehouse, serve(rate_limited), since=days_ago(3), max_wait_seconds=600)
    assert set(waits) == {7}
    assert_whole(warehouse, organization, days(3), by=WHOLE)


def test_rate_limit_without_retry_after_is_waited_for_with_growing_pauses(
    serve, organization, warehouse, waits
):
    def limited_at_first(request, reply):
        return refused(429, "Rate limit reached.") if request.number < 4 else reply

    load_costs(warehouse, serve(limited_at_first), since=days_ago(3), max_wait_seconds=600)
    assert waits == [1, 2, 4, 8]
    assert_whole(warehouse, organization, days(3), by=WHOLE)


def test_rate_limit_that_does_not_end_is_an_error_in_openais_words(serve, warehouse, waits):
    def limited(request, reply):
        return refused(429, "Rate limit reached.")

    error = failure(warehouse, serve(limited), since=days_ago(3), max_wait_seconds=3)
    assert waits == [1, 2]
    assert error.message == "OpenAI's /organization/costs refused with 429: Rate limit reached."
    assert error.remedy == "This may be temporary: run again later."


@pytest.mark.parametrize("status", [404, 503])
def test_outage_is_waited_for_on_every_path(status, serve, organization, warehouse, waits):
    requested = set()

    def out_at_first(request, reply):
        first = request.path not in requested
        requested.add(request.path)
        return refused(status, "Not found.") if first and reply.status == 200 else reply

    warehouse.load(serve(out_at_first), since=days_ago(1), max_wait_seconds=600, resources=FEW)
    active = [project for project in organization.projects if project["status"] == "active"]
    assert len(waits) == 3 + 2 * len(active)
    assert_whole(warehouse, organization, days(1), by=WHOLE)
    assert warehouse.value("select count(*) from openai_raw.users") == len(organization.users)


def test_404_with_the_code_not_found_is_no_outage(serve, warehouse, waits):
    def not_found(request, reply):
        return refused(404, "Invalid URL.", code="not_found")

    api = serve(not_found)
    error = failure(warehouse, api, since=days_ago(3))
    assert (error.status, waits, len(api.requests)) == (404, [], 1)
    assert "Invalid URL" in error.message


def test_captive_portal_is_an_error_and_not_an_empty_load(serve, warehouse):
    error = failure(warehouse, serve("captive-portal"), since=days_ago(3))
    assert "a reply that cannot be used (text/html): it is not JSON" in error.message
    assert "proxy" in error.remedy


@pytest.mark.parametrize("end", ["/costs", "/api_keys"])
def test_captive_portal_midway_leaves_every_day_unchanged(end, serve, organization, warehouse):
    def portal(request, reply):
        later_page = "page" in request.query and request.group_by != []
        intercepted = request.path.endswith(end) and (later_page or end != "/costs")
        html = Reply(200, "<html>Log in to go on.</html>", {"Content-Type": "text/html"})
        return html if intercepted else reply

    warehouse.load(serve(), since=days_ago(4), resources=FEW)
    overrides = {days_ago(2): [charge("1000")]}
    api = serve(portal, overrides=overrides, **SHORT_PAGES)
    error = failure(warehouse, api, since=days_ago(4), resources=FEW)
    assert "it is not JSON" in error.message
    assert_whole(warehouse, organization, days(4), by=WHOLE)


PARSED = {
    "priority | gpt-5.6-sol, output": ("gpt-5.6-sol", "output", "priority", "text"),
    "evals | gpt-4o-mini-2024-07-18, input": ("gpt-4o-mini", "input", "standard", "text"),
    "gpt-6-astra, input_tokens": ("gpt-6-astra", "input", "standard", "text"),
    "gpt-6-astra, output_tokens": ("gpt-6-astra", "output", "standard", "text"),
    "gpt-5.6-terra, cache writes": ("gpt-5.6-terra", "cache write", "standard", "text"),
    "gpt-image-1 image, cached input": ("gpt-image-1", "cached input", "standard", "image"),
    "ft-gpt-4o-2024-08-06, input": ("gpt-4o", "input", "standard", "text"),
    "GPT-4o mini, input": ("gpt-4o-mini", "input", "standard", "text"),
    "assistants api | file search": (None, "storage", "standard", None),
    "web search tool calls": (None, "calls", "standard", None),
    "web search tool calls | gpt-4o": ("gpt-4o", "calls", "standard", None),
    "gpt-realtime-2.1 audio, input": ("gpt-realtime-2.1", "input", "standard", "audio"),
    "gpt-realtime-2.1 text, cached input": ("gpt-realtime-2.1", "cached input", "standard", "text"),
    "gpt-4o-mini-transcribe audio, input": ("gpt-4o-mini-transcribe", "input", "standard", "audio"),
    "fast | gpt-5.6-sol, input": ("gpt-5.6-sol", "input", "fast", "text"),
    "scale | gpt-5.6-sol, input": ("gpt-5.6-sol", "input", "scale", "text"),
    "ultrafast | gpt-6-astra, input": ("gpt-6-astra", "input", "ultrafast", "text"),
    "standard | gpt-5.6-sol, input": ("gpt-5.6-sol", "input", "standard", "text"),
    "gpt-5.6-terra, cache writes, 12h": ("gpt-5.6-terra", "cache write", "standard", "text"),
    "gpt-5.6-terra, cache writes, 30m": ("gpt-5.6-terra", "cache write", "standard", "text"),
    "sora-2": ("sora-2", "duration", "standard", None),
    "sora-2-pro, seconds": ("sora-2-pro", "duration", "standard", None),
    "code interpreter": (None, "sessions", "standard", None),
    "code interpreter sessions": (None, "sessions", "standard", None),
    "containers": (None, "sessions", "standard", None),
}
LONG_CONTEXT = "gpt-5.4-2026-03-05, cached input, long context"
UNPARSED = ["telepathy, minutes", "gpt-7, thinking", "lunar | gpt-7, input", "agents; [new] 50%"]


@pytest.fixture(scope="module")
def modelled(organization, tmp_path_factory):
    """A warehouse with every kind of line item on one day, modelled; and dbt's output."""
    items = [*PARSED, LONG_CONTEXT, *UNPARSED]
    bill = [charge(f"{n}.000000000000000001", item) for n, item in enumerate(items, start=1)]
    warehouse = Warehouse(tmp_path_factory.mktemp("line_items"))
    with RememberingApi(organization, overrides={days_ago(1): bill}) as api:
        warehouse.load(api, resources=["costs"], since=days_ago(1), until=TODAY)
    selected = ("-s", "+openai__focus_costs", "line_items_are_parsed")
    warehouse.built = dbt("build", *selected, warehouse=warehouse)
    warehouse.bill = bill
    return warehouse


def test_line_items_keep_their_amounts_and_texts(modelled):
    assert modelled.built.returncode == 0, modelled.built.stdout
    rows = modelled.rows("select x_LineItem, BilledCost from openai_marts.focus_costs")
    assert sorted(rows) == sorted((charge.line_item, charge.amount) for charge in modelled.bill)


@pytest.mark.parametrize("item", PARSED)
def test_line_items_are_parsed(item, modelled):
    rows = modelled.rows(f"""
        select x_ModelFamily, x_Meter, x_ServiceTier, x_Modality from openai_marts.focus_costs
        where x_LineItem = '{item}'
    """)
    assert rows == [PARSED[item]]


def test_line_items_with_a_qualifier_have_a_long_context(modelled):
    rows = modelled.rows("""
        select distinct x_LineItem from openai_marts.focus_costs where x_ContextWindow = 'long'
    """)
    assert rows == [(LONG_CONTEXT,)]


def test_line_items_of_an_unknown_format_are_counted_as_unparsed(modelled):
    rows = modelled.rows("""
        select x_LineItem, x_Model, x_ModelFamily, x_Meter, x_ServiceTier, x_Modality
        from openai_marts.focus_costs where x_Service = 'Other'
    """)
    assert sorted(rows) == sorted((item, *[None] * 5) for item in UNPARSED)
    assert "Warning in test line_items_are_parsed" in modelled.built.stdout


def test_every_failure_mode_of_the_simulated_api_has_a_test_here():
    source = Path(__file__).read_text()
    assert [mode for mode in FAILURE_MODES if f'"{mode}"' not in source] == []


SUBJECTS = (
    "users_apart",
    "key_floor",
    "history",
    "amounts",
    "quantities",
    "extras",
    "restated_days",
    "open_days",
    "tokens",
    "cut_replies",
    "group_by",
)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_subject_has_a_test_that_is_named_after_it(subject):
    assert any(name.startswith(f"test_{subject}_") for name in globals())


def load_demo(folder, days, *modes):
    """Run the command; its result, its messages except waits, and the warehouse."""
    date_range = ("--since", days[0], "--until", days[-1] + timedelta(days=1))
    options = [word for mode in modes for word in ("--trap", mode)]
    result = run_pipeline("load", "--demo", *date_range, *options, cwd=folder)
    lines = result.stderr.splitlines()
    assert lines[:2] == ["Simulating an organization.", "Requesting costs from OpenAI."]
    lines = lines[2:]
    messages = [line for line in lines if not line.endswith("s before the next try.")]
    warehouse = Warehouse(folder)
    warehouse.path = folder / "demo.duckdb"
    return result, messages, warehouse


@pytest.mark.parametrize(
    ("mode", "first_day"),
    [
        ("credits", 12),
        ("usage-lost", 12),
        ("rate-limit", 2),
        ("rate-limit-without-seconds", 2),
        ("outage", 2),
        ("other-organization", 2),
        ("no-management-scope", 2),
        ("no-usage-kind", 2),
    ],
)
def test_command_loads_every_cent_under_a_failure_mode(mode, first_day, organization, tmp_path):
    expected_days = days(first_day)
    billed = {
        "credits": credited_days(organization),
        "other-organization": {day: [] for day in expected_days},
    }
    result, messages, warehouse = load_demo(tmp_path, expected_days, mode)
    assert result.returncode == 0, result.stderr
    assert result.stdout == ""
    if mode == "no-management-scope":
        assert len(messages) == 3
        assert all("Missing scopes: api.management.read." in line for line in messages)
    elif mode == "no-usage-kind":
        assert [re.search(r"kind (\w+) is skipped", line)[1] for line in messages] == [
            "decisions",
            "moderations",
        ]
    else:
        assert messages == []
    assert_whole(warehouse, organization, expected_days, billed.get(mode, {}))


@pytest.mark.parametrize(
    ("mode", "sentence"),
    [
        ("revoked-key", "Incorrect API key provided: sk-a***min. It was revoked or is mistyped"),
        (
            "incorrect-hostname",
            "make your request to us.api.openai.com. Set OPENAI_BASE_URL to "
            "https://us.api.openai.com/v1.",
        ),
        ("ip-not-authorized", "not authorized to access this resource. The organization allows"),
        (
            "no-membership",
            "You must be a member of an organization to use the API. Whoever created",
        ),
        ("no-quota", "exceeded your current quota, please check your plan and billing details. W"),
        (
            "blocked",
            "refused with 403: Attention Required! | Cloudflare. This reply is not from OpenAI's",
        ),
        ("day-is-missing", f"left out days that were requested, the first {days_ago(4)}."),
    ],
)
def test_command_that_fails_under_a_failure_mode_leaves_no_file(mode, sentence, tmp_path):
    result, messages, warehouse = load_demo(tmp_path, days(6), mode)
    assert (result.returncode, result.stdout) == (1, "")
    assert len(messages) == 1
    assert messages[0].startswith("OpenAI's /organization/costs ")
    assert sentence in messages[0]
    assert list(warehouse.folder.glob("*.duckdb*")) == []


def test_command_accepts_several_failure_modes(organization, tmp_path):
    modes = ("users-apart-before", "key-floor", "no-extras", "buckets-in-no-order")
    result, messages, warehouse = load_demo(tmp_path, days(22), *modes)
    assert (result.returncode, messages) == (0, [])
    assert groupings(warehouse) == [
        (WITHOUT_BOTH, days_ago(22), days_ago(21)),
        (WHOLE, days_ago(20), TODAY),
    ]
    assert_whole(warehouse, organization, days(22))
    assert_users_apart(warehouse, organization, days(22, 21))


NO_USAGE = "Missing scopes: api.usage.read."

FINDINGS = {
    "ordinary-key": {
        "costs": ("failed", NO_USAGE),
        "projects": ("warning", NO_USAGE),
        "users": ("warning", NO_USAGE),
    },
    "no-usage-scope": {"costs": ("failed", NO_USAGE)},
    "revoked-key": {"costs": ("failed", "Incorrect API key provided: sk-a***min.")},
    "captive-portal": {"costs": ("failed", "it is not JSON.")},
    "no-management-scope": {
        "projects": ("warning", "Missing scopes: api.management.read."),
        "users": ("warning", "Missing scopes: api.management.read."),
    },
    "no-usage-kind": {"usage": ("warning", "These cannot be read: decisions, moderations.")},
    "other-organization": {"organization": ("warning", "org-demo-empty, which has had no costs")},
    "users-apart": {"costs by user": ("note", "does not return this organization's users within")},
    "users-apart-before": {"costs by user": ("note", "for part of the history.")},
    "no-api-keys": {
        "costs by API key": ("note", "group_by=api_key_id is not available for this organization.")
    },
    "no-service-tier": {
        "usage": ("note", "does not return service_tier in completions, decisions.")
    },
    "two-dimensions": {
        "costs by API key": ("note", "You can group by at most 2 dimensions."),
        "costs by user": ("note", "does not return this organization's users within"),
    },
    "no-quota": {"costs": ("failed", "You exceeded your current quota")},
    "key-floor": {"costs by API key": ("note", f"OpenAI returns them from {days_ago(20)} on.")},
}


@pytest.fixture
def check(serve):
    """The findings for a key under a failure mode, by their subject."""

    def with_mode(mode):
        api = serve(mode)
        return {finding.check: finding for finding in check_key(api.admin_key, api.base_url, TODAY)}

    return with_mode


@pytest.mark.parametrize("mode", FINDINGS)
def test_check_finds_the_failure_mode(mode, check):
    findings = check(mode)
    for subject, (status, sentence) in FINDINGS[mode].items():
        assert findings[subject].status == status
        assert sentence in findings[subject].finding
        assert findings[subject].remedy
    others = {f.status for subject, f in findings.items() if subject not in FINDINGS[mode]}
    assert others <= {"ok", "note"}


def test_check_reads_listings_even_if_the_key_cannot_read_costs(check):
    statuses = {subject: finding.status for subject, finding in check("no-usage-scope").items()}
    assert (statuses["projects"], statuses["users"]) == ("ok", "ok")
