"""Usage by kind: what is requested and stored, and what happens if it cannot be read."""

import importlib
import json
import re
from datetime import timedelta

import pyarrow as pa
import pytest
from conftest import TODAY, RememberingApi, days_ago

from openai_costs_source.api.usage_kinds import USAGE_KINDS
from openai_costs_source.simulator.api import SimulatedApi
from openai_costs_source.simulator.unix_time import midnight

NAMES = [kind.name for kind in USAGE_KINDS]
COSTS_AND_TWO_KINDS = ["costs", "usage_embeddings", "usage_images"]
LAST_DAYS = [days_ago(2), days_ago(1), TODAY]


class BentUsage(SimulatedApi):
    """The demo's API; `bends` change the replies of usage, by the name of the kind."""

    def __init__(self, *settings, **bends):
        super().__init__(*settings)
        self.bends = bends

    def answer(self, method, target, authorization):
        status, body = super().answer(method, target, authorization)
        _, path, query = self.requests[-1]
        bend = self.bends.get(path.rsplit("/", 1)[-1]) if "/usage/" in path else None
        if bend is None:
            return status, body
        status, page = bend(query, status, json.loads(body))
        return status, page if isinstance(page, str) else json.dumps(page)


def refused(status, message, param=None, code=None):
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return lambda query, status_before, page: (status, {"error": error})


def usage(*names):
    return [f"usage_{name}" for name in names]


def requests_for(api, kind):
    return [query for _, path, query in api.requests if path.endswith(f"/usage/{kind}")]


def tables(warehouse):
    return {name for (name,) in warehouse.rows("select table_name from duckdb_tables()")}


def each_day(first, days):
    return [first + timedelta(days=n) for n in range(days)]


def ledger(warehouse, kind):
    return warehouse.rows(
        "select date, is_closed, row_count from openai_raw.usage_days "
        f"where kind = '{kind}' order by date"
    )


# What the API publishes


@pytest.mark.parametrize("kind", USAGE_KINDS, ids=NAMES)
def test_kind_stores_all_fields_that_openais_own_sdk_reads(kind):
    sdk = importlib.import_module(f"openai.types.admin.organization.usage_{kind.name}_response")
    (result,) = [
        each
        for name, each in vars(sdk).items()
        if name.startswith("DataResult")
        and re.search(
            rf"usage\.{kind.name.replace('_calls', '')}(es)?\.result",
            str(getattr(each, "model_fields", {}).get("object")),
        )
    ]
    assert {*kind.dimensions, *kind.measures} == set(result.model_fields) - {"object"}


def test_all_kinds_of_the_sdk_are_known():
    sdk = importlib.import_module("openai.resources.admin.organization.usage")
    methods = {name for name in vars(sdk.Usage) if not name.startswith(("_", "with_"))}
    assert set(NAMES) == methods - {"costs"}


# What is loaded


def test_each_kind_is_stored_completely_with_its_days(api, organization, warehouse):
    warehouse.load(api, resources=None)
    first_to_today = (TODAY - organization.earliest).days + 1
    for name in NAMES:
        days, rows = warehouse.rows(
            f"select count(*), sum(row_count) from openai_raw.usage_days where kind = '{name}'"
        )[0]
        assert days == first_to_today
        assert rows == warehouse.value(f"select count(*) from openai_raw.usage_{name}") > 0


def test_tokens_used_are_the_tokens_billed(api, warehouse):
    warehouse.load(api, resources=None)
    billed = warehouse.value("""
        select sum(quantity) from openai_raw.costs
        where line_item in ('gpt-5.6-sol, output', 'priority | gpt-5.6-sol, output')
    """)
    used = "select sum(output_tokens) from openai_raw.usage_completions where model = 'gpt-5.6-sol'"
    assert warehouse.value(used) == billed > 0


def test_later_run_requests_the_trailing_days_and_changes_no_row(api, warehouse):
    warehouse.load(api, resources=usage(*NAMES), refetch_days=3)
    before = warehouse.rows("select * exclude (loaded_at) from openai_raw.usage_completions")
    days = warehouse.rows("select * exclude (loaded_at) from openai_raw.usage_days order by all")
    api.requests.clear()
    warehouse.load(api, resources=usage(*NAMES), refetch_days=3)
    after = warehouse.rows("select * exclude (loaded_at) from openai_raw.usage_completions")
    assert sorted(before, key=str) == sorted(after, key=str)
    assert (
        warehouse.rows("select * exclude (loaded_at) from openai_raw.usage_days order by all")
        == days
    )
    assert {len(requests_for(api, name)) for name in NAMES} == {1}
    assert requests_for(api, "completions")[0]["limit"] == ["4"]


