"""A large organization behind OpenAI's administration API, served from memory on loopback.

    python benchmarks/organization.py --rows 1000000 --days 365

prints its URL and serves until its standard input ends. The days are rendered beforehand, so that
benchmarks measure the client. The server implements what clients rely on: pages of at most 180 or
31 days, page tokens, a first day of the history. The simulator of the tests implements the rest.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

ORGANIZATION = "org-benchmark"
ONE_DAY = timedelta(days=1)
MODELS = {
    # Billionths of a dollar per token of input, cached input and output.
    "gpt-5.6-sol": (1987, 198, 11923),
    "gpt-5.6-luna": (547, 54, 3449),
    "gpt-5.4-2026-03-05": (2503, 251, 15017),
    "gpt-5-mini-2025-08-07": (251, 25, 2003),
    "gpt-4.1-2025-04-14": (2003, 499, 8009),
}
METERS = ("input", "cached input", "output")
COST, USAGE = "/organization/costs", "/organization/usage/"


@dataclass
class Day:
    """One UTC day: the results of its buckets as JSON, by endpoint, and its total cost."""

    cost_results: bytes
    completion_results: bytes
    total: Decimal
    rows: int


@dataclass
class Organization:
    """`rows` cost rows over `days` days that end today, and a third as many rows of usage.

    If `recent_rows` is given, each of the last `recent_days` has that many rows.
    """

    rows: int
    days: int
    recent_days: int = 0
    recent_rows: int = 0
    today: date = field(default_factory=lambda: datetime.now(UTC).date())

    def __post_init__(self) -> None:
        chance = random.Random(self.rows)
        heads = _heads(chance)
        self.first_day = self.today - ONE_DAY * (self.days - 1)
        older = self.days - self.recent_days
        left = self.rows
        self.by_day: dict[date, Day] = {}
        for n in range(self.days):
            recent = n >= older and self.recent_rows > 0
            size = self.recent_rows if recent else round(left / max(older - n, 1))
            left -= 0 if recent else size
            self.by_day[self.first_day + ONE_DAY * n] = _day(
                chance, heads, size, as_text=n % 3 == 0
            )

    def results(self, path: str, day: date, grouped: bool) -> bytes:
        rendered = self.by_day.get(day)
        if rendered and path == COST:
            return rendered.cost_results if grouped else _ungrouped(rendered.total)
        return rendered.completion_results if rendered and path == f"{USAGE}completions" else b""


def _heads(chance: random.Random) -> list[tuple[bytes, bytes, str]]:
    """Return the beginnings of a cost result and a usage result, and the model, for each key."""
    heads = []
    for n in range(4000):
        model = list(MODELS)[n % len(MODELS)]
        project = f"proj_{n % 40:04d}"
        user = f"user-{chance.randrange(300):05d}"
        owner = {
            "project_id": project,
            "user_id": user,
            "api_key_id": f"key_{n:05d}",
        }
        cost = {
            "object": "organization.costs.result",
            **owner,
            "project_name": f"Project {n % 40}",
            "organization_id": ORGANIZATION,
            "organization_name": "Benchmark",
        }
        used = {"object": "organization.usage.completions.result", **owner, "model": model}
        heads.append((json.dumps(cost)[:-1].encode(), json.dumps(used)[:-1].encode(), model))
    return heads


def _day(
    chance: random.Random, heads: list[tuple[bytes, bytes, str]], size: int, as_text: bool
) -> Day:
    costs, used, total = [], [], 0
    first = chance.randrange(len(heads))
    quote = b'"' if as_text else b""
    for n in range(0, size, len(METERS)):
        cost_head, used_head, model = heads[(first + n // len(METERS)) % len(heads)]
        tokens = [chance.randrange(1_000, 9_000_000) for _ in METERS]
        for meter, count, price in list(zip(METERS, tokens, MODELS[model], strict=True))[
            : size - n
        ]:
            # 18 decimals, as many as live amounts have.
            amount = count * price * 1_000_000_000 + count
            total += amount
            whole, decimals = divmod(amount, 10**18)
            costs.append(
                b'%b, "line_item": "%b, %b", "amount": {"value": %b%d.%018d%b, "currency": "usd"}, '
                b'"quantity": %d, "quantity_unit": "tokens"}'
                % (
                    cost_head,
                    model.encode(),
                    meter.encode(),
                    quote,
                    whole,
                    decimals,
                    quote,
                    count,
                )
            )
        uncached, cached, output = [*tokens, 0, 0][:3]
        billed = size - n
        cached, output = cached if billed > 1 else 0, output if billed > 2 else 0
        used.append(
            b'%b, "batch": false, "service_tier": "default", "input_tokens": %d, '
            b'"input_cached_tokens": %d, "output_tokens": %d, "num_model_requests": %d}'
            % (used_head, uncached + cached, cached, output, 1 + output // 700)
        )
    amount = Decimal(total).scaleb(-18)
    return Day(b", ".join(costs), b", ".join(used), amount, len(costs))


def _ungrouped(total: Decimal) -> bytes:
    return (
        f'{{"object": "organization.costs.result", "organization_id": "{ORGANIZATION}", '
        f'"organization_name": "Benchmark", "amount": {{"value": {total:f}, "currency": "usd"}}}}'
    ).encode()


def _names(path: str) -> list[dict[str, object]]:
    if path == "/organization/projects":
        return [
            {"id": f"proj_{n:04d}", "name": f"Project {n}", "status": "active", "created_at": 1}
            for n in range(3)
        ]
    if path == "/organization/users":
        return [
            {"id": f"user-{n:05d}", "name": f"Person {n}", "role": "reader", "added_at": 1}
            for n in range(90)
        ]
    return []


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    organization: Organization

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        path, query = parts.path.removeprefix("/v1"), parse_qs(parts.query)
        if path == COST or path.startswith(USAGE):
            self._send(*self._buckets(path, query))
        elif path.endswith("/spend_limit"):
            self._send(404, b'{"error": {"message": "No hard spend limit is set."}}')
        else:
            listed = {"object": "list", "data": _names(path), "has_more": False}
            self._send(200, json.dumps(listed).encode())

    def _buckets(self, path: str, query: dict[str, list[str]]) -> tuple[int, bytes]:
        start, end = (
            datetime.fromtimestamp(int(query[name][0]), UTC).date()
            for name in ("start_time", "end_time")
        )
        if start < (first := self.organization.first_day):
            message = (
                "Usage and cost data are available for the past year. "
                f"Earliest supported start date: {first} (UTC)."
            )
            refusal = {"message": message, "code": "reporting_lookback_exceeded"}
            return 400, json.dumps({"error": refusal}).encode()
        return 200, b"".join(self._page(path, query, start, end))

    def _page(
        self, path: str, query: dict[str, list[str]], start: date, end: date
    ) -> Iterator[bytes]:
        largest_limit = 180 if path == COST else 31
        limit = min(int(query.get("limit", ["7"])[0]), largest_limit)
        grouped = "group_by" in query or "group_by[]" in query
        page_from = start + ONE_DAY * int(query.get("page", ["0"])[0])
        until = min(page_from + ONE_DAY * limit, end)
        yield b'{"object": "page", "data": ['
        for n in range(max((until - page_from).days, 0)):
            day = page_from + ONE_DAY * n
            midnight = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
            yield b'%b{"object": "bucket", "start_time": %d, "end_time": %d, "results": [' % (
                b", " if n else b"",
                midnight,
                midnight + 86400,
            )
            yield self.organization.results(path, day, grouped)
            yield b"]}"
        has_more = until < end
        token = f'"{(until - start).days}"' if has_more else "null"
        yield f'], "has_more": {str(has_more).lower()}, "next_page": {token}}}'.encode()

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("openai-organization", ORGANIZATION)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--rows", "--days", "--recent-days", "--recent-rows"):
        parser.add_argument(name, type=int, default=0)
    organization = Organization(**vars(parser.parse_args()))
    handler = type("Handler", (_Handler,), {"organization": organization})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_port}/v1", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
