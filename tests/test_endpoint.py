"""How an endpoint's days are asked for: in windows that follow the size of a day, two at a time."""

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
from openai_costs_source.simulator.organization import midnight

PATH = "/organization/costs"
GROUP_BY = ("line_item",)
DAY = 86_400


@pytest.fixture
def serve():
    """Serves what a function answers to each request, side by side."""
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
    """A request is to bring as much as seven days of 10 000 bytes."""
    monkeypatch.setattr(endpoints, "PAGE_BYTES", 70_000)


def endpoint_of(server, days_per_page=180, bytes_per_day=None, max_wait_seconds=5.0):
    client = Client(KEY, server.url, max_wait_seconds)
    return Endpoint(client, TODAY, PATH, read_page, days_per_page, bytes_per_day=bytes_per_day)


def days_read(endpoint, first, group_by=GROUP_BY):
    """The days from `first` days ago to today, in the order in which they are given out."""
    date_range = DateRange(days_ago(first), TODAY + timedelta(days=1), group_by)
    return [bucket.day for _, page in endpoint.pages(date_range) for bucket in page.buckets]


def each_day(first):
    return [days_ago(n) for n in range(first, -1, -1)]


def span(asked):
    query = dict(asked.query)
    return int(query["start_time"]), int(query["end_time"])


