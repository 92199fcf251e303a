"""Replies without end, proxies and certificates, from the command line: one clear error each."""

import gzip
import json
import re
import time
from contextlib import contextmanager
from threading import Thread

import pytest
from running import run_pipeline
from test_client import Handler, Server, refusal

from openai_costs_source.api import network
from openai_costs_source.simulator import failure_modes
from openai_costs_source.simulator.api import DEMO_ADMIN_KEY, SimulatedApi
from openai_costs_source.simulator.server import Reply

DAY = 86_400
ANOTHER_HOST = "https://api.example/v1"
"""No request leaves the machine: a proxy refuses it, or a setting stops it."""


@contextmanager
def serving(answer):
    server = Server(answer)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def load(folder, url, **environment):
    """The exit code of a load without retries, and its last message."""
    environment = {
        "OPENAI_ADMIN_KEY": DEMO_ADMIN_KEY,
        "SOURCES__OPENAI_COSTS__MAX_WAIT_SECONDS": "0",
        **environment,
    }
    result = run_pipeline("load", cwd=folder, OPENAI_BASE_URL=url, **environment)
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    assert [*folder.glob("*.duckdb*")] == []
    return result.returncode, result.stderr.splitlines()[-1]


def page(request, next_page=None):
    """The requested days, without costs."""
    query = dict(request.query)
    days = range(int(query["start_time"]), int(query["end_time"]), DAY)
    data = [{"start_time": day, "end_time": day + DAY, "results": []} for day in days]
    body = {"object": "page", "data": data, "has_more": bool(next_page), "next_page": next_page}
    return 200, {}, json.dumps(body).encode()


# Bounds


class Slowly(Handler):
    """Answers one byte every 50 ms, in the part of a reply that the server's `slow` names."""

    def reply(self):
        if self.server.slow == "headers":
            return self.send(b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 1_000)
        self.send_response_only(200)
        if self.server.slow == "gzip":
            # The name of the compressed file, which decompresses to nothing.
            self.send_header("Content-Encoding", "gzip")
            self.end_headers()
            return self.send(b"\x1f\x8b\x08\x08\0\0\0\0\0\x03" + b"x" * 1_000)
        self.end_headers()
        return self.send(b" " * 1_000)

    def send(self, reply):
        self.close_connection = True
        for byte in reply:
            self.wfile.write(bytes([byte]))
            time.sleep(0.05)

    do_GET = reply


@pytest.mark.parametrize("slow", ["headers", "gzip", "body"])
def test_reply_that_arrives_byte_by_byte_ends_in_an_error(slow, tmp_path, monkeypatch):
    monkeypatch.setattr(network, "REPLY_SECONDS", 0.3)
    with serving([]) as server:
        server.RequestHandlerClass, server.slow = Slowly, slow
        began = time.monotonic()
        exit_code, message = load(tmp_path, server.url)
    assert time.monotonic() - began < 20
    assert exit_code == 1
    assert "OpenAI's /organization/costs did not complete its reply at 127.0.0.1" in message
    assert "within 0.3 s" in message


def test_small_reply_that_unpacks_into_a_large_one_is_an_error(tmp_path):
    packed = gzip.compress(b" " * 1_000_000) * 300
    assert len(packed) < 400_000
    with serving(lambda request: (200, {"Content-Encoding": "gzip"}, packed)) as server:
        exit_code, message = load(tmp_path, server.url)
    assert exit_code == 1
    assert "OpenAI's /organization/costs sent more than 250 MB in one reply." in message


def test_pages_that_repeat_a_day_under_new_tokens_are_an_error(tmp_path):
    def answer(request):
        assert len(server.requests) < 100, "the load does not end"
        return page(request, next_page=f"token {len(server.requests)}")

    with serving(answer) as server:
        exit_code, message = load(tmp_path, server.url)
    assert exit_code == 1
    assert re.search("/costs gave a wrong reply: it returns [0-9-]{10} twice[.]$", message)
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("size", "sentence", "requests"),
    [
        (70_000, "listed more than 200,000 objects.", 3),
        (0, "announced more objects but listed no further ones.", 1),
    ],
)
def test_listing_without_end_is_an_error(
    size, sentence, requests, organization, tmp_path, monkeypatch
):
    def endless(request, reply):
        if not request.path.endswith("/organization/users"):
            return reply
        objects = [{"id": f"user-{request.number}-{n}"} for n in range(size)]
        last = f"user-{request.number}"
        body = {"object": "list", "data": objects, "has_more": True, "last_id": last}
        return Reply(200, json.dumps(body), {"Content-Type": "application/json"})

    monkeypatch.setitem(failure_modes.FAILURE_MODES, "endless", endless)
    with SimulatedApi(organization, failure_modes=["endless"]) as api:
        settings = {"OPENAI_ADMIN_KEY": DEMO_ADMIN_KEY, "OPENAI_BASE_URL": api.base_url}
        result = run_pipeline("load", "--since", organization.today, cwd=tmp_path, **settings)
        users = [path for _, path, _ in api.requests if path.endswith("/organization/users")]
    assert result.returncode == 1
    assert f"OpenAI's /organization/users {sentence}" in result.stderr
    assert len(users) == requests


