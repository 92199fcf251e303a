"""Which days and dimensions are requested after the API refused some of them."""

import json
from contextlib import closing
from datetime import UTC, date, datetime
from threading import Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_client import KEY, Server, refusal

from openai_costs_source.api.client import Client
from openai_costs_source.api.date_ranges import BY_USER, GROUP_BY, ONE_DAY, DateRange
from openai_costs_source.api.endpoint import Endpoint
from openai_costs_source.api.pages import read_page
from openai_costs_source.api.refusals import refused_dimensions
from openai_costs_source.errors import OpenAICostsError

TODAY = date(2026, 3, 20)
SINCE, UNTIL = date(2025, 12, 1), date(2025, 12, 11)
WITHOUT_KEY = ("project_id", "user_id", "line_item")
WITHOUT_USER = ("project_id", "api_key_id", "line_item")
USAGE = ("project_id", "user_id", "api_key_id", "model", "batch", "service_tier")
FLOOR = "group_by=api_key_id is not available for this time range. Try a start_time on or after {}."
HISTORY_START = (
    "Usage and cost data are available for the past year. Earliest supported start date: {} (UTC)."
)


@pytest.mark.parametrize(
    ("message", "param", "group_by", "refused"),
    [
        (
            "group_by=api_key_id is not available for this organization.",
            None,
            GROUP_BY,
            "api_key_id",
        ),
        (
            "Invalid value: 'service_tier'. Supported values are: 'project_id', 'user_id'.",
            "group_by[5]",
            USAGE,
            "service_tier",
        ),
        ("Invalid value. Supported values are: 'project_id'.", "group_by[3]", USAGE, "model"),
        ("Invalid value: 'api_source'.", "group_by", (*GROUP_BY, "api_source"), "api_source"),
        ("Grouping by line_item is not supported.", None, GROUP_BY, "line_item"),
        ("project_id cannot be combined with user_id.", None, GROUP_BY, "user_id"),
        ("Cannot group by 'user_id' and 'project_id'.", "group_by", GROUP_BY, "user_id"),
        ("This combination is unsupported.", "group_by", GROUP_BY, "user_id"),
        ("This combination is unsupported.", "group_by", BY_USER, ""),
        ("group_by=user_id is not supported.", "group_by", BY_USER, "user_id"),
        ("You can group by at most 3 dimensions.", "group_by", GROUP_BY, "user_id"),
        ("Group by up to two dimensions.", None, GROUP_BY, "user_id api_key_id"),
        (
            "At most two groupings are allowed.",
            "group_by",
            USAGE,
            "user_id api_key_id batch service_tier",
        ),
        (
            "Invalid 'group_by': array too long. Expected an array with maximum length 1, but got "
            "an array with length 4 instead.",
            "group_by",
            GROUP_BY,
            "user_id api_key_id line_item",
        ),
        (
            "Invalid value: 'api_key_id'. Available values are: 'project_id', 'user_id'.",
            "group_by[2]",
            GROUP_BY,
            "api_key_id",
        ),
        (
            "Input should be 'project_id', 'user_id' or 'model'.",
            "group_by[5]",
            USAGE,
            "service_tier",
        ),
        ("Bad request. group_by=line_item is unknown.", None, GROUP_BY, "line_item"),
        (
            "This organization can group by project_id and line_item only.",
            None,
            GROUP_BY,
            "user_id api_key_id",
        ),
        (
            "Only project_id and line_item are available.",
            "group_by",
            GROUP_BY,
            "user_id api_key_id",
        ),
        (
            "The combination of line_item and api_key_id is not supported.",
            None,
            GROUP_BY,
            "api_key_id",
        ),
        ("line_item cannot be grouped together with user_id.", None, GROUP_BY, "user_id"),
        (
            "group_by=api_key_id is not available for this time range.",
            "start_time",
            GROUP_BY,
            "api_key_id",
        ),
        ("With group_by=project_id, limit must be at most 31.", "limit", GROUP_BY, ""),
        ("Grouped costs are available for up to one month per request.", "end_time", GROUP_BY, ""),
        ("Grouped costs are available for up to one month per request.", None, GROUP_BY, ""),
        ("limit must be at most 180.", "limit", GROUP_BY, ""),
        ("The model is overloaded.", None, USAGE, ""),
        ("The page token is invalid.", "page", GROUP_BY, ""),
    ],
)
def test_refusal_refuses_the_dimension_that_it_names_as_the_problem(
    message, param, group_by, refused
):
    error = OpenAICostsError(f"OpenAI's /organization/costs refused: {message}", param=param)
    names = refused_dimensions(error, group_by)
    assert {*names} == {*refused.split()}