def days_asked(server):
    """How many days each request asked for."""
    for asked in server.asked:
        start, end = span(asked)
        assert dict(asked.query)["limit"] == str((end - start) // DAY)
        assert "page" not in dict(asked.query)
    spans = sorted(map(span, server.asked))
    return [(end - start) // DAY for start, end in spans]


def page(asked, size=0, next_page=None):
    """The days that are asked for, each a reply of so many bytes, or of as many as its day has."""
    start, end = span(asked)
    told = [
        {"start_time": day, "end_time": day + DAY, "results": [], "padding": "x" * size}
        for day in range(start, end, DAY)
    ]
    body = {"object": "page", "data": told, "has_more": bool(next_page), "next_page": next_page}
    return 200, {}, json.dumps(body).encode()


def test_large_days_are_asked_for_in_small_windows(serve):
    server = serve(lambda asked: page(asked, size=30_000))
    assert days_read(endpoint_of(server), 20) == each_day(20)
    assert days_asked(server) == [7, *[2] * 7]


def test_day_that_is_larger_than_a_request_should_bring_is_asked_for_by_itself(serve):
    server = serve(lambda asked: page(asked, size=80_000))
    assert days_read(endpoint_of(server), 9) == each_day(9)
    assert days_asked(server) == [7, 1, 1, 1]


@pytest.mark.parametrize("most", [180, 31])
def test_small_days_are_asked_for_in_windows_as_large_as_the_api_allows(most, serve):
    server = serve(page)
    assert days_read(endpoint_of(server, days_per_page=most), 600) == each_day(600)
    asked = days_asked(server)
    assert asked[:3] == [7, 14, 14]
    assert max(asked) == most
    assert asked.count(most) > 1


def test_large_days_after_empty_ones_do_not_come_all_at_once(serve):
    """What a year begins with tells nothing of the day on which an organization starts."""

    def answer(asked):
        start, _ = span(asked)
        return page(asked, size=30_000 if start >= midnight(days_ago(180)) else 0)

    server = serve(answer)
    assert days_read(endpoint_of(server), 187) == each_day(187)
    assert days_asked(server) == [7, 14, 14, *[2] * 76, 1]


def test_days_that_grew_are_asked_for_in_smaller_windows_from_then_on(serve):
    server = serve(lambda asked: page(asked, size=30_000))
    assert days_read(endpoint_of(server, bytes_per_day=7_000), 39) == each_day(39)
    assert days_asked(server) == [10, 10, *[2] * 10]


def test_ungrouped_days_are_small_and_tell_nothing_of_the_size_of_grouped_ones(serve):
    server = serve(page)
    endpoint = endpoint_of(server, bytes_per_day=30_000)
    assert days_read(endpoint, 200, group_by=()) == each_day(200)
    assert days_asked(server) == [180, 21]
    assert endpoint.bytes_per_day == 30_000


def test_known_size_gives_all_days_in_one_request(serve):
    server = serve(lambda asked: page(asked, size=1_000))
    assert days_read(endpoint_of(server, bytes_per_day=1_500), 35) == each_day(35)
    assert days_asked(server) == [36]


def test_two_requests_are_under_way_and_pages_come_in_order_though_the_second_reply_comes_first(
    serve,
):
    """Of each two windows, the first is answered after the second."""
    under_way, counts = set(), []
    changed = threading.Condition()

    def answer(asked):
        start, _ = span(asked)
        number = (start - midnight(days_ago(11))) // DAY
        with changed:
            under_way.add(number)
            counts.append(len(under_way))
            if number % 2 == 0:
                assert changed.wait_for(lambda: number + 1 in answered, 5)
        # A third would have time to arrive.
        time.sleep(0.05)
        with changed:
            under_way.remove(number)
            answered.append(number)
            changed.notify_all()
        return page(asked)

    answered = []
    server = serve(answer)
    endpoint = endpoint_of(server, days_per_page=1, bytes_per_day=1_000)
    assert days_read(endpoint, 11) == each_day(11)
    assert max(counts) == 2
    assert answered[:2] == [1, 0]
    assert len(server.asked) == 12


def failing_first(while_failing, after=None):
    """Refuses the first day's key, once the second day's request has come; that one is answered
    with `while_failing` at once, or with `after` once the first is refused."""
    has_come, is_refused = threading.Event(), threading.Event()

    def answer(asked):
        start, _ = span(asked)
        if start == midnight(days_ago(3)):
            assert has_come.wait(5)
            # Time for the second reply to be taken in.
            time.sleep(0.1 if after is None else 0)
            is_refused.set()
            return refusal(401, "Incorrect API key provided.", "invalid_api_key")
        has_come.set()
        if after is None:
            return while_failing(asked)
        assert is_refused.wait(5)
        time.sleep(0.1)
        return after(asked)

    return answer


RATE_LIMIT = refusal(429, "Rate limit reached.")


@pytest.mark.parametrize(
    ("answer", "warnings"),
    [
        (failing_first(lambda asked: RATE_LIMIT), 1),
        (failing_first(None, lambda asked: RATE_LIMIT), 0),
        (failing_first(None, lambda asked: page(asked, next_page="more")), 0),
        (failing_first(None, page), 0),
    ],
    ids=["waiting", "told to wait", "more pages", "last page"],
)
def test_after_an_error_no_request_is_sent_and_nothing_waits_or_speaks(
    answer, warnings, serve, monkeypatch, caplog
):
    monkeypatch.setattr("openai_costs_source.api.retry._wait", lambda state: 0.4)
    server = serve(answer)
    endpoint = endpoint_of(server, days_per_page=1, bytes_per_day=1_000)
    with pytest.raises(OpenAICostsError, match="Incorrect API key"):
        days_read(endpoint, 3)
    assert not [each.name for each in threading.enumerate() if "fetch" in each.name]
    time.sleep(0.6)
    assert len(server.asked) == 2
    assert [each.levelname for each in caplog.records] == ["WARNING"] * warnings


def test_reader_that_stops_early_leaves_nothing_behind(serve):
    server = serve(page)
    endpoint = endpoint_of(server, days_per_page=1, bytes_per_day=1_000)
    pages = endpoint.pages(DateRange(days_ago(9), TODAY, GROUP_BY))
    next(pages)
    pages.close()
    assert not [each.name for each in threading.enumerate() if "fetch" in each.name]
    assert len(server.asked) == 2


def test_reply_that_never_comes_does_not_hold_an_error_back_for_ever(serve, monkeypatch):
    monkeypatch.setattr(endpoints, "CLOSE_SECONDS", 0.2)
    may_end = threading.Event()

    def hang(asked):
        may_end.wait(5)
        return page(asked)

    server = serve(failing_first(hang))
    endpoint = endpoint_of(server, days_per_page=1, bytes_per_day=1_000)
    began = time.monotonic()
    with pytest.raises(OpenAICostsError, match="Incorrect API key"):
        days_read(endpoint, 3)
    assert time.monotonic() - began < 2
    may_end.set()


def test_requests_that_are_withheld_side_by_side_wait_for_the_same_seconds(serve, monkeypatch):
    """Three windows wait, the first two of them together."""
    monkeypatch.setattr("openai_costs_source.api.retry._wait", lambda state: 0.8)
    seen = set()

    def limited_once(asked):
        is_new = span(asked) not in seen
        seen.add(span(asked))
        return RATE_LIMIT if is_new else page(asked)

    server = serve(limited_once)
    patient = {"days_per_page": 1, "bytes_per_day": 1_000}
    assert days_read(endpoint_of(server, **patient, max_wait_seconds=2.0), 2) == each_day(2)
    seen.clear()
    with pytest.raises(OpenAICostsError, match="Rate limit reached"):
        days_read(endpoint_of(server, **patient, max_wait_seconds=1.2), 2)


def test_refusal_on_a_later_page_of_a_window_keeps_the_pages_before_it(serve):
    def answer(asked):
        if "page" in dict(asked.query):
            return refusal(400, "The page token is invalid.", param="page")
        status, headers, body = page(asked)
        told = json.loads(body)
        if len(told["data"]) > 3:
            told |= {"data": told["data"][:3], "has_more": True, "next_page": "later"}
        return status, headers, json.dumps(told).encode()

    server = serve(answer)
    assert days_read(endpoint_of(server), 6) == each_day(6)
    starts = [span(asked)[0] for asked in server.asked]
    assert starts == [midnight(days_ago(n)) for n in (6, 6, 3, 3, 0)]