# Replies that break the rules of HTTP


def test_dates_that_no_calendar_has_are_ignored(tmp_path):
    absurd = "Mon, 01 Jan 2024 00:00:00 +99999999999999999"
    busy = refusal(503, "Down.", Retry_After=absurd, Date=absurd)
    with serving(lambda request: busy) as server:
        exit_code, message = load(tmp_path, server.url)
    assert exit_code == 1
    assert "refused with 503: Down." in message


def test_endless_sentence_of_an_error_is_cut(tmp_path):
    with serving(lambda request: refusal(400, "x" * 3_000_000)) as server:
        exit_code, message = load(tmp_path, server.url)
    assert exit_code == 1
    assert "refused with 400: xxx" in message
    assert len(message) < 2_000


def test_error_in_a_reply_without_an_error_status_is_shown_in_openais_words(tmp_path):
    error = json.dumps({"error": {"message": "Your account is locked."}}).encode()
    with serving(lambda request: (200, {}, error)) as server:
        exit_code, message = load(tmp_path, server.url)
    assert exit_code == 1
    assert message.endswith(
        "OpenAI's /organization/costs returned an error: Your account is locked."
    )


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ((200, {"Content-Encoding": "gzip"}, b"not compressed"), "that cannot be unpacked"),
        ((200, {"Content-Length": "1000"}, b"{"), "broke off its reply at 127.0.0.1"),
    ],
)
def test_damaged_reply_is_not_taken_for_no_answer(answer, sentence, tmp_path):
    with serving(lambda request: answer) as server:
        exit_code, message = load(tmp_path, server.url)
    assert exit_code == 1
    assert sentence in message


# Proxies and certificates


@pytest.mark.parametrize(
    ("status", "remedy"),
    [(407, "set HTTPS_PROXY to http://USER:PASSWORD@HOST:PORT."), (403, "Let the proxy pass")],
)
def test_proxy_that_refuses_is_named_with_a_remedy_and_not_tried_again(status, remedy, tmp_path):
    with serving(lambda request: refusal(status, "")) as proxy:
        address = f"127.0.0.1:{proxy.server_port}"
        exit_code, message = load(
            tmp_path,
            ANOTHER_HOST,
            HTTPS_PROXY=f"http://somebody:pa55@{address}",
            NO_PROXY="",
            SOURCES__OPENAI_COSTS__MAX_WAIT_SECONDS="600",
        )
    assert exit_code == 1
    assert f"was not reached: the proxy {address} refused with {status}" in message
    assert remedy in message
    assert "pa55" not in message
    assert len(proxy.requests) == 1


@pytest.mark.parametrize("proxy", ["http://:::", "socks5://127.0.0.1:9"])
def test_proxy_that_cannot_be_used_is_wrong_use(proxy, tmp_path):
    exit_code, message = load(tmp_path, ANOTHER_HOST, HTTPS_PROXY=proxy, NO_PROXY="")
    assert exit_code == 2
    assert "Set HTTPS_PROXY to an address such as http://HOST:PORT" in message


def test_file_of_certificates_that_cannot_be_used_is_wrong_use(tmp_path):
    (tmp_path / "empty.pem").write_text("no certificate\n")
    with serving(lambda request: (200, {}, b"")) as proxy:
        through = {"HTTPS_PROXY": f"http://127.0.0.1:{proxy.server_port}", "NO_PROXY": ""}
        for file in ("missing.pem", "empty.pem"):
            exit_code, message = load(
                tmp_path, ANOTHER_HOST, REQUESTS_CA_BUNDLE=str(tmp_path / file), **through
            )
            assert exit_code == 2
            assert "Correct REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE" in message
