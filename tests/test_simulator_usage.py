"""The usage of the simulated organization: in OpenAI's schema, and equal to its bill."""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from importlib import import_module
from itertools import combinations
from typing import Any, get_args, get_type_hints

import openai
import pytest
import requests
from test_simulator import (
    COSTS,
    ONE_DAY,
    TODAY,
    days_ago,
    days_of_age,
    fetch,
    fetch_text,
    refusal,
    sdk,
)

from openai_costs_source.simulator.api import DEMO_ADMIN_KEY, SimulatedApi
from openai_costs_source.simulator.failure_modes import restated_days
from openai_costs_source.simulator.organization import Organization
from openai_costs_source.simulator.unix_time import midnight
from openai_costs_source.simulator.usage_kinds import KINDS

WHOLE_HISTORY = 180
FILTERS = [(kind, name) for kind in KINDS for name in KINDS[kind].filters]


def path(kind: str) -> str:
    return f"/v1/organization/usage/{kind}"


def results_by_day(
    api: SimulatedApi, where: str, oldest: int, newest: int = 0, **query: Any
) -> Any:
    """The results of each day of these ages, page by page; the oldest day first."""
    query = {
        "start_time": midnight(days_ago(oldest)),
        "end_time": midnight(days_ago(newest - 1)),
        **query,
    }
    query["limit"] = 180 if where == COSTS else 31
    buckets, page = [], fetch(api, where, **query)
    buckets += page["data"]
    while page["has_more"]:
        page = fetch(api, where, **query, page=page["next_page"])
        buckets += page["data"]
    return [bucket["results"] for bucket in buckets]


def finest(api: SimulatedApi, kind: str, age: int) -> list[dict[str, Any]]:
    (rows,) = results_by_day(api, path(kind), age, age, group_by=KINDS[kind].dimensions)
    return rows


def measured(rows: list[dict[str, Any]], kind: str) -> dict[str, int]:
    return {name: sum(row[name] for row in rows) for name in KINDS[kind].measures}


def quantities(api: SimulatedApi, line_item: str) -> list[Decimal]:
    """The billed quantity of a line item, by day."""
    days = results_by_day(api, COSTS, WHOLE_HISTORY, line_items=line_item, group_by="line_item")
    return [sum((row["quantity"] for row in rows), Decimal(0)) for rows in days]


def used(api: SimulatedApi, kind: str, measure: str) -> list[int]:
    return [
        sum(row[measure] for row in rows) for rows in results_by_day(api, path(kind), WHOLE_HISTORY)
    ]


@pytest.fixture(scope="module")
def organization() -> Organization:
    return Organization(TODAY)


@pytest.fixture
def api(organization: Organization) -> SimulatedApi:
    return SimulatedApi(organization)


@pytest.fixture(scope="module")
def served(organization: Organization) -> Iterator[SimulatedApi]:
    with SimulatedApi(organization) as running:
        yield running


# The official client


@pytest.mark.parametrize("kind", KINDS)
def test_the_official_client_reads_each_kind_page_by_page(served: SimulatedApi, kind: str) -> None:
    read = getattr(sdk(served).usage, kind)
    query = {"start_time": midnight(days_ago(40)), "limit": 31, "group_by": KINDS[kind].dimensions}
    pages = [read(**query)]
    while pages[-1].next_page:
        pages.append(read(**query, page=pages[-1].next_page))
    assert [len(page.data) for page in pages] == [31, 10]
    results = [result for page in pages for bucket in page.data for result in bucket.results]
    assert results
    assert {result.object for result in results} == {
        f"organization.usage.{KINDS[kind].object}.result"
    }
    assert all(result.project_id for result in results)
    assert all(
        min(result.to_dict()[name] for name in KINDS[kind].measures) >= 0 for result in results
    )


@pytest.mark.parametrize("kind", KINDS)
def test_the_official_client_reads_ungrouped_usage(served: SimulatedApi, kind: str) -> None:
    for bucket in getattr(sdk(served).usage, kind)(start_time=midnight(days_ago(6))).data:
        assert len(bucket.results) <= 1
        for result in bucket.results:
            assert not any(getattr(result, name) for name in KINDS[kind].dimensions)


