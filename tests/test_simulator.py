"""The simulated organization: its API replies like OpenAI's, and its bill is as documented."""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from decimal import Decimal, Inexact, localcontext
from itertools import combinations, pairwise
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlencode

import openai
import pytest
import requests

from openai_costs_source.simulator.api import DEMO_ADMIN_KEY, SimulatedApi
from openai_costs_source.simulator.charges import Charge
from openai_costs_source.simulator.organization import Organization
from openai_costs_source.simulator.unix_time import midnight

TODAY = date(2026, 11, 20)
ONE_DAY = timedelta(days=1)
DIMENSIONS = ("project_id", "user_id", "api_key_id", "line_item", "api_source")
GROUPINGS = [chosen for size in range(6) for chosen in combinations(DIMENSIONS, size)]
PROJECTS = {
    "proj_storefront",
    "proj_support",
    "proj_search",
    "proj_studio",
    "proj_europe",
    "proj_prototype",
}
COSTS = "/v1/organization/costs"


def days_ago(days: int) -> date:
    return TODAY - timedelta(days=days)


def days_of_age(first: int, last: int) -> list[date]:
    return [days_ago(age) for age in range(first, last + 1)]


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


def sdk(served: SimulatedApi, admin_key: str = DEMO_ADMIN_KEY) -> Any:
    """The official client, which rejects every reply that does not match the documented schema."""
    client = openai.OpenAI(
        api_key="x",
        admin_api_key=admin_key,
        base_url=served.base_url,
        max_retries=0,
        _strict_response_validation=True,
    )
    return client.admin.organization


def fetch_text(
    api: SimulatedApi,
    path: str = COSTS,
    key: str = DEMO_ADMIN_KEY,
    method: str = "GET",
    **query: Any,
) -> tuple[int, str]:
    sent = urlencode({"limit": 180, **query} if path == COSTS else query, doseq=True)
    return api.answer(method, f"{path}?{sent}", f"Bearer {key}")


def fetch(api: SimulatedApi, path: str = COSTS, **query: Any) -> dict[str, Any]:
    status, body = fetch_text(api, path, **query)
    assert status == 200, body
    page: dict[str, Any] = json.loads(body, parse_float=Decimal)
    return page


