"""How an endpoint requests days: in windows sized by the bytes of a day, two at a time."""

import json
import threading
import time
from datetime import timedelta

import pytest
from conftest import TODAY, days_ago
from test_client import KEY, Server, refusal

from openai_costs_source.api import endpoint as endpoints
from openai_costs_source.api.client import Client
from openai_costs_source.api.date_ranges import DateRange
from openai_costs_source.api.endpoint import Endpoint
from openai_costs_source.api.pages import read_page
from openai_costs_source.errors import OpenAICostsError
from openai_costs_source.simulator.unix_time import midnight

PATH = "/organization/costs"
GROUP_BY = ("line_item",)
DAY = 86_400


@pytest.fixture
def serve():
    """Starts a server that answers each request with a function, several at once."""
    servers = []

    def started(answer):
        servers.append(Server(answer))
        threading.Thread(target=servers[-1].serve_forever, args=(0.01,), daemon=True).start()
        return servers[-1]

    yield started
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(autouse=True)
def small_replies(monkeypatch):
    """The target size of a reply is that of seven days of 10 000 bytes."""
    monkeypatch.setattr(endpoints, "PAGE_BYTES", 70_000)


def endpoint_of(server, days_per_page=180, bytes_per_day=None, max_wait_seconds=5.0):
    client = Client(KEY, server.url, max_wait_seconds)
    return Endpoint(client, TODAY, PATH, read_page, days_per_page, bytes_per_day=bytes_per_day)


def days_read(endpoint, first, group_by=GROUP_BY):
    """The days from `first` days ago to today, in the order in which they are returned."""
    date_range = DateRange(days_ago(first), TODAY + timedelta(days=1), group_by)
    return [bucket.day for _, page in endpoint.pages(date_range) for bucket in page.buckets]


def each_day(first):
    return [days_ago(n) for n in range(first, -1, -1)]


def span(request):
    query = dict(request.query)
    return int(query["start_time"]), int(query["end_time"])