def published(kind: str) -> tuple[Any, Any]:
    """The official client's types of the parameters and the result of a kind of usage."""
    module = "openai.types.admin.organization.usage_"
    parameters = import_module(f"{module}{kind}_params")
    (parameters,) = [getattr(parameters, name) for name in parameters.__all__]
    response = import_module(f"{module}{kind}_response")
    results = [getattr(response, name) for name in response.__all__ if "DataResult" in name]
    wanted = f"organization.usage.{KINDS[kind].object}.result"
    (result,) = [
        type
        for type in results
        if "object" in getattr(type, "model_fields", {})
        and get_args(type.model_fields["object"].annotation) == (wanted,)
    ]
    return get_type_hints(parameters, include_extras=False), result.model_fields


def literals(hint: Any) -> set[str]:
    inner = get_args(hint)
    return set().union(*map(literals, inner)) if inner else {hint} if type(hint) is str else set()


@pytest.mark.parametrize("kind", KINDS)
def test_parameters_and_result_are_those_that_the_official_client_knows(
    api: SimulatedApi, kind: str
) -> None:
    parameters, result = published(kind)
    assert literals(parameters["group_by"]) == set(KINDS[kind].dimensions)
    rows = finest(api, kind, 3) or finest(api, kind, 4)
    assert set(rows[0]) == set(result)
    known = {"start_time", "end_time", "bucket_width", "limit", "page", "group_by"}
    assert set(parameters) == known | set(KINDS[kind].filters)


# Usage agrees with the bill


METERS = {
    "input": "input_{}_tokens",
    "input_tokens": "input_{}_tokens",
    "cached input": "input_cached_{}_tokens",
    "cache writes": "input_cache_write_tokens",
    "output": "output_{}_tokens",
}
UNDATED = re.compile(r"-20\d\d-\d\d-\d\d$")


def of_bill(line_item: str) -> tuple[str, str]:
    """The model family and the token field of a line item of tokens."""
    model, meter, *_ = line_item.rpartition(" | ")[2].split(", ")
    modality = "text"
    if model.endswith((" text", " image", " audio")):
        model, modality = model.rsplit(" ", 1)
    return UNDATED.sub("", model), METERS[meter].format(modality)


def of_usage(model: str) -> str:
    if model.startswith("ft:"):
        model = f"ft-{model.split(':')[1]}"
    return UNDATED.sub("", model)


def tokens_billed(rows: list[dict[str, Any]]) -> Counter[tuple[str, str]]:
    billed: Counter[tuple[str, str]] = Counter()
    for row in rows:
        if row["quantity_unit"] in ("tokens", "1000_tokens"):
            factor = 1000 if row["quantity_unit"] == "1000_tokens" else 1
            tokens = row["quantity"] * factor
            assert tokens == int(tokens)
            billed[of_bill(row["line_item"])] += int(tokens)
    return billed


def tokens_used(api: SimulatedApi, oldest: int, newest: int = 0) -> list[Counter[tuple[str, str]]]:
    completions = results_by_day(api, path("completions"), oldest, newest, group_by="model")
    embeddings = results_by_day(api, path("embeddings"), oldest, newest, group_by="model")
    by_day = []
    for rows, embedded in zip(completions, embeddings, strict=True):
        used: Counter[tuple[str, str]] = Counter()
        for row in rows:
            for field in {METERS[m].format(x) for m in METERS for x in ("text", "image", "audio")}:
                used[of_usage(row["model"]), field] += row[field]
        for row in embedded:
            used[of_usage(row["model"]), "input_text_tokens"] += row["input_tokens"]
        by_day.append(+used)
    return by_day


def test_tokens_used_equal_tokens_billed_by_day_model_family_and_meter(api: SimulatedApi) -> None:
    billed = results_by_day(api, COSTS, WHOLE_HISTORY, group_by="line_item")
    assert len(billed) == WHOLE_HISTORY + 1
    assert tokens_used(api, WHOLE_HISTORY) == [tokens_billed(rows) for rows in billed]


@pytest.mark.parametrize("dimension", ["project_id", "user_id", "api_key_id"])
def test_tokens_used_equal_tokens_billed_by_owner_too(api: SimulatedApi, dimension: str) -> None:
    (charged,) = results_by_day(api, COSTS, 3, 3, group_by=[dimension, "line_item"])
    billed: Counter[str | None] = Counter()
    for row in charged:
        for tokens in tokens_billed([row]).values():
            billed[row[dimension]] += tokens
    used: Counter[str | None] = Counter()
    for row in results_by_day(api, path("completions"), 3, 3, group_by=dimension)[0]:
        used[row[dimension]] += row["input_tokens"] + row["output_tokens"]
    for row in results_by_day(api, path("embeddings"), 3, 3, group_by=dimension)[0]:
        used[row[dimension]] += row["input_tokens"]
    assert used == billed