class Api(Server):
    """Returns empty days, and refuses what an organization does not have."""

    def __init__(
        self,
        earliest=date.min,
        first_moment=0,
        combines_users=date.min,
        message="",
        refused_days=(),
    ):
        super().__init__(self.reply)
        self.refused_days = {midnight(day) for day in refused_days}
        self.earliest, self.first_moment = earliest, first_moment
        self.combines_users, self.message = combines_users, message
        Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def close(self):
        self.shutdown()
        self.server_close()

    def reply(self, request):
        query = dict(request.query)
        start, end = int(query["start_time"]), int(query["end_time"])
        first = datetime.fromtimestamp(start, UTC).date()
        group_by = {value for name, value in request.query if name == "group_by"}
        if first < self.earliest:
            code = "reporting_lookback_exceeded"
            return refusal(400, HISTORY_START.format(self.earliest), code, "start_time")
        if "api_key_id" in group_by and start < self.first_moment:
            return refusal(400, FLOOR.format(self.first_moment), param="start_time")
        if {"user_id", "project_id"} <= group_by and first < self.combines_users:
            return refusal(400, "This combination is unsupported.", param="group_by")
        if "line_item" in group_by and self.refused_days & {*range(start, end, 86_400)}:
            return refusal(400, "group_by=line_item is not available now.", param="group_by")
        if self.message and "line_item" in group_by:
            return refusal(400, self.message, param="group_by")
        days = range(start, end, 86_400)
        data = [{"start_time": day, "end_time": day + 86_400, "results": []} for day in days]
        body = {"object": "page", "data": data, "has_more": False, "next_page": None}
        return 200, {}, json.dumps(body).encode()


def midnight(day):
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def endpoint(api):
    return Endpoint(Client(KEY, api.url, 0), TODAY, "/organization/costs", read_page, 180)


def answered(date_range, **limits):
    """The days that an API with these limits returns, with the grouping of each."""
    with closing(Api(**limits)) as api:
        pages = list(endpoint(api).pages(date_range))
        # `check` decides like a load, without reading the days.
        accepted = [request for request, _ in endpoint(api).first_pages(date_range)]
    days = {b.day: request.group_by for request, page in pages for b in page.buckets}
    assert days == {day: request.group_by for request in accepted for day in request}
    assert sum(len(page.buckets) for _, page in pages) == len(days)
    return days


def grouped(since, until, group_by):
    return dict.fromkeys(DateRange(since, until), group_by)


def date_range(since=SINCE, until=UNTIL, group_by=GROUP_BY):
    return DateRange(since, until, group_by)


@pytest.mark.parametrize("earliest", [date(2025, 12, 4), UNTIL, date(2026, 1, 1)])
def test_days_before_the_history_are_omitted(earliest):
    expected = grouped(earliest, UNTIL, GROUP_BY) if earliest < UNTIL else {}
    assert answered(date_range(), earliest=earliest) == expected


@pytest.mark.parametrize("text", ["soon", "2025-13-45"])
def test_refusal_of_old_days_without_a_date_is_an_error(text):
    api = closing(Api(message=HISTORY_START.format(text)))
    with api as server, pytest.raises(OpenAICostsError, match=text):
        list(endpoint(server).first_pages(date_range(group_by=("line_item",))))


@pytest.mark.parametrize(
    ("moment", "first"), [(1764979200, date(2025, 12, 6)), (1764979201, date(2025, 12, 7))]
)
def test_days_that_begin_before_the_first_keys_are_requested_without_them(moment, first):
    expected = {**grouped(SINCE, first, WITHOUT_KEY), **grouped(first, UNTIL, GROUP_BY)}
    assert answered(date_range(), first_moment=moment) == expected


def test_days_that_are_all_before_the_first_keys_are_requested_without_them():
    expected = grouped(SINCE, UNTIL, WITHOUT_KEY)
    assert answered(date_range(), first_moment=midnight(TODAY)) == expected


def test_dimension_that_is_refused_on_days_that_should_have_it_is_omitted():
    """The API names a first day, and refuses the line items of later days as well."""
    message = f"group_by=line_item: try a start_time on or after {midnight(SINCE)}."
    expected = grouped(SINCE, UNTIL, ("project_id", "user_id", "api_key_id"))
    assert answered(date_range(), message=message) == expected


def test_refusal_that_names_no_dimension_is_an_error():
    api = closing(Api(message="Something is wrong."))
    with api as server, pytest.raises(OpenAICostsError, match="Something is wrong"):
        list(endpoint(server).pages(date_range(group_by=("line_item",))))


@pytest.mark.parametrize(
    "refused_days",
    [[SINCE], [UNTIL - ONE_DAY], [SINCE + ONE_DAY * 4], [SINCE, SINCE + ONE_DAY * 4]],
)
def test_dimension_that_is_refused_on_some_days_is_omitted_on_these_only(refused_days):
    without = tuple(name for name in GROUP_BY if name != "line_item")
    expected = {day: without if day in refused_days else GROUP_BY for day in date_range()}
    assert answered(date_range(), refused_days=refused_days) == expected


some_days = st.dates(SINCE, date(2026, 3, 1))
some_date_ranges = st.builds(
    lambda since, count: date_range(since, since + ONE_DAY * count), some_days, st.integers(1, 60)
)
moments = st.builds(lambda day, second: midnight(day) + second, some_days, st.integers(0, 86_399))


@settings(deadline=None, max_examples=40)
@given(some_date_ranges, some_days, moments, some_days | st.just(date.min))
def test_each_available_day_is_read_once_with_all_dimensions_that_it_has(
    requested, earliest, moment, combines_users
):
    limits = {"earliest": earliest, "first_moment": moment, "combines_users": combines_users}
    days = answered(requested, **limits)
    assert [*days] == [day for day in requested if day >= earliest]
    for day, group_by in days.items():
        missing = {
            "api_key_id" if midnight(day) < moment else "",
            "user_id" if day < combines_users else "",
        }
        assert group_by == tuple(name for name in GROUP_BY if name not in missing)
