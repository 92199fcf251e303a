"""Each trap of OpenAI's administration API, by its number or name: no day, dollar or name may fall
into it. Expected amounts come from the organization's charges, never from what was loaded."""

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
from openai_costs_source.doctor import examine
from openai_costs_source.extract.load_state import TRIED_AGAIN_AFTER
from openai_costs_source.simulator.failure_modes import TRAPS, Reply, credited_days, restated_days
from openai_costs_source.simulator.organization import AGENT_RUNTIME, EXACT, Organization, midnight

WHOLE = ",".join(GROUP_BY)
WITHOUT_KEYS = "project_id,user_id,line_item"
WITHOUT_USERS = "project_id,api_key_id,line_item"
WITHOUT_BOTH = "project_id,line_item"


@pytest.fixture(autouse=True)
def waits(monkeypatch):
    """The pauses that the client made, in seconds, without the time that they take."""
    pauses = []
    monkeypatch.setattr(
        "openai_costs_source.api.client._rest", lambda seconds, is_abandoned: pauses.append(seconds)
    )
    return pauses


@pytest.fixture
def serve(organization, monkeypatch):
    """Serves an organization with traps set: names out of `TRAPS`, or functions like theirs."""
    with contextlib.ExitStack() as servers:

        def started(*traps, of=organization, **settings):
            named = {getattr(trap, "__name__", trap): trap for trap in traps}
            for name, trap in named.items():
                if callable(trap):
                    monkeypatch.setitem(TRAPS, name, trap)
            return servers.enter_context(RememberingApi(of, traps=named, **settings))

        yield started


@pytest.fixture
def clock(monkeypatch):
    """Sets the day on which the source believes to be run."""

    def set_to(today):
        class Clock(datetime):
            @classmethod
            def now(cls, tz=None):
                return datetime.now(tz) + (today - TODAY)

        monkeypatch.setattr("openai_costs_source.source.datetime", Clock)

    return set_to


SHORT_PAGES = {"days_per_page": 3}
"""The API gives three days a page, whatever is asked for: a handful of days takes tokens."""


class OneWeek(Organization):
    """Its history reaches six days back."""

    def __init__(self, today):
        super().__init__(today)
        self.earliest = today - timedelta(days=6)


def days(first, last=0):
    return [days_ago(n) for n in range(first, last - 1, -1)]


def billed(charges, by):
    """What these charges come to, by these dimensions, as the warehouse can hold it."""
    sums = {}
    for each in charges:
        key = tuple(getattr(each, name) for name in by)
        sums[key] = EXACT.add(sums.get(key, Decimal(0)), each.amount)
    return {key: as_stored(amount) for key, amount in sums.items()}


def as_stored(amount):
    return Decimal(amount).quantize(Decimal("1e-18"), context=Context(prec=80))


def stored(warehouse, by=GROUP_BY, table="costs"):
    """The rows of each day that is grouped so, as `billed` gives them; no amount counts as zero."""
    found = {}
    for day, amount, *dimensions in warehouse.rows(f"""
        select date, coalesce(amount, 0), {", ".join(by)} from openai_raw.{table}
        where grouped_by = '{",".join(by)}'
    """):
        of_day = found.setdefault(day, {})
        assert tuple(dimensions) not in of_day, f"a charge of {day} is stored twice"
        of_day[tuple(dimensions)] = amount
    return found


def ledger(warehouse):
    return warehouse.rows("""
        select date, grouped_by, row_count, row_amount, api_amount, is_closed
        from openai_raw.cost_days order by date
    """)


def groupings(warehouse):
    """Each grouping of the stored days, with its first and its last day."""
    return warehouse.rows("""
        select grouped_by, min(date), max(date) from openai_raw.cost_days group by 1 order by 2, 1
    """)


def assert_whole(warehouse, organization, expected_days, overrides=(), by=None):
    """These days and no others are stored, each to the last digit, and the ledger tells them so."""
    told, overrides = ledger(warehouse), dict(overrides)
    assert [day for day, *_ in told] == expected_days
    rows = {grouping: stored(warehouse, grouping.split(",")) for _, grouping, *_ in told}
    for day, grouped_by, row_count, row_amount, api_amount, is_closed in told:
        charges = overrides[day] if day in overrides else organization.charges(day)
        expected = billed(charges, grouped_by.split(","))
        assert rows[grouped_by].get(day, {}) == expected
        assert (row_count, row_amount) == (len(expected), sum(expected.values()))
        assert api_amount == sum(billed(charges, ()).values())
        assert is_closed == (day < organization.today)
        assert by in (None, grouped_by)
    assert warehouse.value("select count(*) from openai_raw.costs") == sum(row[2] for row in told)
    undue = """
        select grouped_by from openai_raw.costs
        where (user_id is not null and not contains(grouped_by, 'user_id'))
        or (api_key_id is not null and not contains(grouped_by, 'api_key_id'))
    """
    assert warehouse.rows(undue) == []


def assert_users_apart(warehouse, organization, expected_days):
    """`costs_by_user` tells these days' whole bill by user and line item, and no other day."""
    expected = {day: billed(organization.charges(day), BY_USER) for day in expected_days}
    told = {day: of_day for day, of_day in expected.items() if of_day}
    assert stored(warehouse, BY_USER, "costs_by_user") == told
    assert warehouse.value("select count(*) from openai_raw.costs_by_user") == sum(
        len(of_day) for of_day in told.values()
    )


def refused(status, message, param=None, code=None):
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return Reply(status, json.dumps({"error": error}), {"Content-Type": "application/json"})