@pytest.mark.parametrize(
    ("kind", "measure", "line_items"),
    [
        ("images", "images", ["dall-e-2, output"]),
        ("audio_speeches", "characters", ["tts hd"]),
        ("audio_transcriptions", "seconds", ["whisper"]),
        ("file_search_calls", "num_requests", ["file search tool calls"]),
        ("code_interpreter_sessions", "num_sessions", ["code interpreter tool calls"]),
        (
            "web_search_calls",
            "num_requests",
            ["web search tool calls", "web search tool calls | gpt-4o"],
        ),
    ],
)
def test_tools_are_used_as_often_as_they_are_billed(
    api: SimulatedApi, kind: str, measure: str, line_items: list[str]
) -> None:
    billed = [sum(day) for day in zip(*[quantities(api, item) for item in line_items], strict=True)]
    assert used(api, kind, measure) == billed
    assert sum(map(bool, billed)) > 40


def test_bytes_in_vector_stores_equal_the_billed_gibibyte_hours(api: SimulatedApi) -> None:
    stored = used(api, "vector_stores", "usage_bytes")
    billed = quantities(api, "assistants api | file search")
    for bytes_of_day, gibibyte_hours in zip(stored, billed, strict=True):
        assert abs(bytes_of_day - gibibyte_hours * 2**30 / 24) <= 1
    assert sum(map(bool, stored)) > 170


@pytest.mark.parametrize("kind", ["completions", "decisions"])
def test_the_parts_of_tokens_add_up(api: SimulatedApi, kind: str) -> None:
    for rows in results_by_day(api, path(kind), WHOLE_HISTORY, group_by=KINDS[kind].dimensions):
        for row in rows:
            uncached, cached, written = (
                row[f"input_{part}_tokens"] for part in ("uncached", "cached", "cache_write")
            )
            assert row["input_tokens"] == uncached + cached + written
            modalities = ("text", "audio", "image")
            assert uncached == sum(row[f"input_{name}_tokens"] for name in modalities)
            assert cached == sum(row[f"input_cached_{name}_tokens"] for name in modalities)
            assert row["output_tokens"] == sum(row[f"output_{name}_tokens"] for name in modalities)
            kept = [row[f"input_cache_write_{name}_tokens"] for name in ("30m", "12h")]
            assert written == sum(kept)
            assert row["input_tokens"] + row["output_tokens"] > 0


def test_every_field_of_tokens_is_positive_on_some_day(api: SimulatedApi) -> None:
    rows = [row for day in results_by_day(api, path("completions"), 60) for row in day]
    never = {name for name, value in measured(rows, "completions").items() if not value}
    assert never == {"input_cached_audio_tokens"}


@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if "num_model_requests" in KINDS[kind].measures]
)
def test_every_use_of_a_model_has_requests(api: SimulatedApi, kind: str) -> None:
    first, *_ = KINDS[kind].measures
    for rows in results_by_day(api, path(kind), 30, group_by=KINDS[kind].dimensions):
        for row in rows:
            assert 1 <= row["num_model_requests"] <= row[first] + row.get("output_tokens", 0)


def test_requests_have_a_plausible_number_of_tokens(api: SimulatedApi) -> None:
    (row,) = results_by_day(api, path("completions"), 3, 3)[0]
    assert 500 < row["input_tokens"] / row["num_model_requests"] < 20_000


# What usage has beyond the bill


def test_some_models_have_another_name_than_on_the_bill(api: SimulatedApi) -> None:
    days = results_by_day(api, path("completions"), WHOLE_HISTORY, group_by="model")
    used = {row["model"] for rows in days for row in rows}
    line_items = results_by_day(api, COSTS, WHOLE_HISTORY, group_by="line_item")
    billed = {
        re.sub(" (text|image|audio)$", "", row["line_item"].rpartition(" | ")[2].split(", ")[0])
        for rows in line_items
        for row in rows
        if row["quantity_unit"] in ("tokens", "1000_tokens")
    }
    tuned = {model for model in used if re.fullmatch("ft:gpt-4o-2024-08-06:heliotrope::.+", model)}
    assert len(tuned) == 1
    assert used - billed == {"gpt-image-1-2025-04-23", "gpt-image-2", *tuned}
    assert billed - used == {
        "gpt-image-1",
        "gpt-image-2-2026-04-21",
        "ft-gpt-4o-2024-08-06",
        "text-embedding-3-small",
    }