def refusal(api: SimulatedApi, path: str = COSTS, **query: Any) -> tuple[int, dict[str, Any]]:
    status, body = fetch_text(api, path, **query)
    error: dict[str, Any] = json.loads(body)["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return status, error


def exact_sum(amounts: Iterable[Decimal]) -> Decimal:
    with localcontext(prec=100, traps=[Inexact]):
        return sum(amounts, Decimal(0))


def total(bucket: dict[str, Any]) -> Decimal:
    return exact_sum(Decimal(row["amount"]["value"]) for row in bucket["results"])


def spent(charges: list[Charge]) -> Decimal:
    return exact_sum(charge.amount for charge in charges)


def has_more_than_18_decimals(amount: Decimal) -> bool:
    return amount != amount.quantize(Decimal("1e-18"))


def of_key(organization: Organization, key: str, day: date) -> Decimal:
    return spent([c for c in organization.charges(day) if c.api_key_id == f"key_{key}"])


@pytest.fixture(scope="module")
def half_year(organization: Organization) -> list[Charge]:
    return [charge for day in days_of_age(0, 180) for charge in organization.charges(day)]


@pytest.fixture(scope="module")
def amounts(organization: Organization) -> list[str]:
    """Every amount of the half year as the replies spell it."""
    since = midnight(organization.earliest)
    grouping = ("project_id", "api_key_id", "line_item")
    api, spelled, page = SimulatedApi(organization), [], {}
    while True:
        _, body = fetch_text(api, start_time=since, group_by=grouping, **page)
        spelled += re.findall(r'"value": ("?[^",]+"?),', body)
        if not (token := json.loads(body)["next_page"]):
            return spelled
        page = {"page": token}


# The official client


def test_the_official_client_reads_costs_page_by_page(served: SimulatedApi) -> None:
    query = {
        "start_time": midnight(days_ago(9)),
        "limit": 4,
        "group_by": ["project_id", "line_item"],
    }
    pages = [sdk(served).usage.costs(**query)]
    while pages[-1].next_page:
        pages.append(sdk(served).usage.costs(**query, page=pages[-1].next_page))
    assert [len(page.data) for page in pages] == [4, 4, 2]
    assert [page.has_more for page in pages] == [True, True, False]
    buckets = [bucket for page in pages for bucket in page.data]
    assert [bucket.start_time for bucket in buckets] == [
        midnight(day) for day in reversed(days_of_age(0, 9))
    ]
    assert all(before.end_time == after.start_time for before, after in pairwise(buckets))
    rows = [row for bucket in buckets for row in bucket.results]
    assert {row.object for row in rows} == {"organization.costs.result"}
    assert {row.amount.currency for row in rows} == {"usd"}
    assert all(row.project_id in PROJECTS and row.line_item for row in rows)


def test_the_official_client_reads_every_grouping(served: SimulatedApi) -> None:
    for grouping in GROUPINGS:
        page = sdk(served).usage.costs(start_time=midnight(days_ago(2)), group_by=list(grouping))
        assert all(bucket.results for bucket in page.data)


def test_the_official_client_lists_projects(served: SimulatedApi) -> None:
    projects = list(sdk(served).projects.list(limit=4, include_archived=True))
    assert {project.id for project in projects} == PROJECTS
    assert [project.id for project in projects if project.status == "archived"] == [
        "proj_prototype"
    ]


def test_the_official_client_lists_users(served: SimulatedApi, organization: Organization) -> None:
    users = list(sdk(served).users.list(limit=5))
    assert [user.id for user in users] == [user["id"] for user in organization.users]
    assert {user.role for user in users} == {"owner", "reader"}
    assert all(user.name and "@" in user.email for user in users)


def test_the_official_client_lists_keys_of_people_and_of_service_accounts(
    served: SimulatedApi,
) -> None:
    keys = list(sdk(served).projects.api_keys.list("proj_storefront", limit=2))
    owners = {key.owner.type: key.owner for key in keys}
    assert owners["service_account"].service_account.id == "svc_acct_storefront-prod"
    assert "@" in owners["user"].user.email
    assert all(key.id.startswith("key_") and "****" in key.redacted_value for key in keys)


def test_the_official_client_lists_service_accounts(served: SimulatedApi) -> None:
    (account,) = sdk(served).projects.service_accounts.list("proj_support")
    assert account.id == "svc_acct_helpdesk-bot"


def test_the_official_client_recognises_the_refusals(served: SimulatedApi) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        sdk(served).usage.costs(start_time=0)
    assert refused.value.code == "reporting_lookback_exceeded"
    with pytest.raises(openai.AuthenticationError):
        sdk(served, "sk-admin-other").users.list()
    with pytest.raises(openai.PermissionDeniedError):
        sdk(served, "sk-proj-ordinary").users.list()
    with pytest.raises(openai.NotFoundError):
        sdk(served).projects.spend_limit.retrieve("proj_support")
    with pytest.raises(openai.PermissionDeniedError):
        sdk(served).projects.spend_limit.retrieve("proj_prototype")


def test_the_official_client_reads_limits_and_alerts(served: SimulatedApi) -> None:
    assert sdk(served).spend_limit.retrieve().threshold_amount == 60_000_00
    assert sdk(served).projects.spend_limit.retrieve("proj_studio").threshold_amount == 9_000_00
    alerts = list(sdk(served).spend_alerts.list(limit=1))
    assert [alert.threshold_amount for alert in alerts] == [30_000_00, 45_000_00]
    (alert,) = sdk(served).projects.spend_alerts.list("proj_storefront")
    assert (alert.threshold_amount, alert.currency, alert.interval) == (15_000_00, "USD", "month")
    assert list(sdk(served).projects.spend_alerts.list("proj_support")) == []


def test_the_header_of_every_reply_has_the_name_of_the_organization_and_not_its_id(
    served: SimulatedApi,
) -> None:
    reply = requests.get(f"{served.base_url}/organization/users", timeout=5)
    assert reply.status_code == 401
    assert reply.headers["openai-organization"] == "heliotrope-labs"
    assert reply.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("verb", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"])
def test_another_method_is_refused_and_the_connection_stays_usable(
    served: SimulatedApi, verb: str
) -> None:
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {DEMO_ADMIN_KEY}"
        url = f"{served.base_url}/organization/projects"
        assert session.request(verb, url, data="x" * 9000, timeout=5).status_code == 405
        assert session.get(url, timeout=5).json()["object"] == "list"


def test_requests_are_recorded_as_they_were_sent(api: SimulatedApi) -> None:
    fetch_text(api, start_time=5, limit=1, **{"group_by[]": ["user_id", "line_item"]})
    sent = {"start_time": ["5"], "limit": ["1"], "group_by[]": ["user_id", "line_item"]}
    assert api.requests == [("GET", COSTS, sent)]


# Reproducible replies


def test_two_instances_of_a_day_return_equal_bytes() -> None:
    query = {"start_time": midnight(days_ago(30)), "group_by": DIMENSIONS}
    one, other = (fetch_text(SimulatedApi(Organization(TODAY)), **query) for _ in range(2))
    assert one == other


def test_other_processes_return_equal_bytes() -> None:
    script = (
        "import hashlib; from datetime import date;"
        "from openai_costs_source.simulator.organization import Organization;"
        "from openai_costs_source.simulator.api import *;"
        "api = SimulatedApi(Organization(date(2026, 11, 20)));"
        f"reply = api.answer('GET', '{COSTS}?start_time={midnight(days_ago(5))}"
        "&group_by=user_id&group_by=line_item', 'Bearer ' + DEMO_ADMIN_KEY);"
        "print(hashlib.sha256(reply[1].encode()).hexdigest())"
    )
    query = {"start_time": midnight(days_ago(5)), "group_by": ("user_id", "line_item")}
    sent = f"{COSTS}?{urlencode(query, doseq=True)}"
    _, here = SimulatedApi(Organization(TODAY)).answer("GET", sent, f"Bearer {DEMO_ADMIN_KEY}")
    for seed in ("1", "2"):
        there = subprocess.run(
            [sys.executable, "-c", script],
            cwd=Path(__file__).parents[1],
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": "Asia/Tokyo"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert there.stdout.strip() == hashlib.sha256(here.encode()).hexdigest()


# Money


def test_a_day_adds_up_to_the_same_for_every_grouping(
    api: SimulatedApi, organization: Organization
) -> None:
    days = list(reversed(days_of_age(48, 54)))
    exact = [spent(organization.charges(day)) for day in days]
    date_range = {"start_time": midnight(days[0]), "end_time": midnight(days[-1] + ONE_DAY)}
    for grouping in GROUPINGS:
        page = fetch(api, group_by=grouping, **date_range)
        assert [total(bucket) for bucket in page["data"]] == exact, grouping


def test_rows_are_distinct_and_have_the_requested_dimensions_only(api: SimulatedApi) -> None:
    for grouping in GROUPINGS:
        (bucket,) = fetch(
            api,
            start_time=midnight(days_ago(50)),
            end_time=midnight(days_ago(49)),
            group_by=grouping,
        )["data"]
        keys = [tuple(row[name] for name in grouping) for row in bucket["results"]]
        assert len(set(keys)) == len(keys)
        others = [name for name in DIMENSIONS if name not in grouping]
        assert not any(row[name] for row in bucket["results"] for name in others)
        for name in ("quantity", "quantity_unit"):
            present = any(row[name] is not None for row in bucket["results"])
            assert present == ("line_item" in grouping)


@pytest.mark.parametrize(
    ("parameter", "dimension"),
    [("project_ids", "project_id"), ("api_key_ids", "api_key_id"), ("line_items", "line_item")],
)
def test_a_filter_returns_exactly_its_part_of_the_day(
    api: SimulatedApi, parameter: str, dimension: str
) -> None:
    day = {"start_time": midnight(days_ago(3)), "end_time": midnight(days_ago(2))}
    (bucket,) = fetch(api, group_by=dimension, **day)["data"]
    row = next(row for row in bucket["results"] if row[dimension])
    (filtered,) = fetch(api, **{parameter: row[dimension]}, **day)["data"]
    assert total(filtered) == Decimal(row["amount"]["value"])
    assert 0 < total(filtered) < total(bucket)


# Refusals and limits


def test_a_page_has_seven_days_by_default(api: SimulatedApi) -> None:
    sent = f"{COSTS}?start_time={midnight(days_ago(20))}"
    _, body = api.answer("GET", sent, f"Bearer {DEMO_ADMIN_KEY}")
    assert len(json.loads(body)["data"]) == 7


def test_no_day_after_today_is_returned(api: SimulatedApi) -> None:
    page = fetch(api, start_time=midnight(days_ago(2)), end_time=midnight(days_ago(-30)))
    assert page["data"][-1]["start_time"] == midnight(TODAY)
    assert (page["has_more"], page["next_page"]) == (False, None)


def test_a_limit_above_180_is_refused_and_not_clamped(api: SimulatedApi) -> None:
    assert len(fetch(api, start_time=midnight(days_ago(179)), limit=180)["data"]) == 180
    status, error = refusal(api, start_time=midnight(days_ago(179)), limit=181)
    assert (status, error["param"]) == (400, "limit")


@pytest.mark.parametrize("grouping", ["model", "project_id,line_item", ""])
def test_an_unknown_grouping_is_refused(api: SimulatedApi, grouping: str) -> None:
    status, error = refusal(api, start_time=midnight(TODAY), group_by=grouping)
    assert (status, error["param"]) == (400, "group_by")


@pytest.mark.parametrize(
    "query",
    [{}, {"start_time": "yesterday"}, {"start_time": midnight(TODAY), "bucket_width": "1h"}],
)
def test_an_invalid_query_is_refused(api: SimulatedApi, query: dict[str, Any]) -> None:
    status, error = refusal(api, **query)
    assert status == 400
    assert error["param"] in ("start_time", "bucket_width")


def test_an_unknown_parameter_is_refused(api: SimulatedApi) -> None:
    status, error = refusal(api, start_time=midnight(TODAY), groupby="project_id")
    assert (status, error["param"]) == (400, "groupby")


def test_brackets_after_a_name_change_nothing(api: SimulatedApi) -> None:
    query = {"start_time": midnight(days_ago(9)), "limit": 2}
    plain = fetch_text(api, **query, group_by=["user_id", "line_item"])
    assert fetch_text(api, **query, **{"group_by[]": ["user_id", "line_item"]}) == plain


@pytest.mark.parametrize(
    "change",
    [
        {"end_time": midnight(TODAY)},
        {"start_time": midnight(days_ago(8))},
        {"group_by": ["user_id"]},
        {"limit": 3},
        {"project_ids": "proj_search"},
    ],
    ids=str,
)
def test_a_page_token_is_valid_for_its_own_query_only(
    api: SimulatedApi, change: dict[str, Any]
) -> None:
    query = {"start_time": midnight(days_ago(9)), "limit": 2, "group_by": ["project_id"]}
    token = fetch(api, **query)["next_page"]
    assert fetch(api, **query, page=token)["data"][0]["start_time"] == midnight(days_ago(7))
    status, error = refusal(api, **{**query, **change}, page=token)
    assert status == 400
    assert error["message"].startswith("The page token is invalid, have you modified")


@pytest.mark.parametrize("token", ["page_none", "x"])
def test_an_unknown_page_token_is_refused(api: SimulatedApi, token: str) -> None:
    assert refusal(api, start_time=midnight(days_ago(9)), page=token)[0] == 400


def test_a_start_before_the_history_is_refused_with_the_earliest_day(
    api: SimulatedApi, organization: Organization
) -> None:
    fetch(api, start_time=midnight(organization.earliest))
    status, error = refusal(api, start_time=midnight(organization.earliest) - 1)
    assert (status, error["code"]) == (400, "reporting_lookback_exceeded")
    assert "Earliest supported start date: 2026-05-24 (UTC)." in error["message"]


def test_costs_are_grouped_by_key_only_from_the_key_floor_on(organization: Organization) -> None:
    floor = midnight(days_ago(30))
    api = SimulatedApi(organization, key_floor=floor)
    fetch(api, start_time=floor, group_by=["api_key_id", "line_item"])
    fetch(api, start_time=floor - 86400, group_by=["project_id", "line_item"])
    status, error = refusal(api, start_time=floor - 86400, group_by=["api_key_id", "line_item"])
    assert (status, error["param"]) == (400, "start_time")
    assert f"Try a start_time on or after {floor}." in error["message"]


@pytest.mark.parametrize("path", [COSTS, "/v1/organization/projects", "/v1/organization/users"])
def test_a_wrong_key_is_refused_without_being_quoted(api: SimulatedApi, path: str) -> None:
    status, error = refusal(api, path, key="sk-admin-demo-heliotrope-labz")
    assert (status, error["code"]) == (401, "invalid_api_key")
    assert error["message"].startswith("Incorrect API key provided: sk-a***abz.")


@pytest.mark.parametrize(
    ("path", "scope"),
    [(COSTS, "api.usage.read"), ("/v1/organization/projects", "api.management.read")],
)
def test_a_project_key_is_refused_for_its_missing_scope(
    api: SimulatedApi, path: str, scope: str
) -> None:
    status, error = refusal(api, path, key="sk-proj-abc")
    assert status == 403
    assert "insufficient permissions" in error["message"]
    assert f"Missing scopes: {scope}." in error["message"]


@pytest.mark.parametrize("authorization", ["", DEMO_ADMIN_KEY, f"Basic {DEMO_ADMIN_KEY}"])
def test_a_key_must_come_as_a_bearer_token(api: SimulatedApi, authorization: str) -> None:
    assert api.answer("GET", "/v1/organization/users", authorization)[0] == 401


@pytest.mark.parametrize("method", ["POST", "DELETE", "HEAD"])
def test_only_get_is_allowed(api: SimulatedApi, method: str) -> None:
    assert refusal(api, start_time=midnight(TODAY), method=method)[0] == 405


@pytest.mark.parametrize(
    "path",
    [
        "/v1/organization/usage/dreams",
        "/v1/organization/costs/",
        "/organization/costs",
        "/v1/organization/projects/proj_none/api_keys",
    ],
)
def test_an_unknown_path_or_project_is_not_found(api: SimulatedApi, path: str) -> None:
    status, error = refusal(api, path)
    assert (status, error["code"]) == (404, "not_found")


def test_an_archived_project_refuses_to_list_its_keys(api: SimulatedApi) -> None:
    status, error = refusal(api, "/v1/organization/projects/proj_prototype/api_keys")
    assert status == 403
    assert "archived" in error["message"]
    assert "insufficient permissions" not in error["message"]


def test_archived_projects_are_listed_only_on_request(api: SimulatedApi) -> None:
    path = "/v1/organization/projects"
    assert {project["id"] for project in fetch(api, path)["data"]} == PROJECTS - {"proj_prototype"}
    assert {
        project["id"] for project in fetch(api, path, include_archived="true")["data"]
    } == PROJECTS


def test_keys_of_owners_without_access_are_listed_only_on_request(api: SimulatedApi) -> None:
    path = "/v1/organization/projects/proj_support/api_keys"
    listed = {key["id"] for key in fetch(api, path)["data"]}
    all_keys = {key["id"] for key in fetch(api, path, owner_project_access="any")["data"]}
    assert all_keys - listed == {"key_helpdesk-audit"}


def test_a_listing_continues_after_its_last_id(api: SimulatedApi) -> None:
    path = "/v1/organization/users"
    first = fetch(api, path, limit=12)
    rest = fetch(api, path, limit=12, after=first["last_id"])
    assert (first["has_more"], rest["has_more"]) == (True, False)
    assert first["data"] + rest["data"] == fetch(api, path)["data"]


@pytest.mark.parametrize("query", [{"limit": 101}, {"limit": 0}, {"after": "user-none"}])
def test_an_invalid_cursor_or_limit_is_refused(api: SimulatedApi, query: dict[str, Any]) -> None:
    assert refusal(api, "/v1/organization/users", **query)[0] == 400


# Overridden and restated days


def test_a_day_can_be_overridden_and_emptied(organization: Organization) -> None:
    one = organization.charges(days_ago(4))[0]
    api = SimulatedApi(organization, overrides={days_ago(4): [one], days_ago(3): []})
    buckets = fetch(api, start_time=midnight(days_ago(5)), end_time=midnight(days_ago(2)))["data"]
    assert [total(bucket) for bucket in buckets] == [
        spent(organization.charges(days_ago(5))),
        one.amount,
        0,
    ]
    assert buckets[2]["results"] == []


def test_an_override_may_be_set_between_two_requests(organization: Organization) -> None:
    api = SimulatedApi(organization)
    day = {"start_time": midnight(days_ago(4)), "end_time": midnight(days_ago(3))}
    assert fetch(api, **day)["data"][0]["results"]
    api.overrides[days_ago(4)] = []
    assert fetch(api, **day)["data"][0]["results"] == []


def test_today_and_yesterday_are_still_incomplete(organization: Organization) -> None:
    later = Organization(TODAY + 2 * ONE_DAY)
    for day in (TODAY, days_ago(1)):
        assert spent(organization.charges(day)) < spent(later.charges(day))
        assert len(organization.charges(day)) < len(later.charges(day))
    assert spent(organization.charges(TODAY)) < spent(later.charges(TODAY)) / 2


def test_a_restated_day_changes_when_it_is_five_days_old_and_loses_a_row() -> None:
    day = next(day for day in days_of_age(20, 40) if day.toordinal() % 11 == 0)
    before, after, later = (Organization(day + n * ONE_DAY).charges(day) for n in (4, 5, 6))
    assert len(after) == len(before) - 1
    restated = set(after) - set(before)
    assert 0 < len(restated) < len(after)
    assert later == after


def test_a_day_that_is_not_restated_is_unchanged() -> None:
    day = next(day for day in days_of_age(20, 40) if day.toordinal() % 11 == 1)
    versions = [Organization(day + n * ONE_DAY).charges(day) for n in (2, 4, 5, 6)]
    assert all(charges == versions[0] for charges in versions)


# Contents of the bill


def test_a_weekend_three_weeks_ago_is_empty(api: SimulatedApi, organization: Organization) -> None:
    saturday, sunday = organization.empty_days
    assert (saturday.weekday(), sunday) == (5, saturday + ONE_DAY)
    assert 19 <= (TODAY - saturday).days <= 25
    buckets = fetch(api, start_time=midnight(days_ago(40)))["data"]
    empty = {bucket["start_time"] for bucket in buckets if not bucket["results"]}
    assert empty == {midnight(saturday), midnight(sunday)}


def test_one_key_ran_away_nine_days_ago(organization: Organization) -> None:
    key = "search-reranker"
    usual = median(of_key(organization, key, day) for day in days_of_age(2, 35))
    assert of_key(organization, key, days_ago(9)) > 5 * usual
    assert max(
        of_key(organization, key, day) for day in [*days_of_age(2, 8), *days_of_age(10, 35)]
    ) < (2 * usual)


def test_weekends_are_quieter_than_weekdays_and_people_rest(organization: Organization) -> None:
    days = [organization.charges(day) for day in days_of_age(12, 18)]
    everything = [spent(charges) for charges in days]
    by_people = [spent([c for c in charges if c.user_id]) for charges in days]
    assert max(everything[:2]) < min(everything[2:])
    assert max(by_people[:2]) < min(by_people[2:]) / 2


def test_free_tokens_have_a_quantity_and_cost_nothing(api: SimulatedApi) -> None:
    (bucket,) = fetch(
        api,
        start_time=midnight(days_ago(3)),
        end_time=midnight(days_ago(2)),
        group_by="line_item",
        api_key_ids="key_search-complimentary",
    )["data"]
    assert bucket["results"]
    for row in bucket["results"]:
        assert Decimal(row["amount"]["value"]) == 0
        assert row["quantity"] > 0


def test_models_migrate_from_5_4_to_5_6(organization: Organization) -> None:
    def spent_on(family: str, age: int) -> Decimal:
        return spent([c for c in organization.charges(days_ago(age)) if family in c.line_item])

    assert spent_on("gpt-5.4", 110) > 0 == spent_on("gpt-5.6-sol", 110)
    assert spent_on("gpt-5.6-sol", 40) > 0 == spent_on("gpt-5.4", 40)
    assert spent_on("gpt-5.4", 74) > 0 < spent_on("gpt-5.6-sol", 74)
    assert spent_on("gpt-5.4", 100) > 5 * spent_on("gpt-5.6-sol", 100)


def test_two_of_fifteen_people_are_deleted_and_their_costs_remain(
    organization: Organization, half_year: list[Charge]
) -> None:
    listed = {user["id"] for user in organization.users}
    billed = {charge.user_id for charge in half_year if charge.user_id}
    assert (len(listed), len(listed | billed)) == (13, 15)
    for gone in billed - listed:
        assert spent([charge for charge in half_year if charge.user_id == gone]) > 0


def test_four_keys_of_active_projects_are_deleted_and_their_costs_remain(
    organization: Organization, half_year: list[Charge]
) -> None:
    listed = {key["id"] for keys in organization.api_keys.values() for key in keys}
    billed = {c.api_key_id for c in half_year if c.api_key_id and c.project_id != "proj_prototype"}
    assert len(listed) >= 24
    assert len(billed - listed) == 4


def test_every_listed_key_belongs_to_somebody_who_is_listed(organization: Organization) -> None:
    people = {user["id"] for user in organization.users}
    for project, keys in organization.api_keys.items():
        accounts = {account["id"] for account in organization.service_accounts[project]}
        for key in keys:
            kind = key["owner"]["type"]
            assert key["owner"][kind]["id"] in {"user": people, "service_account": accounts}[kind]


def test_the_archived_project_cost_money_until_sixty_days_ago(
    organization: Organization, half_year: list[Charge]
) -> None:
    days = [
        (TODAY - day).days
        for day in days_of_age(0, 180)
        if any(charge.project_id == "proj_prototype" for charge in organization.charges(day))
    ]
    assert 60 < min(days) < 70
    assert max(days) == 180
    (archived,) = [project for project in organization.projects if project["status"] == "archived"]
    assert midnight(days_ago(min(days))) < archived["archived_at"] < midnight(TODAY)


def test_a_key_was_rotated_25_days_ago(organization: Organization) -> None:
    old, new = "helpdesk-triage-2025", "helpdesk-triage"
    assert of_key(organization, old, days_ago(26)) > 0 == of_key(organization, new, days_ago(26))
    assert of_key(organization, new, days_ago(25)) > 0 == of_key(organization, old, days_ago(25))


def test_some_costs_have_no_key_and_some_no_person(half_year: list[Charge]) -> None:
    assert any(charge.user_id and not charge.api_key_id for charge in half_year)
    assert any(charge.api_key_id and not charge.user_id for charge in half_year)
    assert any(not charge.api_key_id and not charge.user_id for charge in half_year)


def test_both_api_sources_are_returned(api: SimulatedApi) -> None:
    buckets = fetch(api, start_time=midnight(days_ago(30)), group_by="api_source")["data"]
    sources = {row["api_source"] for bucket in buckets for row in bucket["results"]}
    assert sources == {"agents_api", "unlabeled"}


def test_names_are_on_some_rows_only_and_on_those_of_deleted_people_too(
    api: SimulatedApi,
) -> None:
    buckets = fetch(api, start_time=midnight(days_ago(60)), group_by="user_id")["data"]
    rows = [row for bucket in buckets for row in bucket["results"] if row["user_id"]]
    assert 0.5 < sum("user_email" in row for row in rows) / len(rows) < 1
    listed = {user["id"] for user in api.organization.users}
    assert any(row.get("user_email") for row in rows if row["user_id"] not in listed)


# Spellings of amounts


def test_some_amounts_are_numbers_and_some_are_strings(amounts: list[str]) -> None:
    strings = sum(amount.startswith('"') for amount in amounts)
    assert 0.1 < strings / len(amounts) < 0.9


def test_zero_is_also_spelled_with_a_very_large_exponent(amounts: list[str]) -> None:
    assert "0E-6176" in amounts
    assert '"0E-6176"' in amounts


def test_some_amounts_have_39_decimals(amounts: list[str]) -> None:
    assert any(re.fullmatch(r'"[0-9]+\.[0-9]{39}"', amount) for amount in amounts)


def test_some_amounts_need_more_than_18_decimals(amounts: list[str]) -> None:
    exact = [Decimal(amount.strip('"')) for amount in amounts if amount.strip('"') != "0E-6176"]
    assert any(has_more_than_18_decimals(amount) for amount in exact)


def test_most_amounts_of_europe_need_more_than_18_decimals(half_year: list[Charge]) -> None:
    europe = [c.amount for c in half_year if c.project_id == "proj_europe"]
    assert sum(map(has_more_than_18_decimals, europe)) > len(europe) / 2


def test_no_spelling_loses_a_digit(amounts: list[str], half_year: list[Charge]) -> None:
    assert exact_sum(Decimal(amount.strip('"')) for amount in amounts) == spent(half_year)


def test_nothing_is_served_once_the_block_is_left() -> None:
    with SimulatedApi(Organization(TODAY)) as api, requests.Session() as kept_alive:
        url = f"{api.base_url}/organization/users"
        assert kept_alive.get(url).status_code == 401
        api.__exit__(None, None, None)
        with pytest.raises(requests.ConnectionError):
            kept_alive.get(url)