def on_pages(change):
    """The trap that changes each page of costs, grouped or not, in place."""

    def trap(request, reply):
        if not request.path.endswith("/costs") or reply.status != 200:
            return reply
        page = json.loads(reply.body, parse_float=str)
        change(request, page)
        return replace(reply, body=json.dumps(page))

    trap.__name__ = change.__name__
    return trap


def noting_refusals(refusals):
    """No trap: it notes what the API refused so far."""

    def note(request, reply):
        if reply.status == 400:
            refusals.append(request.query)
        return reply

    return note


def fuse(request, reply):
    """Ends a reader that goes on for ever."""
    return refused(403, "This reader goes on for ever.") if request.number > 60 else reply


def failure(warehouse, api, **settings):
    """The error that a load ends with."""
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
    return [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]


def test_trap_1_users_that_cannot_be_combined_with_projects_keep_projects_and_users_apart(
    serve, organization, warehouse
):
    load_costs(warehouse, serve("users-apart"), since=days_ago(5))
    assert_whole(warehouse, organization, days(5), by=WITHOUT_USERS)
    assert_users_apart(warehouse, organization, days(5))


def test_trap_1_users_that_are_combined_from_some_day_on_are_kept_apart_before_it_only(
    serve, organization, warehouse
):
    load_costs(warehouse, serve("users-apart-before"), since=days_ago(23))
    assert groupings(warehouse) == [
        (WITHOUT_USERS, days_ago(23), days_ago(21)),
        (WHOLE, days_ago(20), TODAY),
    ]
    assert_whole(warehouse, organization, days(23))
    assert_users_apart(warehouse, organization, days(23, 21))


def test_trap_1_users_that_nobody_wants_are_not_asked_for_apart(serve, organization, warehouse):
    api = serve("users-apart")
    load_costs(warehouse, api, since=days_ago(2), group_by="project_id,line_item")
    assert_whole(warehouse, organization, days(2), by=WITHOUT_BOTH)
    assert_users_apart(warehouse, organization, [])
    assert not any("user_id" in query.get("group_by", ()) for query in requests_for_costs(api))


@pytest.mark.parametrize("first_with_keys", [6, 3, -1])
def test_trap_2_key_floor_costs_the_days_before_it_their_keys_and_nothing_else(
    first_with_keys, serve, organization, warehouse
):
    api = serve(key_floor=midnight(days_ago(first_with_keys)))
    load_costs(warehouse, api, since=days_ago(6))
    before = [(WITHOUT_KEYS, days_ago(6), days_ago(first_with_keys + 1))]
    after = [(WHOLE, days_ago(first_with_keys), TODAY)]
    assert groupings(warehouse) == before * (first_with_keys < 6) + after * (first_with_keys >= 0)
    assert_whole(warehouse, organization, days(6))


def test_trap_2_key_floor_within_a_day_gives_keys_from_the_next_day_on(
    serve, organization, warehouse
):
    api = serve(key_floor=midnight(days_ago(3)) + 3600)
    load_costs(warehouse, api, since=days_ago(4))
    assert groupings(warehouse)[-1] == (WHOLE, days_ago(2), TODAY)
    assert_whole(warehouse, organization, days(4))


