"""The load state of an organization, by itself and in a real warehouse."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pytest
from conftest import TODAY, RememberingApi, days_ago
from running import run_pipeline
from test_awkward_replies import Awkward, every_day, loaded_days, users_apart_before
from test_source import DAY, OtherOrganization, charge, requests_for_costs

from openai_costs_source.api.date_ranges import NEVER, History
from openai_costs_source.extract.load_state import RETRIED_AFTER, LoadState
from openai_costs_source.extract.rows import COST_DAYS, COST_DAYS_BY_CURRENCY
from openai_costs_source.simulator.api import DEMO_ADMIN_KEY
from openai_costs_source.simulator.organization import Organization

NOON = datetime.combine(TODAY, datetime.min.time(), UTC) + timedelta(hours=12)
ALL = "project_id,user_id,api_key_id,line_item"


def ledger(amount, rows=3, by=ALL, day=DAY, is_closed=True, loaded_at=NOON):
    row = {
        "organization_id": "org-1",
        "date": day,
        "loaded_at": loaded_at,
        "is_closed": is_closed,
        "grouped_by": by,
        "row_count": rows,
        "row_amount": amount and Decimal(amount),
    }
    return [pa.Table.from_pylist([row], schema=COST_DAYS)]


def restated(load_state, amount, **fields):
    """The former and the new amount of the day, if loading it with this amount restates it."""
    return [
        (row["was_amount"], row["is_amount"])
        for row in load_state.restatements(ledger(amount, **fields)).to_pylist()
    ]


def test_day_loaded_for_the_first_time_is_no_restatement():
    assert restated(LoadState(), "1.5") == []


def test_unchanged_day_is_no_restatement():
    load_state = LoadState()
    restated(load_state, "1.5")
    assert restated(load_state, "1.50") == []


def test_each_change_of_a_day_is_logged_with_its_former_amount():
    load_state = LoadState()
    restated(load_state, "1.5")
    assert restated(load_state, "2") == [(Decimal("1.5"), Decimal(2))]
    assert restated(load_state, "1.5") == [(Decimal(2), Decimal("1.5"))]


def by_currency(**amounts):
    key = {"date": DAY, "row_count": 1}
    rows = [{**key, "currency": code, "row_amount": Decimal(n)} for code, n in amounts.items()]
    return [pa.Table.from_pylist(rows, schema=COST_DAYS_BY_CURRENCY)]


def test_each_currency_of_a_day_is_restated_by_itself():
    def restated(load_state, **amounts):
        rows = load_state.restatements(ledger(None, rows=len(amounts)), by_currency(**amounts))
        return [(row["currency"], row["was_amount"], row["is_amount"]) for row in rows.to_pylist()]

    load_state = LoadState()
    load_state.restatements(ledger("1", rows=1))
    assert restated(load_state, eur=2, usd=1) == [("eur", 0, 2)]
    saved = LoadState.from_state(json.loads(json.dumps(load_state.as_state())), TODAY)
    assert saved.closed_days == load_state.closed_days
    assert restated(saved, eur=2, usd=3) == [("usd", 1, 3)]
    assert [
        (row["currency"], row["was_amount"], row["is_amount"])
        for row in saved.restatements(ledger("3", rows=1)).to_pylist()
    ] == [("eur", 2, 0)]


def test_day_that_was_open_is_not_restated_by_its_end():
    load_state = LoadState()
    restated(load_state, "1.5", is_closed=False)
    assert restated(load_state, "2") == []


def test_day_split_into_other_rows_is_restated_with_the_same_amount():
    load_state = LoadState()
    restated(load_state, "1.5", rows=3)
    assert restated(load_state, "1.5", rows=4) == [(Decimal("1.5"), Decimal("1.5"))]


def test_another_grouping_and_its_rounding_are_no_restatement():
    load_state = LoadState()
    restated(load_state, "1.5", rows=3)
    assert restated(load_state, "1.500000000000000002", rows=2, by="line_item") == []
    assert len(restated(load_state, "1.51", rows=3)) == 1


def test_restatement_has_the_times_of_both_loads():
    load_state = LoadState()
    restated(load_state, "1.5", loaded_at=NOON)
    later = NOON + timedelta(days=2)
    (row,) = load_state.restatements(ledger("2", loaded_at=later)).to_pylist()
    assert (row["was_loaded_at"], row["seen_at"], row["seen_on"]) == (NOON, later, later.date())


def test_load_state_survives_dlts_state():
    load_state = LoadState(
        history=History(days_ago(40), TODAY),
        first_day_by_dimension={"user_id": NEVER, "api_key_id": days_ago(9)},
        limits_found_on=TODAY,
        earliest_day=days_ago(180),
        earliest_seen_on=days_ago(3),
        loaded_at=NOON,
    )
    restated(load_state, "0.000000000000000001")
    restated(load_state, "12345678901234567890.123456789012345678")
    state = json.loads(json.dumps(load_state.as_state()))
    assert LoadState.from_state(state, TODAY) == load_state


def test_state_has_the_keys_of_older_warehouses():
    state = {
        "history": {"asked_from": str(days_ago(40)), "first_open_day": str(TODAY)},
        "first_told": {"api_key_id": str(days_ago(9))},
        "learned_on": str(TODAY),
        "earliest_day": None,
        "earliest_seen_on": None,
        "loaded_from": None,
        "closed_days": {str(DAY): ["1.5", 3, ALL, NOON.isoformat()]},
        "loaded_at": NOON.isoformat(),
        "read_young": {str(DAY): str(TODAY)},
    }
    load_state = LoadState.from_state(state, TODAY)
    assert load_state.history == History(days_ago(40), TODAY)
    assert load_state.first_day_by_dimension == {"api_key_id": days_ago(9)}
    assert load_state.read_before_final == {DAY: TODAY}
    assert load_state.as_state() == state


def test_discovered_limit_is_tried_again_after_a_while():
    load_state = LoadState(first_day_by_dimension={"user_id": NEVER}, limits_found_on=TODAY)
    state = load_state.as_state()
    almost = TODAY + RETRIED_AFTER - timedelta(days=1)
    assert LoadState.from_state(state, almost).first_day_by_dimension == {"user_id": NEVER}
    assert LoadState.from_state(state, TODAY + RETRIED_AFTER).first_day_by_dimension == {}


def test_finding_a_limit_again_does_not_postpone_the_next_try():
    load_state = LoadState(first_day_by_dimension={"user_id": NEVER}, limits_found_on=days_ago(20))
    load_state.note_limits({"user_id": NEVER}, None, TODAY)
    assert load_state.limits_found_on == days_ago(20)


def test_days_before_the_first_one_kept_are_removed():
    load_state = LoadState(history=History(days_ago(90), TODAY))
    restated(load_state, "1", day=days_ago(31))
    restated(load_state, "1", day=days_ago(30))
    load_state.forget_before(days_ago(30))
    assert list(load_state.closed_days) == [days_ago(30)]
    assert load_state.history == History(days_ago(30), TODAY)


def logged(warehouse):
    return warehouse.rows("""
        select date, was_amount, is_amount from openai_raw.cost_restatements
        order by date, seen_us
    """)


def test_every_former_amount_of_a_restated_day_is_kept(api, warehouse):
    for amount in ("1.5", "1.75", "1.75", "1.25"):
        api.overrides[DAY] = [charge(amount)]
        warehouse.load(api, since=days_ago(6))
    api.overrides[DAY] = []
    warehouse.load(api, since=days_ago(6))
    assert logged(warehouse) == [
        (DAY, Decimal("1.5"), Decimal("1.75")),
        (DAY, Decimal("1.75"), Decimal("1.25")),
        (DAY, Decimal("1.25"), Decimal(0)),
    ]


def test_currencies_of_a_day_are_neither_added_nor_compared_with_each_other(api, warehouse):
    for euros in ("2", "3", None):
        api.overrides[DAY] = [charge("1.5")]
        if euros:
            api.overrides[DAY] += [charge(euros, currency="eur")]
        warehouse.load(api, since=days_ago(6))
        totals = "select currency, row_amount, api_amount from openai_raw.{} where date = '{}'"
        stored = warehouse.rows(totals.format("cost_days", DAY))
        several = sorted(warehouse.rows(totals.format("cost_days_by_currency", DAY)))
        usd = ("usd", Decimal("1.5"), Decimal("1.5"))
        assert stored == [(None, None, None) if euros else usd]
        assert several == ([("eur", Decimal(euros), Decimal(euros)), usd] if euros else [])
    assert warehouse.rows("""
        select currency, was_amount, is_amount, was_row_count, is_row_count
        from openai_raw.cost_restatements order by seen_us
    """) == [("eur", 2, 3, 1, 1), ("eur", 3, 0, 1, 0)]


def test_day_that_does_not_add_up_is_not_logged_as_restated(api, organization, warehouse):
    warehouse.load(api, since=days_ago(6))
    with RememberingApi(organization, failure_modes=["row-is-missing"]) as incomplete:
        warehouse.load(incomplete, since=days_ago(6))
    assert logged(warehouse) == []


def test_restatements_of_one_organization_do_not_replace_those_of_another(api, warehouse):
    with RememberingApi(OtherOrganization(TODAY), overrides={}) as other:
        for amount in ("1", "2"):
            for each in (api, other):
                each.overrides[DAY] = [charge(amount)]
                warehouse.load(each, since=days_ago(6))
    assert len(logged(warehouse)) == 2


@pytest.fixture
def awkward(organization):
    with Awkward(organization, overrides={}) as api:
        yield api


def test_refused_request_is_not_sent_again_by_the_next_load(awkward, warehouse):
    awkward.bend = users_apart_before(TODAY + timedelta(days=1))
    warehouse.load(awkward)
    awkward.requests.clear()
    warehouse.load(awkward)
    groupings = [sorted(query.get("group_by", [])) for query in requests_for_costs(awkward)]
    assert groupings == [
        [],
        ["api_key_id", "line_item", "project_id"],
        ["line_item", "user_id"],
    ]


def test_first_day_with_users_applies_to_later_loads(awkward, warehouse):
    awkward.bend = users_apart_before(days_ago(20))
    warehouse.load(awkward)
    awkward.requests.clear()
    warehouse.load(awkward)
    assert len(requests_for_costs(awkward)) == 4
    split = warehouse.rows("""
        select max(date) from openai_raw.cost_days where grouped_by not like '%user_id%'
    """)
    assert split == [(days_ago(21),)]


def test_named_days_are_requested_with_all_dimensions_that_they_have_now(awkward, api, warehouse):
    awkward.bend = users_apart_before(TODAY + timedelta(days=1))
    warehouse.load(awkward)
    warehouse.load(api, since=days_ago(5))
    detail = "select distinct grouped_by from openai_raw.cost_days where date >= "
    assert warehouse.rows(f"{detail} '{days_ago(5)}'") == [(ALL,)]


def test_first_day_of_openais_history_is_stored(api, organization, warehouse):
    warehouse.load(api)
    warehouse.load(api)
    known = "select organization_id, earliest_day, earliest_seen_on from openai_raw.organizations"
    assert warehouse.rows(known) == [(organization.id, organization.earliest, TODAY)]


class ShortenedHistory(Organization):
    """The same organization, when OpenAI returns only its last 60 days."""

    def __init__(self, today):
        super().__init__(today)
        self.earliest = days_ago(60)


def test_days_stored_under_a_header_name_get_the_id_even_before_openais_history(
    organization, warehouse, tmp_path
):
    settings = {
        "cwd": tmp_path,
        "DESTINATION__DUCKDB__CREDENTIALS": str(warehouse.path),
        "OPENAI_ADMIN_KEY": DEMO_ADMIN_KEY,
    }
    nothing = {day: [] for day in every_day(organization.earliest)}
    with RememberingApi(organization, overrides=nothing) as api:
        run_pipeline("load", OPENAI_BASE_URL=api.base_url, **settings)
        names = "select distinct organization_id from openai_raw.cost_days"
        assert warehouse.rows(names) == [(organization.slug,)]
        api.organization = ShortenedHistory(TODAY)
        api.overrides[days_ago(1)] = [charge(str(n)) for n in range(1, 40)]
        result = run_pipeline("load", OPENAI_BASE_URL=api.base_url, **settings)
    assert result.returncode == 0, result.stderr
    assert warehouse.rows(names) == [(organization.id,)]
    assert loaded_days(warehouse) == every_day(organization.earliest)
    for table in ("users", "projects", "api_keys", "organizations"):
        ids = f"select distinct organization_id from openai_raw.{table}"
        assert warehouse.rows(ids) == [(organization.id,)]