def test_emptied_day_of_usage_is_removed_and_stays_in_the_ledger(organization, api, warehouse):
    first = usage("completions")
    warehouse.load(api, resources=first, since=LAST_DAYS[0])
    with RememberingApi(organization, overrides={LAST_DAYS[0]: []}) as emptied:
        warehouse.load(emptied, resources=first, since=LAST_DAYS[0])
    assert [count > 0 for _, _, count in ledger(warehouse, "completions")] == [False, True, True]
    stored = "select distinct date from openai_raw.usage_completions order by 1"
    assert warehouse.rows(stored) == [(LAST_DAYS[1],), (LAST_DAYS[2],)]


def test_today_is_marked_as_not_over(api, warehouse):
    warehouse.load(api, resources=usage("embeddings"), since=LAST_DAYS[0])
    assert [closed for _, closed, _ in ledger(warehouse, "embeddings")] == [True, True, False]


def test_kinds_are_grouped_by_all_their_dimensions(api, warehouse):
    warehouse.load(api, resources=usage(*NAMES), since=LAST_DAYS[0])
    for kind in USAGE_KINDS:
        finest = [name for name in kind.dimensions if name != "api_source"]
        assert requests_for(api, kind.name)[0]["group_by"] == finest


def test_setting_group_by_applies_to_usage_too(api, warehouse):
    group_by = ["project_id", "line_item", "api_source"]
    warehouse.load(api, resources=usage("completions"), since=LAST_DAYS[0], group_by=group_by)
    finest = ["project_id", "model", "batch", "service_tier", "api_source"]
    assert requests_for(api, "completions")[0]["group_by"] == finest
    assert warehouse.value("select count(user_id) from openai_raw.usage_completions") == 0


def test_pages_have_no_more_days_than_the_api_allows(api, warehouse):
    warehouse.load(api, resources=usage("completions"), since=days_ago(70))
    queries = requests_for(api, "completions")
    days = [int(query["limit"][0]) for query in queries]
    assert (max(days), sum(days)) == (31, 71)
    assert all("page" not in query for query in queries)


def test_costs_load_the_same_without_usage(api, warehouse):
    warehouse.load(api, resources=["costs"], since=LAST_DAYS[0])
    assert warehouse.value("select count(*) from openai_raw.costs") > 0
    assert [path for _, path, _ in api.requests if "/usage/" in path] == []


# What cannot be read


@pytest.mark.parametrize(
    "refusal",
    [
        refused(403, "You have insufficient permissions for this operation."),
        refused(401, "You have insufficient permissions for this operation."),
        refused(404, "Invalid URL (GET /v1/organization/usage/embeddings)"),
        refused(404, "Not found.", code="not_found"),
        refused(400, "This organization has no embeddings."),
    ],
    ids=["403", "401", "unknown path", "not found", "400"],
)
def test_kind_that_the_key_cannot_read_is_reported_and_skipped(
    organization, warehouse, caplog, refusal
):
    with BentUsage(organization, embeddings=refusal) as api:
        warehouse.load(api, resources=["costs", *usage("embeddings", "images")], since=LAST_DAYS[0])
    assert len(requests_for(api, "embeddings")) == 1
    assert "Usage of the kind embeddings is skipped" in caplog.text
    assert "ERROR" not in {record.levelname for record in caplog.records}
    assert "usage_embeddings" not in tables(warehouse)
    assert ledger(warehouse, "embeddings") == []
    assert len(ledger(warehouse, "images")) == 3


def test_kind_that_becomes_readable_is_loaded_with_its_whole_history(organization, warehouse):
    no_scope = refused(403, "You have insufficient permissions for this operation.")
    with BentUsage(organization, images=no_scope) as api:
        warehouse.load(api, resources=None)
    with RememberingApi(organization) as api:
        warehouse.load(api, resources=None)
    assert len(ledger(warehouse, "images")) == (TODAY - organization.earliest).days + 1


@pytest.mark.parametrize(
    ("bend", "message"),
    [
        (refused(500, "The server had an error."), "The server had an error"),
        (lambda query, status, page: (200, "<html>"), "it is not JSON"),
        (lambda query, status, page: (200, {**page, "data": []}), "left out days"),
        (lambda query, status, page: (200, {**page, "data": page["data"] * 2}), "twice"),
        (lambda query, status, page: (200, {**page, "has_more": True}), "named none"),
        (
            lambda query, status, page: (
                200,
                json.dumps(page).replace('"input_tokens": ', '"input_tokens": 0.5, "x": '),
            ),
            "input_tokens is not a whole number",
        ),
    ],
    ids=["outage", "no JSON", "days omitted", "days doubled", "more without a token", "fractions"],
)
def test_kind_that_fails_keeps_its_stored_days_and_costs_load(
    organization, api, warehouse, caplog, bend, message
):
    warehouse.load(api, resources=COSTS_AND_TWO_KINDS, since=LAST_DAYS[0])
    before = warehouse.rows("select * from openai_raw.usage_embeddings order by all")
    with BentUsage(organization, embeddings=bend) as bent:
        warehouse.load(bent, resources=COSTS_AND_TWO_KINDS, since=LAST_DAYS[0], max_wait_seconds=0)
    assert warehouse.rows("select * from openai_raw.usage_embeddings order by all") == before
    (error,) = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert message in error
    assert "The stored days of usage_embeddings stay" in error
    moments = "select count(distinct loaded_at) from openai_raw.{}"
    assert warehouse.value(moments.format("cost_days")) == 1
    assert warehouse.value(moments.format("usage_days")) == 2