def test_priority_and_batch_are_separate(api: SimulatedApi) -> None:
    (rows,) = results_by_day(api, path("completions"), 3, 3, group_by=["batch", "service_tier"])
    (bill,) = results_by_day(api, COSTS, 3, 3, group_by="line_item")
    used = {(r["batch"], r["service_tier"]): r["input_tokens"] + r["output_tokens"] for r in rows}
    assert set(used) == {(False, "default"), (False, "priority"), (True, "default")}
    for key, prefix in (((False, "priority"), "priority | "), ((True, "default"), "batch | ")):
        lines = [row for row in bill if row["line_item"].startswith(prefix)]
        assert used[key] == sum(row["quantity"] for row in lines) > 0


def test_the_agents_api_is_an_api_source(api: SimulatedApi) -> None:
    for kind in ("completions", "decisions"):
        (rows,) = results_by_day(api, path(kind), 3, 3, group_by=["api_key_id", "api_source"])
        by_agents = {row["api_key_id"] for row in rows if row["api_source"] == "agents_api"}
        assert by_agents == {"key_europe-agents"}


@pytest.mark.parametrize("kind", ["moderations", "decisions"])
def test_some_usage_is_never_billed(
    api: SimulatedApi, organization: Organization, kind: str
) -> None:
    days = results_by_day(api, path(kind), 30, group_by="model")
    (model,) = {row["model"] for rows in days for row in rows}
    assert sum(map(bool, days)) > 15
    for day in days_of_age(0, 30):
        assert not any(model in charge.line_item for charge in organization.charges(day))


@pytest.mark.parametrize(
    ("kind", "dimension"),
    [
        ("web_search_calls", "context_level"),
        ("web_search_calls", "model"),
        ("file_search_calls", "vector_store_id"),
        ("images", "size"),
        ("images", "source"),
    ],
)
def test_tool_calls_have_dimensions_that_the_bill_does_not_have(
    api: SimulatedApi, kind: str, dimension: str
) -> None:
    days = results_by_day(api, path(kind), WHOLE_HISTORY, group_by=dimension)
    values = {row[dimension] for rows in days for row in rows}
    assert len(values) > 1
    assert None not in values or dimension == "model"


# Groupings and filters


@pytest.mark.parametrize("kind", KINDS)
def test_every_grouping_adds_up_to_the_same(api: SimulatedApi, kind: str) -> None:
    dimensions = KINDS[kind].dimensions
    age = next(age for age in range(2, 9) if finest(api, kind, age))
    rows = finest(api, kind, age)
    assert len({tuple(row[name] for name in dimensions) for row in rows}) == len(rows)
    for size in range(len(dimensions) + 1):
        for grouping in combinations(dimensions, size):
            (grouped,) = results_by_day(api, path(kind), age, age, group_by=grouping)
            assert measured(grouped, kind) == measured(rows, kind), grouping
            keys = {tuple(row[name] for name in grouping) for row in grouped}
            assert keys == {tuple(row[name] for name in grouping) for row in rows}
            assert len(keys) == len(grouped)
            others = [name for name in dimensions if name not in grouping]
            assert all(row[name] is None for row in grouped for name in others)


@pytest.mark.parametrize(("kind", "parameter"), FILTERS)
def test_a_filter_returns_exactly_its_part_of_the_usage(
    api: SimulatedApi, kind: str, parameter: str
) -> None:
    dimension = KINDS[kind].filters[parameter]
    age = next(age for age in range(2, 30) if finest(api, kind, age))
    (grouped,) = results_by_day(api, path(kind), age, age, group_by=dimension)
    for row in grouped:
        if (value := row[dimension]) is not None:
            spelled = str(value).lower() if dimension == "batch" else value
            (kept,) = results_by_day(api, path(kind), age, age, **{parameter: spelled})
            assert [measured([result], kind) for result in kept] == [measured([row], kind)]
    if dimension in ("project_id", "user_id", "api_key_id"):
        assert results_by_day(api, path(kind), age, age, **{parameter: "nobody"}) == [[]]


