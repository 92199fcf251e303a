"""The client, against real servers on loopback that send scripted replies."""

import json
import logging
import socket
import struct
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import SimpleNamespace
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, urlsplit

import pytest

from openai_costs_source.api.client import PATHS, Client
from openai_costs_source.errors import OpenAICostsError

KEY = "sk-admin-t0pS3cretOfThe0rganization"
SLASHED_KEY = "sk-admin-t0p/S3cret+OfThe0rganization"
COSTS = "/organization/costs"
USERS = "/organization/users"
PROJECT_KEYS = "/organization/projects/{project_id}/api_keys"
NO_SCOPE = (
    "You have insufficient permissions for this operation. Missing scopes: api.usage.read. "
    "Check that you have the correct role in your organization."
)

Answer = tuple[int, dict[str, str], bytes]
HANG_UP: Answer = (0, {}, b"")


class Request(NamedTuple):
    verb: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> list[tuple[str, str]]:
        return parse_qsl(urlsplit(self.target).query, keep_blank_values=True)


class Server(ThreadingHTTPServer):
    """Answers with a list in order, or with a function of the request; records the requests."""

    def __init__(self, answers: list[Answer] | Callable[[Request], Answer]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = answers
        self.requests: list[Request] = []
        self.url = f"http://127.0.0.1:{self.server_port}/v1"

    def answer(self, request: Request) -> Answer:
        self.requests.append(request)
        if callable(self.answers):
            return self.answers(request)
        return self.answers.pop(0) if self.answers else refusal(400, "The script has ended.")

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


class Handler(BaseHTTPRequestHandler):
    server: Server

    def reply(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request(self.command, self.path, dict(self.headers.items()), body)
        status, headers, text = self.server.answer(request)
        if not status:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        self.send_response_only(status)
        for name, value in {"Content-Length": str(len(text)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_CONNECT = reply

    def log_message(self, format: str, *args: Any) -> None:
        pass


Serve = Callable[[list[Answer] | Callable[[Request], Answer]], Server]


@pytest.fixture
def server() -> Iterator[Serve]:
    started: list[Server] = []

    def serve(answers: list[Answer] | Callable[[Request], Answer]) -> Server:
        started.append(Server(answers))
        Thread(target=started[-1].serve_forever, args=(0.01,), daemon=True).start()
        return started[-1]

    yield serve
    for each in started:
        each.shutdown()
        each.server_close()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that the client would have slept."""
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        assert len(slept) < 20, "the client never stops waiting"

    monkeypatch.setattr("openai_costs_source.api.retry.time.sleep", sleep)
    return slept


def page(
    *buckets: str, next_page: str | None = None, has_more: bool | None = None, **headers: str
) -> Answer:
    more = bool(next_page) if has_more is None else has_more
    body = {"object": "page", "data": buckets, "has_more": more, "next_page": next_page}
    return 200, headers, json.dumps(body).encode()


def listed(*ids: str, has_more: bool = False, last_id: str | None = None) -> Answer:
    objects = [{"id": each} for each in ids]
    body = {"object": "list", "data": objects, "has_more": has_more, "last_id": last_id}
    return 200, {}, json.dumps(body).encode()


def refusal(
    status: int, message: str, code: str | None = None, param: str | None = None, **headers: str
) -> Answer:
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return status, named, json.dumps({"error": error}).encode()


def decode(body: bytes) -> SimpleNamespace:
    reply = json.loads(body)
    return SimpleNamespace(
        buckets=reply["data"],
        objects=reply["data"],
        has_more=reply["has_more"],
        next_page=reply.get("next_page"),
        last_id=reply.get("last_id"),
    )


def buckets(client: Client, **params: Any) -> list[str]:
    return [bucket for each in client.pages(COSTS, params, decode) for bucket in each.buckets]


def ids(client: Client, path: str = USERS, **within: str) -> list[str]:
    return [each["id"] for each in client.listing(path, decode, {}, within)]


def failure(client: Client, **params: Any) -> OpenAICostsError:
    with pytest.raises(OpenAICostsError) as raised:
        buckets(client, **params)
    return raised.value


def unused_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


# Requests


def test_a_request_carries_the_key_as_a_bearer_token(server: Serve) -> None:
    api = server([page("day")])
    assert buckets(Client(KEY, api.url)) == ["day"]
    assert api.requests[0].headers["Authorization"] == f"Bearer {KEY}"


def test_white_space_around_a_pasted_key_is_not_sent(server: Serve) -> None:
    api = server([page()])
    buckets(Client(f" {KEY}\n", api.url))
    assert api.requests[0].headers["Authorization"] == f"Bearer {KEY}"


def test_a_parameter_with_several_values_is_repeated(server: Serve) -> None:
    api = server([page()])
    buckets(Client(KEY, api.url), start_time=5, group_by=("project_id", "line_item"))
    assert api.requests[0].query == [
        ("start_time", "5"),
        ("group_by", "project_id"),
        ("group_by", "line_item"),
    ]


def test_a_parameter_without_values_is_omitted(server: Serve) -> None:
    api = server([page()])
    buckets(Client(KEY, api.url), start_time=5, group_by=())
    assert api.requests[0].query == [("start_time", "5")]


def test_the_organization_is_taken_from_the_reply_header(server: Serve) -> None:
    api = server([page(**{"openai-organization": "org-1"})])
    client = Client(KEY, api.url)
    assert client.organization is None
    buckets(client)
    assert client.organization == "org-1"


def test_the_organization_is_taken_from_a_refusal_too(server: Serve) -> None:
    api = server([refusal(403, NO_SCOPE, openai_organization="org-1")])
    client = Client(KEY, api.url)
    failure(client)
    assert client.organization == "org-1"


# Pages of buckets


def test_pages_are_followed_to_the_last(server: Serve) -> None:
    api = server([page("a", next_page="p2"), page("b", next_page="p3"), page("c")])
    assert buckets(Client(KEY, api.url)) == ["a", "b", "c"]
    assert [dict(request.query).get("page") for request in api.requests] == [None, "p2", "p3"]


def test_every_parameter_is_repeated_with_the_page_token(server: Serve) -> None:
    api = server([page("a", next_page="p=2&x"), page("b")])
    buckets(Client(KEY, api.url), start_time=5, end_time=9, group_by=("project_id", "line_item"))
    first, second = api.requests
    assert second.query == [*first.query, ("page", "p=2&x")]


def test_a_page_without_buckets_is_the_last_even_if_it_names_a_next_one(server: Serve) -> None:
    api = server([page("a", next_page="p2"), page(next_page="p3")])
    assert buckets(Client(KEY, api.url)) == ["a"]
    assert len(api.requests) == 2


def test_a_next_page_is_not_requested_if_there_are_no_more(server: Serve) -> None:
    api = server([page("a", next_page="p2", has_more=False)])
    assert buckets(Client(KEY, api.url)) == ["a"]
    assert len(api.requests) == 1


@pytest.mark.parametrize("token", [None, ""])
def test_more_pages_without_a_token_are_an_error(server: Serve, token: str | None) -> None:
    api = server([page("a", next_page=token, has_more=True)])
    assert "named none" in str(failure(Client(KEY, api.url)))
    assert len(api.requests) == 1


@pytest.mark.parametrize("tokens", [["p2", "p2"], ["p2", "p3", "p2"]])
def test_a_repeated_page_token_is_an_error(server: Serve, tokens: list[str]) -> None:
    api = server([page("a", next_page=token) for token in tokens])
    assert "twice" in str(failure(Client(KEY, api.url)))
    assert len(api.requests) == len(tokens)


# Listings


def test_a_listing_continues_after_the_last_id(server: Serve) -> None:
    api = server([listed("u1", "u2", has_more=True, last_id="u2"), listed("u3", last_id="u3")])
    assert ids(Client(KEY, api.url)) == ["u1", "u2", "u3"]
    assert [request.query for request in api.requests] == [
        [("limit", "100")],
        [("limit", "100"), ("after", "u2")],
    ]


def test_every_parameter_of_a_listing_is_repeated_with_the_cursor(server: Serve) -> None:
    api = server([listed("p1", has_more=True, last_id="p1"), listed()])
    params = {"include_archived": "true"}
    list(Client(KEY, api.url).listing("/organization/projects", decode, params))
    assert [("include_archived", "true") in request.query for request in api.requests] == [
        True,
        True,
    ]


def test_an_empty_listing_has_no_objects(server: Serve) -> None:
    assert ids(Client(KEY, server([listed()]).url)) == []


@pytest.mark.parametrize("cursors", [[None], [""], ["u1", "u1"], ["u1", "u2", "u1"]])
def test_a_listing_that_cannot_continue_is_an_error(
    server: Serve, cursors: list[str | None]
) -> None:
    api = server(
        [listed(f"u{n}", has_more=True, last_id=cursor) for n, cursor in enumerate(cursors)]
    )
    with pytest.raises(OpenAICostsError, match="did not say after which"):
        ids(Client(KEY, api.url))
    assert len(api.requests) == len(cursors)


# Single objects


def test_a_single_object_is_read_with_one_request_and_no_parameter(server: Serve) -> None:
    api = server([(200, {}, b'{"threshold_amount": 100}')])
    path = "/organization/projects/{project_id}/spend_limit"
    limit = Client(KEY, api.url).one(path, json.loads, {"project_id": "proj_1"})
    assert limit == {"threshold_amount": 100}
    assert [(request.path, request.query) for request in api.requests] == [
        ("/v1/organization/projects/proj_1/spend_limit", [])
    ]


@pytest.mark.parametrize(
    ("message", "is_unknown"),
    [("Invalid URL (GET /v1/organization/spend_limit)", True), ("No spend limit is set.", False)],
)
def test_a_404_for_an_unknown_path_differs_from_one_for_an_object_that_is_not_set(
    server: Serve, message: str, is_unknown: bool
) -> None:
    api = server([refusal(404, message)])
    with pytest.raises(OpenAICostsError) as raised:
        Client(KEY, api.url).one("/organization/spend_limit", json.loads, final=(404,))
    assert raised.value.is_unknown_path is is_unknown
    assert len(api.requests) == 1


# Read only, and only the listed paths


def test_each_listed_path_is_read_with_get_and_without_a_body(server: Serve) -> None:
    api = server(lambda _: listed())
    for path in PATHS:
        ids(Client(KEY, api.url), path, project_id="proj_1")
    assert {(request.verb, request.body) for request in api.requests} == {("GET", b"")}
    assert {request.path for request in api.requests} == {
        "/v1" + path.replace("{project_id}", "proj_1") for path in PATHS
    }


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/models",
        "/organization/admin_api_keys",
        "/organization/costs/",
        "/organization/costs?limit=1",
        "/organization/projects/../admin_api_keys",
        "/organization/projects/proj_1/api_keys",
        "//elsewhere.example/organization/costs",
        "https://elsewhere.example/v1/organization/costs",
    ],
)
def test_another_path_is_refused_before_a_byte_is_sent(server: Serve, path: str) -> None:
    api = server(lambda _: listed())
    client = Client(KEY, api.url)
    with pytest.raises(OpenAICostsError, match="does not read") as by_page:
        list(client.pages(path, {}, decode))
    with pytest.raises(OpenAICostsError, match="does not read") as by_listing:
        ids(client, path)
    with pytest.raises(OpenAICostsError, match="does not read") as by_object:
        client.one(path, json.loads)
    assert by_page.value.is_wrong_use
    assert by_listing.value.is_wrong_use
    assert by_object.value.is_wrong_use
    assert api.requests == []


def test_the_client_can_only_read() -> None:
    offered = {name for name in dir(Client) if not name.startswith("_")}
    assert offered == {"organization", "clock_error", "observe", "pages", "listing", "one"}


@pytest.mark.parametrize(
    "project_id",
    ["", ".", "..", "../../users", "..\\users", "a/b", "?x=1", "#x", "%2e%2e", "a b", "é", "@host"],
)
def test_an_id_that_could_leave_its_path_is_refused(server: Serve, project_id: str) -> None:
    api = server([listed()])
    with pytest.raises(OpenAICostsError, match="not an id"):
        ids(Client(KEY, api.url), PROJECT_KEYS, project_id=project_id)
    assert api.requests == []


# Retries and waits


def test_a_rate_limit_is_waited_for_as_long_as_requested(server: Serve) -> None:
    api = server([refusal(429, "Slow down.", Retry_After="1"), page("day")])
    began = time.monotonic()
    assert buckets(Client(KEY, api.url)) == ["day"]
    assert 1 <= time.monotonic() - began < 20


@pytest.mark.parametrize("status", [429, 503])
def test_the_seconds_of_retry_after_are_waited(
    server: Serve, waits: list[float], status: int
) -> None:
    api = server(
        [
            refusal(status, "Later.", Retry_After="0"),
            refusal(status, "Later.", Retry_After="7"),
            refusal(status, "Later.", Retry_After="2.5"),
            page("day"),
        ]
    )
    assert buckets(Client(KEY, api.url)) == ["day"]
    assert waits[1:] == [7, 2.5]


@pytest.mark.parametrize(("seconds", "clock", "waited"), [(90, 0, 90), (90, 3600, 90), (-5, 0, 1)])
def test_a_retry_after_that_is_a_date_is_waited_for_by_the_servers_clock(
    server: Serve, waits: list[float], seconds: int, clock: int, waited: int
) -> None:
    now = time.time() + clock
    dates = {"Date": formatdate(now, usegmt=True)}
    busy = refusal(503, "Later.", Retry_After=formatdate(now + seconds, usegmt=True), **dates)
    assert buckets(Client(KEY, server([busy, page("day")]).url)) == ["day"]
    assert waits == [waited]


def test_a_server_that_requests_no_pause_is_not_flooded(server: Serve) -> None:
    api = server([refusal(429, "Slow down.", Retry_After="0") for _ in range(50)])
    failure(Client(KEY, api.url, max_wait_seconds=0.5))
    assert len(api.requests) < 10


@pytest.mark.parametrize("headers", [{}, {"Retry_After": "soon"}, {"Retry_After": "-5"}])
def test_waits_grow_if_a_rate_limit_names_no_seconds(
    server: Serve, waits: list[float], headers: dict[str, str]
) -> None:
    api = server([*(refusal(429, "Slow down.", **headers) for _ in range(3)), page("day")])
    assert buckets(Client(KEY, api.url)) == ["day"]
    assert waits == [1, 2, 4]


def test_no_single_wait_is_longer_than_a_minute(server: Serve, waits: list[float]) -> None:
    api = server([*(refusal(503, "Down.") for _ in range(8)), page("day")])
    buckets(Client(KEY, api.url))
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


@pytest.mark.parametrize(
    "outage",
    [
        refusal(500, "The server had an error."),
        refusal(502, "Bad gateway."),
        (503, {}, b"<html>Unavailable</html>"),
        (504, {}, b""),
        (404, {}, b""),
        refusal(404, "Not here just now."),
        HANG_UP,
        (200, {"Content-Length": "1000"}, b'{"data": ['),
    ],
    ids=["500", "502", "503", "504", "bare 404", "404 without code", "reset", "cut short"],
)
def test_an_outage_is_retried(server: Serve, waits: list[float], outage: Answer) -> None:
    api = server([outage, page("day")])
    assert buckets(Client(KEY, api.url)) == ["day"]
    assert waits == [1]


def test_an_outage_between_two_pages_loses_no_bucket(server: Serve, waits: list[float]) -> None:
    api = server([page("a", next_page="p2"), refusal(500, "Down."), page("b")])
    assert buckets(Client(KEY, api.url)) == ["a", "b"]
    assert [dict(request.query).get("page") for request in api.requests] == [None, "p2", "p2"]


def test_a_refused_connection_is_retried(waits: list[float]) -> None:
    port = unused_port()
    error = failure(Client(KEY, f"http://127.0.0.1:{port}/v1", max_wait_seconds=3))
    assert waits == [1, 2]
    assert f"127.0.0.1:{port}" in str(error)


def test_a_connection_that_breaks_during_the_handshake_is_retried(waits: list[float]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def hang_up() -> None:
            with suppress(OSError):
                while True:
                    with listening.accept()[0] as connection:
                        connection.recv(5000)

        Thread(target=hang_up, daemon=True).start()
        port = listening.getsockname()[1]
        failure(Client(KEY, f"https://127.0.0.1:{port}/v1", max_wait_seconds=3))
        listening.shutdown(socket.SHUT_RDWR)
    assert waits == [1, 2]


@pytest.mark.parametrize(
    "refused",
    [
        refusal(400, "No such parameter."),
        refusal(401, "Incorrect API key provided.", "invalid_api_key"),
        refusal(403, NO_SCOPE),
        refusal(404, "Invalid URL (GET /v1/organization/costs)", "not_found"),
        (200, {"Content-Type": "text/html"}, b"<html>Log in</html>"),
    ],
    ids=["400", "401", "403", "404 not_found", "HTML"],
)
def test_a_permanent_error_is_not_retried(
    server: Serve, waits: list[float], refused: Answer
) -> None:
    api = server([refused, page("day")])
    failure(Client(KEY, api.url))
    assert len(api.requests) == 1
    assert waits == []


def test_a_wait_beyond_the_retry_budget_fails_at_once(server: Serve, waits: list[float]) -> None:
    api = server([refusal(429, "Slow down.", Retry_After="3600"), page("day")])
    error = failure(Client(KEY, api.url, max_wait_seconds=1))
    assert (error.status, error.retry_after) == (429, 3600)
    assert len(api.requests) == 1
    assert waits == []


def test_waiting_ends_with_the_retry_budget(server: Serve) -> None:
    api = server([refusal(503, "Down.") for _ in range(3)])
    error = failure(Client(KEY, api.url, max_wait_seconds=2.9))
    assert error.status == 503
    assert len(api.requests) == 2


def test_several_replies_share_one_retry_budget(server: Serve, waits: list[float]) -> None:
    slow = refusal(429, "Slow down.", Retry_After="20")
    api = server(
        [slow, page("a", next_page="t1"), slow, page("b", next_page="t2"), slow, page("c")]
    )
    error = failure(Client(KEY, api.url, max_wait_seconds=50))
    assert error.status == 429
    assert waits == [20, 20]
    assert len(api.requests) == 5


def test_outage_of_a_listing_uses_up_no_retry_of_costs(server: Serve, waits: list[float]) -> None:
    down = refusal(503, "Down.")
    api = server([down, down, down, page("day")])
    client = Client(KEY, api.url, max_wait_seconds=2)
    with pytest.raises(OpenAICostsError):
        ids(client)
    assert buckets(client) == ["day"]
    assert waits == [1, 1]


def test_each_wait_is_logged_as_a_warning_with_the_reason(
    server: Serve, waits: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    api = server([refusal(429, "Slow down, please.", Retry_After="7"), page()])
    buckets(Client(KEY, api.url))
    (record,) = [each for each in caplog.records if each.name == "openai_costs_source.api.retry"]
    assert record.levelno == logging.WARNING
    assert "Slow down, please" in record.getMessage()
    assert "Waiting 7 s" in record.getMessage()


# Errors


def test_an_error_has_the_message_of_the_api(server: Serve) -> None:
    api = server([refusal(400, "Too early.", "reporting_lookback_exceeded", "start_time")])
    error = failure(Client(KEY, api.url))
    assert "Too early" in str(error)
    assert COSTS in str(error)
    assert (error.status, error.code) == (400, "reporting_lookback_exceeded")
    assert error.param == "start_time"
    assert not error.is_wrong_use


@pytest.mark.parametrize("status", [401, 403])
def test_a_missing_permission_is_recognized_by_its_text_with_any_status(
    server: Serve, status: int
) -> None:
    error = failure(Client(KEY, server([refusal(status, NO_SCOPE)]).url))
    assert error.is_missing_permission
    assert error.status == status
    assert "Missing scopes: api.usage.read" in str(error)


@pytest.mark.parametrize("status", [401, 403])
def test_another_refusal_is_not_a_missing_permission(server: Serve, status: int) -> None:
    error = failure(Client(KEY, server([refusal(status, "Your account is not active.")]).url))
    assert not error.is_missing_permission


def test_a_wrong_key_is_recognized_by_its_code_and_has_a_remedy(server: Serve) -> None:
    message = "Incorrect API key provided: sk-a***ion."
    error = failure(Client(KEY, server([refusal(401, message, "invalid_api_key")]).url))
    assert error.code == "invalid_api_key"
    assert message in str(error)
    assert "OPENAI_ADMIN_KEY" in str(error)
    assert not error.is_missing_permission


@pytest.mark.parametrize("body", [b"<html>Please log in</html>", b"", b"\xff\xfe\x00", b'{"data":'])
def test_a_reply_that_is_no_page_is_an_error_and_not_an_empty_bill(
    server: Serve, body: bytes
) -> None:
    error = failure(Client(KEY, server([(200, {"Content-Type": "text/html"}, body)]).url))
    assert "cannot be used (text/html)" in str(error)
    assert "proxy" in str(error)


def test_an_object_that_the_decoder_refuses_is_an_error_with_its_message(server: Serve) -> None:
    def refuse(body: bytes) -> SimpleNamespace:
        raise ValueError("this is no page of buckets")

    client = Client(KEY, server([page("day")]).url)
    with pytest.raises(OpenAICostsError, match="this is no page of buckets"):
        list(client.pages(COSTS, {}, refuse))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Blocked</html>",
        b"\xff\xfe\x00",
        b'"blocked"',
        b"[]",
        b"null",
        b"7",
        b"{}",
        b'{"error": "blocked"}',
        b'{"error": null}',
        b'{"error": []}',
        b'{"error": {}}',
        b'{"error": {"message": null}}',
        b'{"error": {"message": ["a", "b"], "code": 5}}',
    ],
)
def test_a_refusal_in_another_format_keeps_its_status(server: Serve, body: bytes) -> None:
    error = failure(Client(KEY, server([(400, {}, body)]).url))
    assert error.status == 400
    assert "refused with 400" in str(error)


# Where the key is sent


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_error_and_not_followed(
    server: Serve, waits: list[float], status: int
) -> None:
    other = server(lambda _: page("day"))
    elsewhere = f"http://localhost:{other.server_port}/v1/organization/costs"
    api = server(lambda _: (status, {"Location": elsewhere}, b""))
    assert "redirects" in str(failure(Client(KEY, api.url)))
    assert other.requests == []
    assert len(api.requests) == 1


@pytest.mark.parametrize(
    "reply",
    [
        refusal(401, f"Incorrect API key provided: {KEY}.", "invalid_api_key"),
        refusal(503, f"{KEY}: {KEY}"),
        (401, {}, f'{{"error": {{"message": ["{KEY}"]}}}}'.encode()),
        (200, {"Content-Type": f"text/{KEY}"}, b"<html>"),
        (200, {}, f"<html>{KEY}".encode()),
        (302, {"Location": f"http://localhost:1/{KEY}"}, KEY.encode()),
    ],
    ids=["message", "outage", "list", "header", "body", "redirect"],
)
def test_a_key_that_the_server_quotes_back_is_redacted(
    server: Serve, waits: list[float], caplog: pytest.LogCaptureFixture, reply: Answer
) -> None:
    def quoting(body: bytes) -> SimpleNamespace:
        raise ValueError(body.decode())

    caplog.set_level(logging.DEBUG)
    client = Client(KEY, server(lambda _: reply).url, max_wait_seconds=2)
    with pytest.raises(OpenAICostsError) as raised:
        list(client.pages(COSTS, {}, quoting))
    assert KEY not in str(raised.value)
    assert KEY not in repr(raised.value)
    assert KEY not in "".join(traceback.format_exception(raised.value))
    assert KEY not in caplog.text


def escaped(text: str) -> str:
    return "".join(f"\\u{ord(character):04X}" for character in text)


def percent_encoded(text: str) -> str:
    return "".join(f"%{ord(character):02x}" for character in text)


@pytest.mark.parametrize(
    "spelled",
    [
        SLASHED_KEY.replace("/", r"\/"),
        SLASHED_KEY.replace("-", r"\u002d"),
        escaped(SLASHED_KEY),
        escaped(SLASHED_KEY).replace("\\", r"\\"),
        quote(SLASHED_KEY, safe=""),
        percent_encoded(SLASHED_KEY),
        quote(quote(SLASHED_KEY, safe=""), safe=""),
    ],
)
def test_a_key_with_escaped_characters_is_redacted(server: Serve, spelled: str) -> None:
    def stored(body: bytes) -> SimpleNamespace:
        return SimpleNamespace(has_more=False, next_page=None, text=body.decode())

    answers: list[Answer] = [
        (200, {}, f'{{"name": "caf\\u00e9 100%, {spelled}."}}'.encode()),
        (401, {}, f'{{"error": {{"message": "Wrong: {spelled}."}}}}'.encode()),
    ]
    client = Client(SLASHED_KEY, server(answers).url)
    (page,) = client.pages(COSTS, {}, stored)  # type: ignore[type-var]
    assert page.text == r'{"name": "caf\u00e9 100%, [the key]."}'
    assert "Wrong: [the key]." in failure(client).message


def test_the_client_does_not_show_its_key(server: Serve) -> None:
    client = Client(KEY, server([page()]).url)
    buckets(client)
    session = client._session
    assert KEY not in f"{client!r} {client} {session!r} {session.auth!r} {session.headers!r}"


def test_a_credential_in_netrc_does_not_replace_the_key(
    server: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    api = server([page("day")])
    assert buckets(Client(KEY, api.url)) == ["day"]
    assert api.requests[0].headers["Authorization"] == f"Bearer {KEY}"


def with_proxy(monkeypatch: pytest.MonkeyPatch, proxy: Server) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.server_port}")
        monkeypatch.setenv(name.upper(), f"http://127.0.0.1:{proxy.server_port}")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_proxy_does_not_see_requests_to_this_machine(
    server: Serve, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    proxy = server(lambda _: page("of the proxy"))
    with_proxy(monkeypatch, proxy)
    api = server([page("day")])
    assert buckets(Client(KEY, f"http://{host}:{api.server_port}/v1")) == ["day"]
    assert proxy.requests == []


def test_a_proxy_to_other_hosts_is_used_and_does_not_see_the_key(
    server: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = server(lambda _: (403, {}, b""))
    with_proxy(monkeypatch, proxy)
    failure(Client(KEY, "https://api.example/v1", max_wait_seconds=0))
    (request,) = proxy.requests
    assert (request.verb, request.target) == ("CONNECT", "api.example:443")
    assert KEY not in str(request)


def test_a_server_without_tls_gets_no_key_and_no_second_try(
    server: Serve, waits: list[float]
) -> None:
    api = server([page("day")])
    failure(Client(KEY, f"https://127.0.0.1:{api.server_port}/v1"))
    assert api.requests == []
    assert waits == []


# Invalid keys and addresses


@pytest.mark.parametrize(
    "key",
    [
        "",
        "sk-0rdinary",
        "sk-proj-0rdinary",
        "sk-svcacct-0rdinary",
        "Bearer sk-admin-abc",
        "SK-ADMIN-abc",
        "sk-admin-abc def",
        "sk-admin-abc\tdef",
        "sk-admin-abc\r\nX-Other: def",
        "sk-admin-abc\x00",
        "sk-admin-abc\x7f",
        "sk-admin-äbc",
        "sk-admin-abc\u200b",
        "sk-admin-abc…",
    ],
)
def test_a_key_that_cannot_be_an_admin_key_is_wrong_use(server: Serve, key: str) -> None:
    api = server(lambda _: page())
    with pytest.raises(OpenAICostsError, match="sk-admin-") as raised:
        Client(key, api.url)
    assert raised.value.is_wrong_use
    assert not key or key not in str(raised.value)
    assert api.requests == []


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://",
        "https:///v1",
        "api.openai.com/v1",
        "http://api.openai.com/v1",
        "http://10.0.0.1/v1",
        "http://0.0.0.0/v1",
        "http://127.0.0.1.elsewhere.example/v1",
        "http://localhost.elsewhere.example/v1",
        "http://127.0.0.1@elsewhere.example/v1",
        "http://127.999.1.1/v1",
        "http://127.1/v1",
        "http://0177.0.0.1/v1",
        "http://[::ffff:127.0.0.1]/v1",
        "https://someone:pa55@api.openai.com/v1",
        "http://someone@127.0.0.1/v1",
        "ftp://127.0.0.1/v1",
        "file:///etc/hosts",
    ],
)
def test_an_address_that_would_expose_the_key_is_wrong_use(url: str) -> None:
    with pytest.raises(OpenAICostsError, match="base URL") as raised:
        Client(KEY, url)
    assert raised.value.is_wrong_use
    assert "pa55" not in str(raised.value)
    assert KEY not in str(raised.value)


@pytest.mark.parametrize("url", ["https://:pa55@api.example/v1", "http://:pa55@127.0.0.1/v1"])
def test_an_address_with_only_a_password_is_wrong_use(url: str) -> None:
    with pytest.raises(OpenAICostsError) as raised:
        Client(KEY, url)
    assert raised.value.is_wrong_use


@pytest.mark.parametrize(
    "url", ["https://[api.example/v1", "https://api.example:port/v1", "https://api example/v1"]
)
def test_an_invalid_address_is_wrong_use(url: str) -> None:
    with pytest.raises(OpenAICostsError) as raised:
        Client(KEY, url)
    assert raised.value.is_wrong_use


@pytest.mark.parametrize(
    "url",
    [
        "https://api.openai.com/v1",
        "https://gateway.example:8443/openai/v1/",
        "http://localhost:8000/v1",
        "http://127.0.0.1:8000",
        "http://[::1]:8000/v1",
    ],
)
def test_https_and_loopback_addresses_are_accepted(url: str) -> None:
    Client(KEY, url)


@pytest.mark.parametrize(
    ("path", "requested"),
    [
        ("", "/v1/organization/costs"),
        ("/", "/v1/organization/costs"),
        ("/v1", "/v1/organization/costs"),
        ("/v1/", "/v1/organization/costs"),
        ("/gateway/v2/", "/gateway/v2/organization/costs"),
    ],
)
def test_the_address_may_have_no_version_or_end_in_a_slash(
    server: Serve, path: str, requested: str
) -> None:
    api = server([page()])
    buckets(Client(KEY, f"http://127.0.0.1:{api.server_port}{path}"))
    assert api.requests[0].path == requested