def test_kind_that_failed_is_loaded_by_the_next_run_without_a_gap(organization, warehouse):
    few = {"resources": usage("images"), "start_date": days_ago(50), "refetch_days": 1}

    def fails_later(query, status, page):
        is_late = int(query["start_time"][0]) >= midnight(days_ago(19))
        return refused(500, "No.")(query, status, page) if is_late else (status, page)

    with BentUsage(organization, images=fails_later) as api:
        warehouse.load(api, **few, max_wait_seconds=0)
    assert [day for day, _, _ in ledger(warehouse, "images")] == each_day(days_ago(50), 31)
    with RememberingApi(organization) as api:
        warehouse.load(api, **few)
    assert [day for day, _, _ in ledger(warehouse, "images")] == each_day(days_ago(50), 51)


def test_users_that_do_not_combine_with_projects_are_omitted_from_usage(organization, warehouse):
    def users_apart(query, status, page):
        if {"user_id", "project_id"} <= set(query.get("group_by", [])):
            message = "group_by user_id cannot be combined with project_id."
            return refused(400, message, "group_by")(query, status, page)
        return status, page

    with BentUsage(organization, completions=users_apart) as api:
        warehouse.load(api, resources=usage("completions"), since=LAST_DAYS[0])
        first = len(requests_for(api, "completions"))
        api.requests.clear()
        warehouse.load(api, resources=usage("completions"), refetch_days=1)
        again = requests_for(api, "completions")
    counts = "select count(*), count(user_id), count(project_id) from openai_raw.usage_completions"
    rows, users, projects = warehouse.rows(counts)[0]
    assert (users, projects) == (0, rows)
    assert first > 1
    assert "user_id" not in again[-1]["group_by"]


def test_usage_begins_with_the_apis_history_as_costs_do(organization, warehouse):
    with RememberingApi(organization) as api:
        warehouse.load(api, resources=usage("completions"), since=days_ago(400))
    assert ledger(warehouse, "completions")[0][0] == organization.earliest


def test_months_that_are_not_kept_are_removed_from_usage_and_its_ledger(api, warehouse):
    kinds = usage("completions", "images")
    warehouse.load(api, resources=kinds)
    warehouse.load(api, resources=kinds, keep_months=1)
    last_month = (TODAY.replace(day=1) - timedelta(days=1)).replace(day=1)
    for table in ("usage_completions", "usage_images", "usage_days"):
        assert warehouse.value(f"select min(date) from openai_raw.{table}") >= last_month
    assert ledger(warehouse, "images")[0][0] == last_month


# A page


def page(kind, **fields):
    result = json.dumps({"object": "organization.usage.result", **fields})
    bucket = f'{{"start_time": 1764979200, "end_time": 1765065600, "results": [{result}]}}'
    return f'{{"object": "page", "has_more": false, "data": [{bucket}]}}'.encode()


COMPLETIONS = USAGE_KINDS[0]


@pytest.mark.parametrize("literal", ["12", "12.0", "1.2e1", '"12"'])
def test_whole_number_is_read_in_every_spelling(literal):
    body = page(COMPLETIONS, input_tokens=0).replace(
        b'"input_tokens": 0', b'"input_tokens": ' + literal.encode()
    )
    assert COMPLETIONS.read(body).results["input_tokens"].to_pylist() == [12]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("input_tokens", 0.5),
        ("input_tokens", "many"),
        ("input_tokens", True),
        ("input_tokens", 2**63),
        ("batch", "true"),
        ("batch", 1),
        ("model", 5),
    ],
)
def test_wrong_type_names_the_day_and_the_field(field, value):
    with pytest.raises(ValueError, match=f"2025-12-06, {field} is"):
        COMPLETIONS.read(page(COMPLETIONS, **{field: value}))


def test_largest_whole_number_fits():
    read = COMPLETIONS.read(page(COMPLETIONS, input_tokens=2**63 - 1)).results
    assert read["input_tokens"].to_pylist() == [2**63 - 1]
    assert read.schema.field("batch").type == pa.bool_()