def test_the_official_client_filters_by_arrays_and_by_batch(served: SimulatedApi) -> None:
    (bucket,) = (
        sdk(served)
        .usage.completions(
            start_time=midnight(days_ago(3)),
            end_time=midnight(days_ago(2)),
            batch=True,
            project_ids=["proj_search", "proj_studio"],
            group_by=["batch", "project_id"],
        )
        .data
    )
    assert [(row.project_id, row.batch) for row in bucket.results] == [("proj_search", True)]


# Refusals


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_has_seven_days_by_default_and_31_at_most(api: SimulatedApi, kind: str) -> None:
    start = {"start_time": midnight(days_ago(60))}
    assert len(fetch(api, path(kind), **start)["data"]) == 7
    assert len(fetch(api, path(kind), **start, limit=31)["data"]) == 31
    status, error = refusal(api, path(kind), **start, limit=32)
    assert (status, error["param"]) == (400, "limit")


@pytest.mark.parametrize("kind", KINDS)
def test_a_dimension_that_a_kind_does_not_have_is_refused(api: SimulatedApi, kind: str) -> None:
    dimensions = {name for one in KINDS.values() for name in one.dimensions} | {"line_item"}
    for name in dimensions - set(KINDS[kind].dimensions):
        status, error = refusal(api, path(kind), start_time=midnight(TODAY), group_by=name)
        assert (status, error["param"], error["code"]) == (400, "group_by", "invalid_value")


@pytest.mark.parametrize(
    ("kind", "query", "param"),
    [
        ("completions", {"line_items": "whisper"}, "line_items"),
        ("vector_stores", {"api_key_ids": "key_none"}, "api_key_ids"),
        ("completions", {"batch": "perhaps"}, "batch"),
        ("images", {"sizes": "huge"}, "sizes"),
        ("completions", {"bucket_width": "1h"}, "bucket_width"),
        ("completions", {"end_time": midnight(TODAY)}, "end_time"),
    ],
)
def test_an_invalid_parameter_is_refused(
    api: SimulatedApi, kind: str, query: dict[str, Any], param: str
) -> None:
    status, error = refusal(api, path(kind), **{"start_time": midnight(TODAY), **query})
    assert (status, error["param"]) == (400, param)


def test_usage_reaches_as_far_back_as_costs(api: SimulatedApi, organization: Organization) -> None:
    fetch(api, path("completions"), start_time=midnight(organization.earliest))
    start = midnight(organization.earliest) - 1
    status, error = refusal(api, path("completions"), start_time=start)
    assert (status, error["code"]) == (400, "reporting_lookback_exceeded")
    assert refusal(api, COSTS, start_time=start)[1] == error


def test_a_page_token_of_one_kind_is_refused_by_another(api: SimulatedApi) -> None:
    query = {"start_time": midnight(days_ago(9)), "limit": 2}
    token = fetch(api, path("embeddings"), **query)["next_page"]
    assert fetch(api, path("embeddings"), **query, page=token)["data"]
    status, error = refusal(api, path("moderations"), **query, page=token)
    assert (status, error["param"]) == (400, "page")


@pytest.mark.parametrize("kind", KINDS)
def test_usage_requires_the_same_scope_as_costs(api: SimulatedApi, kind: str) -> None:
    query = {"start_time": midnight(days_ago(1)), "key": "sk-proj-abc"}
    assert refusal(api, path(kind), **query) == refusal(api, COSTS, **query)
    assert fetch_text(api, path(kind), start_time=midnight(TODAY))[0] == 200


# Overridden and restated days


def test_usage_follows_overridden_and_emptied_days(organization: Organization) -> None:
    one = next(c for c in organization.charges(days_ago(4)) if c.line_item == "gpt-5.6-sol, input")
    api = SimulatedApi(organization, overrides={days_ago(4): [one], days_ago(3): []})
    (overridden,), emptied = results_by_day(api, path("completions"), 4, 3)
    assert overridden["input_tokens"] == overridden["input_text_tokens"] == one.quantity
    assert overridden["output_tokens"] == 0
    assert emptied == []


def test_usage_follows_restated_days(organization: Organization) -> None:
    api = SimulatedApi(organization, failure_modes=["restated"])
    billed = results_by_day(api, COSTS, 10, group_by="line_item")
    assert tokens_used(api, 10) == [tokens_billed(rows) for rows in billed]
    plain = tokens_used(SimulatedApi(organization), 10)
    changed = {days_ago(10 - n) for n, day in enumerate(tokens_used(api, 10)) if day != plain[n]}
    assert changed < set(restated_days(organization))