def days_requested(server):
    """The number of days of each request."""
    for request in server.requests:
        start, end = span(request)
        assert dict(request.query)["limit"] == str((end - start) // DAY)
        assert "page" not in dict(request.query)
    spans = sorted(map(span, server.requests))
    return [(end - start) // DAY for start, end in spans]


def page(request, size=0, next_page=None):
    """The requested days, each padded with `size` bytes."""
    start, end = span(request)
    buckets = [
        {"start_time": day, "end_time": day + DAY, "results": [], "padding": "x" * size}
        for day in range(start, end, DAY)
    ]
    body = {"object": "page", "data": buckets, "has_more": bool(next_page), "next_page": next_page}
    return 200, {}, json.dumps(body).encode()


def test_large_days_are_requested_in_small_windows(serve):
    server = serve(lambda request: page(request, size=30_000))
    assert days_read(endpoint_of(server), 20) == each_day(20)
    assert days_requested(server) == [7, *[2] * 7]


def test_day_larger_than_the_target_size_is_requested_by_itself(serve):
    server = serve(lambda request: page(request, size=80_000))
    assert days_read(endpoint_of(server), 9) == each_day(9)
    assert days_requested(server) == [7, 1, 1, 1]


@pytest.mark.parametrize("most", [180, 31])
def test_small_days_are_requested_in_windows_as_large_as_the_api_allows(most, serve):
    server = serve(page)
    assert days_read(endpoint_of(server, days_per_page=most), 600) == each_day(600)
    days = days_requested(server)
    assert days[:3] == [7, 14, 14]
    assert max(days) == most
    assert days.count(most) > 1


def test_large_days_after_empty_ones_are_not_requested_all_at_once(serve):
    """Empty days before the first use do not show how large the days after it are."""

    def answer(request):
        start, _ = span(request)
        return page(request, size=30_000 if start >= midnight(days_ago(180)) else 0)

    server = serve(answer)
    assert days_read(endpoint_of(server), 187) == each_day(187)
    assert days_requested(server) == [7, 14, 14, *[2] * 76, 1]


def test_windows_shrink_once_days_have_grown(serve):
    server = serve(lambda request: page(request, size=30_000))
    assert days_read(endpoint_of(server, bytes_per_day=7_000), 39) == each_day(39)
    assert days_requested(server) == [10, 10, *[2] * 10]


def test_ungrouped_days_do_not_change_the_size_of_grouped_ones(serve):
    server = serve(page)
    endpoint = endpoint_of(server, bytes_per_day=30_000)
    assert days_read(endpoint, 200, group_by=()) == each_day(200)
    assert days_requested(server) == [180, 21]
    assert endpoint.bytes_per_day == 30_000


def test_days_of_a_known_size_need_one_request(serve):
    server = serve(lambda request: page(request, size=1_000))
    assert days_read(endpoint_of(server, bytes_per_day=1_500), 35) == each_day(35)
    assert days_requested(server) == [36]


def test_two_requests_run_at_once_and_pages_keep_their_order(serve):
    """The server answers the second window of each pair before the first."""
    under_way, counts = set(), []
    changed = threading.Condition()

    def answer(request):
        start, _ = span(request)
        number = (start - midnight(days_ago(11))) // DAY
        with changed:
            under_way.add(number)
            counts.append(len(under_way))
            if number % 2 == 0:
                assert changed.wait_for(lambda: number + 1 in answered, 5)
        # Long enough for a third request to arrive, if there were one.
        time.sleep(0.05)
        with changed:
            under_way.remove(number)
            answered.append(number)
            changed.notify_all()
        return page(request)

    answered = []
    server = serve(answer)
    endpoint = endpoint_of(server, days_per_page=1, bytes_per_day=1_000)
    assert days_read(endpoint, 11) == each_day(11)
    assert max(counts) == 2
    assert answered[:2] == [1, 0]
    assert len(server.requests) == 12


def failing_first(while_failing, after=None):
    """Replies that refuse the first day's request, once the second day's request has arrived.

    The second request is answered with `while_failing` at once, or with `after` once the first is
    refused.
    """
    has_arrived, is_refused = threading.Event(), threading.Event()

    def answer(request):
        start, _ = span(request)
        if start == midnight(days_ago(3)):
            assert has_arrived.wait(5)
            # Leave the client time to receive the second reply.
            time.sleep(0.1 if after is None else 0)
            is_refused.set()
            return refusal(401, "Incorrect API key provided.", "invalid_api_key")
        has_arrived.set()
        if after is None:
            return while_failing(request)
        assert is_refused.wait(5)
        time.sleep(0.1)
        return after(request)

    return answer


RATE_LIMIT = refusal(429, "Rate limit reached.")


@pytest.mark.parametrize(
    ("answer", "warnings"),
    [
        (failing_first(lambda request: RATE_LIMIT), 1),
        (failing_first(None, lambda request: RATE_LIMIT), 0),
        (failing_first(None, lambda request: page(request, next_page="more")), 0),
        (failing_first(None, page), 0),
    ],
    ids=["waiting", "requested to wait", "more pages", "last page"],
)
def test_after_an_error_nothing_is_requested_retried_or_logged(
    answer, warnings, serve, monkeypatch, caplog
):
    monkeypatch.setattr("openai_costs_source.api.retry._wait", lambda state: 0.4)
    server = serve(answer)
    endpoint = endpoint_of(server, days_per_page=1, bytes_per_day=1_000)
    with pytest.raises(OpenAICostsError, match="Incorrect API key"):
        days_read(endpoint, 3)
    assert not [each.name for each in threading.enumerate() if "fetch" in each.name]
    time.sleep(0.6)
    assert len(server.requests) == 2
    logged = [each.levelname for each in caplog.records if each.levelname != "DEBUG"]
    assert logged == ["WARNING"] * warnings


def test_reader_that_stops_early_leaves_no_thread_behind(serve):
    server = serve(page)
    endpoint = endpoint_of(server, days_per_page=1, bytes_per_day=1_000)
    pages = endpoint.pages(DateRange(days_ago(9), TODAY, GROUP_BY))
    next(pages)
    pages.close()
    assert not [each.name for each in threading.enumerate() if "fetch" in each.name]
    assert len(server.requests) == 2


def test_reply_that_never_arrives_does_not_delay_an_error_forever(serve, monkeypatch):
    monkeypatch.setattr(endpoints, "CLOSE_SECONDS", 0.2)
    may_end = threading.Event()

    def hang(request):
        may_end.wait(30)
        return page(request)

    server = serve(failing_first(hang))
    endpoint = endpoint_of(server, days_per_page=1, bytes_per_day=1_000)
    began = time.monotonic()
    with pytest.raises(OpenAICostsError, match="Incorrect API key"):
        days_read(endpoint, 3)
    assert time.monotonic() - began < 20
    may_end.set()


def test_concurrent_waits_count_once(serve, monkeypatch):
    """Three windows wait 100 seconds each, the first two at the same time."""
    monkeypatch.setattr("openai_costs_source.api.retry._wait", lambda state: 100)
    monkeypatch.setattr("openai_costs_source.api.retry._sleep", lambda seconds, cancelled: None)
    seen = set()

    def limited_once(request):
        is_new = span(request) not in seen
        seen.add(span(request))
        if is_new and span(request)[0] <= midnight(days_ago(1)):
            both_are_sent.wait(timeout=30)
        return RATE_LIMIT if is_new else page(request)

    server = serve(limited_once)
    options = {"days_per_page": 1, "bytes_per_day": 1_000}
    both_are_sent = threading.Barrier(2)
    assert days_read(endpoint_of(server, **options, max_wait_seconds=290), 2) == each_day(2)
    seen.clear()
    with pytest.raises(OpenAICostsError, match="Rate limit reached"):
        days_read(endpoint_of(server, **options, max_wait_seconds=190), 2)


def test_refusal_on_a_later_page_of_a_window_keeps_the_pages_before_it(serve):
    def answer(request):
        if "page" in dict(request.query):
            return refusal(400, "The page token is invalid.", param="page")
        status, headers, body = page(request)
        content = json.loads(body)
        if len(content["data"]) > 3:
            content |= {"data": content["data"][:3], "has_more": True, "next_page": "later"}
        return status, headers, json.dumps(content).encode()

    server = serve(answer)
    assert days_read(endpoint_of(server), 6) == each_day(6)
    starts = [span(request)[0] for request in server.requests]
    assert starts == [midnight(days_ago(n)) for n in (6, 6, 3, 3, 0)]