def test_traps_1_and_2_users_apart_and_a_key_floor_lose_neither_projects_nor_line_items(
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
def test_traps_1_and_2_key_floor_after_or_before_the_first_combined_day_gives_each_day_its_best(
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


def test_traps_1_and_2_what_was_refused_is_remembered_and_not_asked_again(
    serve, organization, warehouse
):
    refusals = []
    api = serve("users-apart-before", "key-floor", noting_refusals(refusals))
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


def test_traps_1_and_2_what_was_refused_is_still_remembered_after_a_few_named_days_were_loaded(
    serve, warehouse
):
    refusals = []
    api = serve("users-apart-before", "key-floor", noting_refusals(refusals))
    load_costs(warehouse, api, start_date=days_ago(22))
    load_costs(warehouse, api, since=days_ago(2))
    refusals.clear()
    load_costs(warehouse, api, start_date=days_ago(22))
    assert refusals == []


def test_traps_1_and_2_what_was_refused_is_tried_again_after_30_days(serve, clock, warehouse):
    refusals = []
    asked_from = {"start_date": days_ago(2), "refetch_days": 60}
    load_costs(warehouse, serve("users-apart", key_floor=midnight(TODAY)), **asked_from)
    for later, expected in ((29, WITHOUT_BOTH), (30, WHOLE)):
        now = TODAY + timedelta(days=later)
        clock(now)
        api = serve(noting_refusals(refusals), of=Organization(now), key_floor=0)
        load_costs(warehouse, api, **asked_from)
        assert groupings(warehouse)[0][:2] == (expected, days_ago(2))
    assert refusals == []
    assert timedelta(days=30) == TRIED_AGAIN_AFTER


def test_trap_3_horizon_cuts_the_history_to_what_openai_still_tells(serve, warehouse):
    organization = OneWeek(TODAY)
    load_costs(warehouse, serve(of=organization), since=days_ago(12))
    assert_whole(warehouse, organization, days(6), by=WHOLE)
    known = warehouse.rows("select earliest_day, earliest_seen_on from openai_raw.organizations")
    assert known == [(days_ago(6), TODAY)]


def test_trap_3_horizon_that_arrives_on_a_later_page_loses_no_day(serve, warehouse):
    refusals = []
    organization = OneWeek(TODAY)
    api = serve("horizon-on-a-later-page", noting_refusals(refusals), of=organization)
    load_costs(warehouse, api, since=days_ago(6), refetch_days=2)
    assert {("group_by" in query, "page" in query) for query in refusals} == {
        (False, True),
        (True, True),
    }
    assert_whole(warehouse, organization, days(6), by=WHOLE)


def test_traps_1_2_and_3_together_leave_each_day_the_detail_that_openai_tells(serve, warehouse):
    organization = OneWeek(TODAY)
    traps = ("users-apart", "horizon-on-a-later-page")
    api = serve(*traps, of=organization, key_floor=midnight(days_ago(2)))
    load_costs(warehouse, api, since=days_ago(9))
    assert groupings(warehouse) == [
        (WITHOUT_BOTH, days_ago(6), days_ago(3)),
        (WITHOUT_USERS, days_ago(2), TODAY),
    ]
    assert_whole(warehouse, organization, days(6))
    assert_users_apart(warehouse, organization, days(6))


def test_trap_3_days_that_openai_forgot_outlive_a_load_of_everything(serve, clock, warehouse):
    organization = OneWeek(TODAY)
    load_costs(warehouse, serve(of=organization), since=days_ago(6))
    later = TODAY + timedelta(days=3)
    clock(later)
    load_costs(warehouse, serve(of=OneWeek(later)), since=days_ago(6))
    assert [day for day, *_ in ledger(warehouse)][:4] == days(6, 3)
    for day in days(6, 4):
        assert stored(warehouse)[day] == billed(organization.charges(day), GROUP_BY)


class ManyYears(Organization):
    """Its history reaches 800 days back, a dollar a day."""

    def __init__(self, today):
        super().__init__(today)
        self.earliest = today - timedelta(days=800)

    def charges(self, day):
        return [charge("1")]


@pytest.mark.parametrize(("kind", "reach"), [(OneWeek, 6), (ManyYears, 800)])
def test_trap_3_first_run_takes_the_history_as_long_as_openai_tells_it(
    kind, reach, serve, warehouse
):
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
FORMS = {
    "number": "{}",
    "string": '"{:f}"',
    "number-of-39-decimals": "{:.39f}",
    "string-of-39-decimals": '"{:.39f}"',
    "exponent": "{:e}",
    "string-with-exponent": '"{:E}"',
}


@pytest.fixture
def spelled(monkeypatch):
    """Has the API spell its amounts so: zero, and any other."""

    def spell(form, zero):
        monkeypatch.setattr(
            "openai_costs_source.simulator.api.literal",
            lambda amount, *row: form.format(amount) if amount else zero,
        )

    return spell


@pytest.mark.parametrize("zero", ["0E-6176", '"0E-6176"'])
def test_trap_4_zero_is_zero_however_it_is_written(zero, spelled, serve, organization, warehouse):
    spelled("{}", zero)
    told = {days_ago(1): [charge("0"), charge("0", "web search tool calls")], days_ago(2): []}
    api = serve(overrides=told)
    load_costs(warehouse, api, since=days_ago(2), until=TODAY)
    assert_whole(warehouse, organization, days(2, 1), told)
    assert warehouse.value("select count(*) from openai_raw.costs") == 2


@pytest.mark.parametrize("form", FORMS)
def test_trap_4_amount_keeps_every_digit_however_it_is_written(
    form, spelled, serve, organization, warehouse
):
    spelled(FORMS[form], "0E-6176")
    told = {days_ago(1): [charge(amount, f"item {amount}") for amount in AMOUNTS]}
    api = serve(overrides=told)
    load_costs(warehouse, api, since=days_ago(1), until=TODAY)
    assert_whole(warehouse, organization, days(1, 1), told)
    found = {
        line_item: amount for (*_, line_item), amount in stored(warehouse)[days_ago(1)].items()
    }
    assert found == {f"item {amount}": as_stored(amount) for amount in AMOUNTS}


def test_trap_4_numbers_and_strings_mix_within_one_reply(serve, organization, warehouse):
    seen = set()

    def note_forms(request, reply):
        if request.path == COSTS and reply.status == 200:
            page = json.loads(reply.body, parse_float=lambda text: ("number", text))
            for bucket in page["data"]:
                seen.update(type(each["amount"]["value"]) for each in bucket["results"])
        return reply

    load_costs(warehouse, serve(note_forms), since=days_ago(2))
    assert {str, tuple} <= seen
    assert_whole(warehouse, organization, days(2), by=WHOLE)


def test_trap_4_row_without_an_amount_is_kept_with_its_quantity(serve, organization, warehouse):
    load_costs(warehouse, serve("missing-amounts"), since=days_ago(6))
    assert_whole(warehouse, organization, days(6), by=WHOLE)
    free = warehouse.rows("""
        select count(*) > 0, sum(quantity) from openai_raw.costs
        where amount is null and currency is null
    """)
    used = [each for day in days(6) for each in organization.charges(day) if not each.amount]
    assert free == [(True, sum(each.quantity for each in used))]


def test_trap_4_zero_amount_with_a_quantity_is_free_usage_and_not_absent_usage(
    serve, organization, warehouse
):
    load_costs(warehouse, serve(), since=days_ago(6))
    free = warehouse.rows("""
        select date, line_item, sum(quantity), count(distinct quantity_unit)
        from openai_raw.costs where amount = 0 group by all
    """)
    used = {
        (day, each.line_item, each.quantity, 1)
        for day in days(6)
        for each in organization.charges(day)
        if not each.amount
    }
    assert set(free) == used
    assert used


def test_trap_4_negative_rows_pass_through_to_a_negative_day(serve, organization, warehouse):
    told = {days_ago(1): [charge("-3.000000000000000001"), charge("1", "gpt-5.6-sol, output")]}
    load_costs(warehouse, serve(overrides=told), since=days_ago(1), until=TODAY)
    assert_whole(warehouse, organization, days(1, 1), told)
    assert ledger(warehouse)[0][3] == Decimal("-2.000000000000000001")


def test_trap_4_currency_is_stored_as_it_is_told(serve, warehouse):
    def in_euros(request, page):
        for bucket in page["data"]:
            for result in bucket["results"]:
                result["amount"]["currency"] = "eur"

    load_costs(warehouse, serve(on_pages(in_euros)), since=days_ago(1))
    assert warehouse.rows("select distinct currency from openai_raw.costs") == [("eur",)]


def test_trap_5_quantity_may_be_null_and_its_unit_any_text(serve, organization, warehouse):
    load_costs(warehouse, serve("unknown-units"), since=days_ago(3))
    assert_whole(warehouse, organization, days(3), by=WHOLE)
    units = warehouse.rows("""
        select quantity_unit, count(quantity) = count(*) from openai_raw.costs group by 1 order by 1
    """)
    assert units == [("Zeichen", True), ("parsecs", True), (None, False)]
    quantities = {
        (day, *(getattr(each, name) for name in GROUP_BY), each.quantity)
        for day in days(3)
        for each in organization.charges(day)
    }
    told = f"select date, {WHOLE}, quantity from openai_raw.costs where quantity is not null"
    assert set(warehouse.rows(told)) <= quantities


def test_trap_6_extras_may_all_vanish(serve, organization, warehouse):
    api = serve("no-extras")
    load_costs(warehouse, api, since=days_ago(3))
    assert_whole(warehouse, organization, days(3), by=WHOLE)
    named = """
        select distinct organization_id, organization_name, project_name, user_email
        from openai_raw.costs
    """
    assert warehouse.rows(named) == [("heliotrope-labs", None, None, None)]


def test_trap_6_extras_that_vanish_later_leave_the_organization_one(serve, organization, warehouse):
    load_costs(warehouse, serve(), since=days_ago(3))
    load_costs(warehouse, serve("no-extras"), since=days_ago(3))
    assert_whole(warehouse, organization, days(3), by=WHOLE)
    whose = "select distinct organization_id from openai_raw.cost_days"
    assert warehouse.rows(whose) == [("org-demo-heliotrope",)]


def test_trap_6_extras_that_come_later_leave_the_organization_one(serve, organization, warehouse):
    load_costs(warehouse, serve("no-extras"), since=days_ago(3))
    load_costs(warehouse, serve(), since=days_ago(3))
    assert_whole(warehouse, organization, days(3), by=WHOLE)
    whose = "select distinct organization_id from openai_raw.cost_days"
    assert warehouse.rows(whose) == [("org-demo-heliotrope",)]


@pytest.mark.parametrize("before", [True, False], ids=["known-before", "new"])
def test_trap_6_header_may_be_missing_where_rows_name_the_organization(
    before, serve, organization, warehouse
):
    if before:
        load_costs(warehouse, serve(), since=days_ago(3))
    load_costs(warehouse, serve("no-header"), since=days_ago(3))
    assert_whole(warehouse, organization, days(3), by=WHOLE)
    whose = "select distinct organization_id from openai_raw.cost_days"
    assert warehouse.rows(whose) == [("org-demo-heliotrope",)]


def test_trap_6_nothing_that_names_the_organization_still_loads_it(serve, organization, warehouse):
    load_costs(warehouse, serve("no-extras", "no-header"), since=days_ago(3))
    assert_whole(warehouse, organization, days(3), by=WHOLE)


def test_trap_6_organization_that_the_first_run_cannot_name_is_not_billed_twice(
    serve, organization, warehouse
):
    for api in (serve("no-extras", "no-header"), serve()):
        load_costs(warehouse, api, since=days_ago(3))
    assert_whole(warehouse, organization, days(3), by=WHOLE)


def test_trap_6_organization_that_a_later_run_cannot_name_is_refused_and_not_billed_twice(
    serve, organization, warehouse
):
    load_costs(warehouse, serve(), since=days_ago(3))
    error = failure(warehouse, serve("no-extras", "no-header"), since=days_ago(3))
    assert "do not say which organization" in error.said
    assert "gateway" in error.remedy
    assert_whole(warehouse, organization, days(3), by=WHOLE)


def test_trap_6_rows_of_one_reply_may_differ_in_their_keys(serve, organization, warehouse):
    def keys_at_random(request, page):
        for bucket in page["data"]:
            for n, result in enumerate(bucket["results"]):
                for name in [name for name, value in result.items() if value is None]:
                    del result[name]
                if n % 2:
                    result["unheard_of"] = {"n": n}

    load_costs(warehouse, serve(on_pages(keys_at_random)), since=days_ago(3))
    assert_whole(warehouse, organization, days(3), by=WHOLE)


def test_trap_7_restated_days_are_replaced_whole(serve, organization, warehouse):
    load_costs(warehouse, serve(), since=days_ago(10))
    load_costs(warehouse, serve("restated"), since=days_ago(10))
    told = restated_days(organization)
    assert_whole(warehouse, organization, days(10), told, by=WHOLE)
    log = warehouse.rows("""
        select date, was_amount, is_amount, was_row_count, is_row_count
        from openai_raw.cost_restatements order by date
    """)
    assert log == [
        (
            day,
            *(sum(billed(charges, GROUP_BY).values()) for charges in (was, told[day])),
            *(len(billed(charges, GROUP_BY)) for charges in (was, told[day])),
        )
        for day in sorted(told)
        for was in [organization.charges(day)]
    ]


def test_trap_7_empty_days_have_their_place_in_the_ledger(serve, organization, warehouse):
    told = {day: [] for day in days(6, 2)}
    load_costs(warehouse, serve(overrides=told), since=days_ago(6))
    assert_whole(warehouse, organization, days(6), told, by=WHOLE)
    assert [rows for _, _, rows, *_ in ledger(warehouse)][:5] == [0] * 5


def test_trap_8_day_that_was_partial_is_replaced_once_it_is_over(serve, clock, warehouse):
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


def test_trap_8_costs_that_lag_are_caught_up_with_on_the_days_after(serve, clock, warehouse):
    today, later = Organization(TODAY), Organization(TODAY + timedelta(days=2))
    settings = {"start_date": days_ago(3)}
    load_costs(warehouse, serve(of=today), **settings)
    clock(later.today)
    load_costs(warehouse, serve(of=later), **settings)
    assert_whole(warehouse, later, [*days(3), TODAY + timedelta(days=1), later.today], by=WHOLE)


def test_trap_8_today_may_have_no_bucket_yet(serve, organization, warehouse):
    load_costs(warehouse, serve("today-is-missing"), since=days_ago(3))
    assert_whole(warehouse, organization, days(3, 1), by=WHOLE)


def spanned(query):
    return int(query["start_time"][0]), int(query["end_time"][0])


def test_trap_9_each_page_repeats_the_query_that_minted_its_token(serve, organization, warehouse):
    refusals = []
    api = serve(noting_refusals(refusals), **SHORT_PAGES)
    load_costs(warehouse, api, since=days_ago(7))
    first, paged = [], []
    for query in requests_for_costs(api):
        (paged if "page" in query else first).append({**query, "page": None})
    assert len(paged) >= 4
    assert all(query in first for query in paged)
    # Each query begins where the one before it ended, and the last ends with today.
    spans = [spanned(query) for query in first if "group_by" in query]
    edges = [midnight(days_ago(7)), *(until for _, until in spans)]
    assert [since for since, _ in spans] == edges[:-1]
    assert edges[-1] == midnight(days_ago(-1))
    assert {spanned(query)[1] for query in first if "group_by" not in query} == {edges[-1]}
    assert refusals == []
    assert_whole(warehouse, organization, days(7), by=WHOLE)


def test_trap_9_token_that_expired_loses_no_day(serve, organization, warehouse):
    refusals = []

    def tokens_expire(request, reply):
        if "page" not in request.query:
            return reply
        said = "The page token is invalid, have you modified the query parameters?"
        return refused(400, said, "page")

    api = serve(tokens_expire, noting_refusals(refusals), **SHORT_PAGES)
    load_costs(warehouse, api, since=days_ago(7))
    assert {"group_by" in query for query in refusals} == {False, True}
    assert_whole(warehouse, organization, days(7), by=WHOLE)


def test_trap_9_no_token_is_stored(serve, warehouse):
    api = serve(**SHORT_PAGES)
    info = load_costs(warehouse, api, since=days_ago(7))
    assert any("page" in query for query in requests_for_costs(api))
    assert "page_" not in json.dumps(info.pipeline.state, default=str)
    tables = "select count(*) from information_schema.columns where column_name like '%page%'"
    assert warehouse.value(tables) == 0


def test_trap_10_pages_that_go_on_past_the_last_bucket_come_to_an_end(
    serve, organization, warehouse
):
    load_costs(warehouse, serve("pages-without-end", fuse, **SHORT_PAGES), since=days_ago(7))
    assert_whole(warehouse, organization, days(7), by=WHOLE)


def test_trap_10_more_without_a_token_is_an_error_and_not_the_end(serve, warehouse):
    error = failure(warehouse, serve("more-without-a-token"), since=days_ago(3))
    assert error.said == "OpenAI's /organization/costs announced more pages but named none."


def test_trap_10_more_without_a_token_is_an_error_even_on_an_empty_page(serve, warehouse):
    def empty_and_more(request, page):
        page |= {"data": [], "has_more": True, "next_page": None}

    error = failure(warehouse, serve(on_pages(empty_and_more)), since=days_ago(3))
    assert error.said == "OpenAI's /organization/costs announced more pages but named none."


def test_trap_10_token_that_repeats_is_an_error_and_no_endless_loop(serve, warehouse):
    error = failure(warehouse, serve("same-token-again", fuse), since=days_ago(3))
    assert error.said == "OpenAI's /organization/costs named the same next page twice."


@pytest.mark.parametrize(
    ("trap", "sentence"),
    [
        ("day-is-missing", f"left out days that were asked for, the first {days_ago(4)}. Nothing"),
        ("body-is-cut", "gave a reply that cannot be used (application/json): it is not JSON."),
    ],
)
def test_trap_10_reply_that_is_cut_short_is_an_error_and_no_saving(
    trap, sentence, serve, warehouse
):
    assert sentence in str(failure(warehouse, serve(trap), since=days_ago(6)))


def test_trap_10_buckets_in_no_order_are_each_taken_for_their_day(serve, organization, warehouse):
    load_costs(warehouse, serve("buckets-in-no-order"), since=days_ago(5))
    assert_whole(warehouse, organization, days(5), by=WHOLE)


def test_trap_10_row_that_a_page_lacks_holds_its_day_back_and_no_other(
    serve, organization, warehouse, caplog
):
    load_costs(warehouse, serve("row-is-missing"), since=days_ago(6))
    assert_whole(warehouse, organization, [*days(6, 5), *days(3)], by=WHOLE)
    (said,) = [each.getMessage() for each in caplog.records if each.levelname == "ERROR"]
    assert f"The rows of {days_ago(4)} do not add up to OpenAI's own total" in said


def test_trap_11_dimensions_are_sent_as_repeated_group_by(serve, organization, warehouse):
    api = serve()
    load_costs(warehouse, api, since=days_ago(2))
    grouped = [query["group_by"] for query in requests_for_costs(api) if "group_by" in query]
    assert grouped == [list(GROUP_BY)]
    assert not any("[" in name for query in requests_for_costs(api) for name in query)
    assert_whole(warehouse, organization, days(2), by=WHOLE)


def test_api_source_is_asked_for_only_where_it_is_wanted(serve, organization, warehouse):
    told = {days_ago(1): [charge("1", AGENT_RUNTIME), charge("2")]}
    api = serve(overrides=told)
    for by in (WHOLE, "project_id,line_item,api_source"):
        api.requests.clear()
        load_costs(warehouse, api, since=days_ago(2), group_by=by)
        grouped = [query["group_by"] for query in requests_for_costs(api) if "group_by" in query]
        assert grouped == [by.split(",")]
        assert_whole(warehouse, organization, days(2), told, by=by)
    sources = warehouse.rows("select distinct api_source from openai_raw.costs order by 1")
    assert sources == [("agents_api",), ("unlabeled",)]


def test_trap_names_archived_projects_are_asked_for_and_keep_their_names(
    serve, organization, warehouse
):
    warehouse.load(serve(), resources=["projects"])
    names = dict(warehouse.rows("select id, name from openai_raw.projects"))
    assert names == organization.project_names


def test_trap_names_listings_go_on_after_their_last_id(serve, organization, warehouse, monkeypatch):
    monkeypatch.setattr("openai_costs_source.api.client.LARGEST_LISTING", 3)
    api = serve()
    warehouse.load(api, resources=["projects", "users", "api_keys"])
    for table, listed in (
        ("projects", organization.projects),
        ("users", organization.users),
        ("api_keys", [key for keys in organization.api_keys.values() for key in keys]),
    ):
        ids = [found for (found,) in warehouse.rows(f"select id from openai_raw.{table}")]
        assert sorted(ids) == sorted(each["id"] for each in listed)
    after = [query.get("after") for _, path, query in api.requests if path.endswith("/users")]
    ids = [user["id"] for user in organization.users]
    assert after == [None, *([last] for last in ids[2:-1:3])]


def test_trap_names_no_listing_asks_for_more_than_100_at_once(serve, warehouse):
    api = serve()
    warehouse.load(api, resources=["projects", "users", "api_keys"])
    limits = {query["limit"][0] for _, path, query in api.requests if path != COSTS}
    assert limits == {"100"}


@pytest.mark.parametrize(
    ("status", "code"), [(403, None), (404, "not_found"), (404, None), (400, "project_archived")]
)
def test_trap_names_archived_project_that_refuses_to_be_read_is_skipped_in_silence(
    status, code, serve, organization, warehouse, caplog, waits
):
    def archived_refuses(request, reply):
        is_refusal = reply.status == 403 and request.path.endswith("/api_keys")
        said = "Project is archived."
        return refused(status, said, "project_id", code) if is_refusal else reply

    warehouse.load(serve(archived_refuses), resources=["projects", "api_keys"])
    stored_keys = warehouse.value("select count(*) from openai_raw.api_keys")
    assert stored_keys == sum(len(keys) for keys in organization.api_keys.values())
    assert warnings_of(caplog) == []
    assert waits == []


def test_trap_names_costs_of_deleted_users_and_keys_remain(serve, organization, warehouse):
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


def test_trap_names_owner_of_a_key_is_a_user_or_a_service_account(serve, organization, warehouse):
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


@pytest.mark.parametrize(("trap", "status"), [("ordinary-key", 403), ("ordinary-key-401", 401)])
def test_trap_ordinary_key_is_told_by_the_text_and_not_by_the_status(
    trap, status, serve, warehouse
):
    error = failure(warehouse, serve(trap), since=days_ago(3))
    assert error.status == status
    assert "insufficient permissions for this operation. Missing scopes: api.usage" in error.said
    assert NEEDED_SCOPES in error.remedy


def test_trap_revoked_key_is_told_by_its_code_with_what_to_do(serve, warehouse):
    error = failure(warehouse, serve("revoked-key"), since=days_ago(3))
    assert (error.status, error.code) == (401, "invalid_api_key")
    assert "Incorrect API key provided: sk-a***min." in error.said
    assert "create a new admin key" in error.remedy


@pytest.mark.parametrize("status", [403, 401])
def test_trap_restricted_key_without_management_scope_loads_costs_and_says_what_is_missing(
    status, serve, organization, warehouse, caplog
):
    def as_seen(request, reply):
        return replace(reply, status=status) if reply.status == 403 else reply

    warehouse.load(serve("no-management-scope", as_seen), since=days_ago(3), resources=FEW)
    assert_whole(warehouse, organization, days(3), by=WHOLE)
    said = warnings_of(caplog)
    assert len(said) == 2
    for path in ("/organization/projects", "/organization/users"):
        assert any(path in each and "api.management.read" in each for each in said)
    assert all(each.endswith("Ids stand in for these names.") for each in said)


def test_trap_restricted_key_without_usage_scope_is_an_error_and_no_empty_bill(serve, warehouse):
    error = failure(warehouse, serve("no-usage-scope"), since=days_ago(3))
    assert "Missing scopes: api.usage.read" in error.said
    assert NEEDED_SCOPES in error.remedy


def test_trap_key_of_another_organization_does_not_touch_what_is_stored(
    serve, organization, warehouse
):
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


def test_trap_rate_limit_is_waited_for_as_long_as_it_says(serve, organization, warehouse, waits):
    load_costs(warehouse, serve(rate_limited), since=days_ago(3), max_wait_seconds=600)
    assert set(waits) == {7}
    assert_whole(warehouse, organization, days(3), by=WHOLE)


def test_trap_rate_limit_that_does_not_say_how_long_is_waited_for_longer_and_longer(
    serve, organization, warehouse, waits
):
    def limited_at_first(request, reply):
        return refused(429, "Rate limit reached.") if request.number < 4 else reply

    load_costs(warehouse, serve(limited_at_first), since=days_ago(3), max_wait_seconds=600)
    assert waits == [1, 2, 4, 8]
    assert_whole(warehouse, organization, days(3), by=WHOLE)


def test_trap_rate_limit_that_does_not_end_is_an_error_in_openais_words(serve, warehouse, waits):
    def limited(request, reply):
        return refused(429, "Rate limit reached.")

    error = failure(warehouse, serve(limited), since=days_ago(3), max_wait_seconds=3)
    assert waits == [1, 2]
    assert error.said == "OpenAI's /organization/costs refused with 429: Rate limit reached."
    assert error.remedy == "This may pass: run again later."


@pytest.mark.parametrize("status", [404, 503])
def test_trap_outage_is_waited_for_on_every_path(status, serve, organization, warehouse, waits):
    asked = set()

    def out_at_first(request, reply):
        is_first = request.path not in asked
        asked.add(request.path)
        return refused(status, "Not found.") if is_first and reply.status == 200 else reply

    warehouse.load(serve(out_at_first), since=days_ago(1), max_wait_seconds=600, resources=FEW)
    active = [project for project in organization.projects if project["status"] == "active"]
    assert len(waits) == 3 + 2 * len(active)
    assert_whole(warehouse, organization, days(1), by=WHOLE)
    assert warehouse.value("select count(*) from openai_raw.users") == len(organization.users)


def test_trap_outage_is_not_what_a_404_with_the_code_not_found_means(serve, warehouse, waits):
    def not_found(request, reply):
        return refused(404, "Invalid URL.", code="not_found")

    api = serve(not_found)
    error = failure(warehouse, api, since=days_ago(3))
    assert (error.status, waits, len(api.requests)) == (404, [], 1)
    assert "Invalid URL" in error.said


def test_trap_captive_portal_is_an_error_and_never_no_data(serve, warehouse):
    error = failure(warehouse, serve("captive-portal"), since=days_ago(3))
    assert "a reply that cannot be used (text/html): it is not JSON" in error.said
    assert "proxy" in error.remedy


@pytest.mark.parametrize("end", ["/costs", "/api_keys"])
def test_trap_captive_portal_midway_leaves_every_day_as_it_was(end, serve, organization, warehouse):
    def portal(request, reply):
        is_midway = "page" in request.query and request.group_by != []
        is_met = request.path.endswith(end) and (is_midway or end != "/costs")
        html = Reply(200, "<html>Log in to go on.</html>", {"Content-Type": "text/html"})
        return html if is_met else reply

    warehouse.load(serve(), since=days_ago(4), resources=FEW)
    told = {days_ago(2): [charge("1000")]}
    api = serve(portal, overrides=told, **SHORT_PAGES)
    error = failure(warehouse, api, since=days_ago(4), resources=FEW)
    assert "it is not JSON" in error.said
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
}
LONG_CONTEXT = "gpt-5.4-2026-03-05, cached input, long context"
UNPARSED = ["telepathy, minutes", "gpt-7, thinking", "lunar | gpt-7, input", "agents; [new] 50%"]


@pytest.fixture(scope="module")
def modelled(organization, tmp_path_factory):
    """A day with each form of line item, loaded and modelled; and what dbt printed."""
    items = [*PARSED, LONG_CONTEXT, *UNPARSED]
    bill = [charge(f"{n}.000000000000000001", item) for n, item in enumerate(items, start=1)]
    warehouse = Warehouse(tmp_path_factory.mktemp("line_items"))
    with RememberingApi(organization, overrides={days_ago(1): bill}) as api:
        warehouse.load(api, resources=["costs"], since=days_ago(1), until=TODAY)
    selected = ("-s", "+openai__focus_costs", "line_items_are_parsed")
    warehouse.built = dbt("build", *selected, warehouse=warehouse)
    warehouse.bill = bill
    return warehouse


def test_trap_line_items_keep_their_money_and_their_text_in_any_form(modelled):
    assert modelled.built.returncode == 0, modelled.built.stdout
    told = modelled.rows("select x_LineItem, BilledCost from openai_marts.focus_costs")
    assert sorted(told) == sorted((each.line_item, each.amount) for each in modelled.bill)


@pytest.mark.parametrize("item", PARSED)
def test_trap_line_items_are_taken_apart(item, modelled):
    told = modelled.rows(f"""
        select x_ModelFamily, x_Meter, x_ServiceTier, x_Modality from openai_marts.focus_costs
        where x_LineItem = '{item}'
    """)
    assert told == [PARSED[item]]


def test_trap_line_items_tell_a_long_context_by_their_qualifier(modelled):
    told = modelled.rows("""
        select distinct x_LineItem from openai_marts.focus_costs where x_ContextWindow = 'long'
    """)
    assert told == [(LONG_CONTEXT,)]


def test_trap_line_items_in_a_new_form_are_counted_as_unparsed_and_never_guessed(modelled):
    told = modelled.rows("""
        select x_LineItem, x_Model, x_ModelFamily, x_Meter, x_ServiceTier, x_Modality
        from openai_marts.focus_costs where x_Service = 'Other'
    """)
    assert sorted(told) == sorted((item, *[None] * 5) for item in UNPARSED)
    assert "Warning in test line_items_are_parsed" in modelled.built.stdout


def test_every_failure_mode_of_the_simulated_api_has_a_test_here():
    source = Path(__file__).read_text()
    assert [trap for trap in TRAPS if f'"{trap}"' not in source] == []


@pytest.mark.parametrize("number", range(1, 12))
def test_every_numbered_trap_has_a_test_that_is_named_after_it(number):
    assert any(name.startswith(f"test_trap_{number}_") for name in globals())


def load_demo(folder, days, *traps):
    """One run of the command; what it printed except waits, and the warehouse that it left."""
    date_range = ("--since", days[0], "--until", days[-1] + timedelta(days=1))
    options = [word for trap in traps for word in ("--trap", trap)]
    result = run_pipeline("load", "--demo", *date_range, *options, cwd=folder)
    lines = result.stderr.splitlines()
    messages = [line for line in lines if not line.endswith("s before asking again.")]
    warehouse = Warehouse(folder)
    warehouse.path = folder / "demo.duckdb"
    return result, messages, warehouse


@pytest.mark.parametrize(
    ("trap", "first_day"),
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
def test_trap_on_the_command_line_is_survived_without_losing_a_cent(
    trap, first_day, organization, tmp_path
):
    asked = days(first_day)
    billed = {
        "credits": credited_days(organization),
        "other-organization": {day: [] for day in asked},
    }
    result, messages, warehouse = load_demo(tmp_path, asked, trap)
    assert result.returncode == 0, result.stderr
    assert result.stdout == ""
    if trap == "no-management-scope":
        assert len(messages) == 3
        assert all("Missing scopes: api.management.read." in line for line in messages)
    elif trap == "no-usage-kind":
        assert [re.search(r"kind (\w+) is left out", line)[1] for line in messages] == [
            "decisions",
            "moderations",
        ]
    else:
        assert messages == []
    assert_whole(warehouse, organization, asked, billed.get(trap, {}))


@pytest.mark.parametrize(
    ("trap", "sentence"),
    [
        ("revoked-key", "Incorrect API key provided: sk-a***min. It was revoked or is mistyped"),
        ("day-is-missing", f"left out days that were asked for, the first {days_ago(4)}."),
    ],
)
def test_trap_on_the_command_line_is_an_error_that_leaves_nothing_behind(trap, sentence, tmp_path):
    result, messages, warehouse = load_demo(tmp_path, days(6), trap)
    assert (result.returncode, result.stdout) == (1, "")
    assert len(messages) == 1
    assert messages[0].startswith("OpenAI's /organization/costs ")
    assert sentence in messages[0]
    assert list(warehouse.folder.glob("*.duckdb*")) == []


def test_traps_on_the_command_line_may_be_set_together(organization, tmp_path):
    traps = ("users-apart-before", "key-floor", "no-extras", "buckets-in-no-order")
    result, said, warehouse = load_demo(tmp_path, days(22), *traps)
    assert (result.returncode, said) == (0, [])
    assert groupings(warehouse) == [
        (WITHOUT_BOTH, days_ago(22), days_ago(21)),
        (WHOLE, days_ago(20), TODAY),
    ]
    assert_whole(warehouse, organization, days(22))
    assert_users_apart(warehouse, organization, days(22, 21))


NO_USAGE = "Missing scopes: api.usage.read."

FOUND = {
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
    "no-usage-kind": {"usage": ("warning", "It cannot be read of decisions, moderations.")},
    "other-organization": {"organization": ("warning", "org-demo-empty, which has had no costs")},
    "users-apart": {"costs by user": ("note", "does not tell this organization's users within")},
    "users-apart-before": {"costs by user": ("note", "for part of the history.")},
    "key-floor": {"costs by API key": ("note", f"OpenAI tells them from {days_ago(20)} on.")},
}


@pytest.fixture
def check(serve):
    """The findings of a key by their subject, with a trap set."""

    def with_trap(trap):
        api = serve(trap)
        return {found.check: found for found in examine(api.admin_key, api.base_url, TODAY)}

    return with_trap


@pytest.mark.parametrize("trap", FOUND)
def test_check_finds_the_trap(trap, check):
    findings = check(trap)
    for subject, (status, sentence) in FOUND[trap].items():
        assert findings[subject].status == status
        assert sentence in findings[subject].finding
        assert findings[subject].remedy
    others = {found.status for subject, found in findings.items() if subject not in FOUND[trap]}
    assert others <= {"ok", "note"}


def test_check_probes_names_by_themselves_where_a_key_may_not_read_costs(check):
    statuses = {subject: found.status for subject, found in check("no-usage-scope").items()}
    assert (statuses["openai__projects"], statuses["openai__users"]) == ("ok", "ok")