def test_todays_usage_is_partial(organization: Organization) -> None:
    later = SimulatedApi(Organization(TODAY + 2 * ONE_DAY))
    (now,), (then,) = (
        fetch(
            api, path("completions"), start_time=midnight(TODAY), end_time=midnight(days_ago(-1))
        )["data"][0]["results"]
        for api in (SimulatedApi(organization), later)
    )
    assert 0 < now["input_tokens"] < then["input_tokens"] / 2


def test_nothing_is_used_on_the_empty_weekend(
    api: SimulatedApi, organization: Organization
) -> None:
    for day in organization.empty_days:
        age = (TODAY - day).days
        assert all(finest(api, kind, age) == [] for kind in KINDS)


# Failure modes


@pytest.mark.parametrize("group_by", [["model"], [*KINDS["completions"].dimensions]])
def test_usage_lost_is_a_tenth_of_the_input_of_one_model_on_one_day(
    organization: Organization, group_by: list[str]
) -> None:
    with_lost_usage = SimulatedApi(organization, failure_modes=["usage-lost"])
    lost_tokens: dict[date, Counter[str]] = {}
    for n in range(31):
        for api, sign in ((SimulatedApi(organization), 1), (with_lost_usage, -1)):
            (rows,) = results_by_day(api, path("completions"), n, n, group_by=group_by)
            for row in rows:
                lost_tokens.setdefault(days_ago(n), Counter())[row["model"]] += (
                    sign * row["input_tokens"]
                )
    lost = {(day, model): n for day, by in lost_tokens.items() for model, n in by.items() if n}
    assert list(lost) == [(days_ago(10), "gpt-5.6-sol")]
    (row,) = results_by_day(
        SimulatedApi(organization), path("completions"), 10, 10, models="gpt-5.6-sol"
    )[0]
    share = lost[days_ago(10), "gpt-5.6-sol"] / row["input_tokens"]
    assert share == pytest.approx(0.1, rel=1e-3)


def test_usage_lost_leaves_the_bill_and_the_other_kinds_unchanged(
    organization: Organization,
) -> None:
    one, other = (
        SimulatedApi(organization),
        SimulatedApi(organization, failure_modes=["usage-lost"]),
    )
    grouping = {"group_by": ["api_key_id", "line_item"]}
    assert results_by_day(one, COSTS, 12, 8, **grouping) == results_by_day(
        other, COSTS, 12, 8, **grouping
    )
    for kind in set(KINDS) - {"completions"}:
        assert finest(one, kind, 10) == finest(other, kind, 10)


def test_no_usage_kind_refuses_one_kind_and_does_not_find_another(
    organization: Organization,
) -> None:
    with SimulatedApi(organization, failure_modes=["no-usage-kind"]) as served:
        usage = sdk(served).usage
        with pytest.raises(openai.PermissionDeniedError, match=r"Missing scopes: api\.usage\.read"):
            usage.moderations(start_time=midnight(TODAY))
        with pytest.raises(openai.NotFoundError) as unknown:
            usage.decisions(start_time=midnight(TODAY))
        assert unknown.value.body["message"] == (
            "Invalid URL (GET /v1/organization/usage/decisions)"
        )
        assert unknown.value.code is None
        for kind in set(KINDS) - {"moderations", "decisions"}:
            assert getattr(usage, kind)(start_time=midnight(TODAY)).data


@pytest.mark.parametrize("kind", KINDS)
def test_failure_modes_of_keys_apply_to_usage(organization: Organization, kind: str) -> None:
    def reply(mode: str) -> requests.Response:
        with SimulatedApi(organization, failure_modes=[mode]) as served:
            return requests.get(
                f"{served.base_url}/organization/usage/{kind}",
                {"start_time": midnight(days_ago(3))},
                headers={"Authorization": f"Bearer {DEMO_ADMIN_KEY}"},
                timeout=5,
            )

    assert reply("no-usage-scope").status_code == 403
    assert reply("no-management-scope").status_code == 200
    empty = reply("other-organization")
    assert empty.headers["openai-organization"] == "org-demo-empty"
    assert [bucket["results"] for bucket in empty.json()["data"]] == [[]] * 4
