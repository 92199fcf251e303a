"""Serves a recording on 127.0.0.1, as the API of the organization that it was made from.

    with RecordedApi(folder) as api:
        openai_costs(REPLAY_KEY, api.base_url, now=api.now, max_wait_seconds=0, **api.settings)

A load with these arguments sends the recorded requests.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from openai_costs_source.api.pages import DAY_SECONDS
from openai_costs_source.errors import OpenAICostsError
from openai_costs_source.recording.anonymize import request_key
from openai_costs_source.recording.record import FORMAT, INDEX, LOAD_SETTINGS
from openai_costs_source.simulator.server import Reply, Server

REPLAY_KEY = "sk-admin-replay"
_REPLAYED_HEADERS = ("content-type", "location", "openai-organization")
_RETRIED = (404, 429, *range(500, 600))


@dataclass(frozen=True)
class _Recorded:
    """A recorded reply; `body` reads it from its file."""

    file: Path
    request: str
    status: int
    headers: Mapping[str, str]

    @property
    def body(self) -> str:
        text = self.file.read_bytes().decode(errors="surrogateescape")
        return text.partition("\n\n")[2]

    @property
    def parameters(self) -> dict[str, list[str]]:
        values: dict[str, list[str]] = {}
        for name, value in parse_qsl(urlsplit(self.request).query):
            values.setdefault(name.removesuffix("[]"), []).append(value)
        return values


class RecordedApi:
    """The API of a recording, served while in the `with` block.

    `name` is the folder's name and a hash of the recording, for its warehouse. `now` is the time of
    the recording, and `settings` are those of the source that its load had.

    A request gets its recorded replies in their order; the last one is repeated. A reply after
    which the recorded load tried again is skipped, so that no replay waits. Days that were recorded
    in other requests, with the same grouping, are returned too: a second load requests fewer days.

    Raises OpenAICostsError (wrong use) if the folder is not a complete recording.
    """

    base_url: str

    def __init__(self, folder: Path) -> None:
        try:
            text = (folder / INDEX).read_text(encoding="utf-8")
            index = json.loads(text)
            if index["format"] != FORMAT:
                raise _unusable(folder, "another version of this project made it")
            self.now = datetime.fromisoformat(index["recorded_at"])
            settings: dict[str, Any] = dict(index["settings"])
            self.settings = {name: settings[name] for name in LOAD_SETTINGS if name in settings}
            recorded = [_read(file) for file in sorted(folder.glob("[0-9]*.txt"))]
            missing = index["replies"] - len(recorded)
        except FileNotFoundError:
            raise _unusable(folder, f"it has no {INDEX}, or was interrupted") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise _unusable(folder, f"it cannot be read ({error})") from None
        if missing:
            raise _unusable(folder, f"it has {len(recorded)} of {index['replies']} replies")
        word = re.sub(r"\W+", "_", folder.resolve().name, flags=re.ASCII)[:40]
        # The index has the time of the recording, to the microsecond.
        self.name = f"{word}_{hashlib.sha256(text.encode()).hexdigest()[:8]}"
        self._replies: dict[str, list[_Recorded]] = {}
        self._buckets: dict[str, dict[int, str]] = {}
        for reply in recorded:
            self._replies.setdefault(reply.request, []).append(reply)
        for request, replies in self._replies.items():
            *earlier, last = replies
            kept = [reply for reply in earlier if reply.status not in _RETRIED]
            self._replies[request] = [*kept, last]

    def __enter__(self) -> Self:
        self._sent: dict[str, int] = {}
        self._server = Server(self._reply)
        self.base_url = f"http://127.0.0.1:{self._server.port}/v1"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()

    def _reply(self, method: str, target: str, authorization: str) -> Reply:
        url = urlsplit(target)
        path = url.path.removeprefix("/v1")
        request = request_key(path, parse_qsl(url.query, keep_blank_values=True))
        if replies := self._replies.get(request):
            number = self._sent.get(request, 0)
            self._sent[request] = number + 1
            return _served(replies[min(number, len(replies) - 1)])
        return self._from_other_requests(path, request) or _not_recorded(request)

    def _from_other_requests(self, path: str, request: str) -> Reply | None:
        """The days of a request that were recorded in others, or the refusal of earlier days."""
        wanted = _Recorded(Path(), request, 0, {}).parameters
        if not {"start_time", "end_time"} <= wanted.keys() or "page" in wanted:
            return None
        grouping = sorted(wanted.get("group_by", []))
        similar = [
            replies[-1]
            for other, replies in self._replies.items()
            if urlsplit(other).path == path
            and sorted(replies[-1].parameters.get("group_by", [])) == grouping
        ]
        key = f"{path} {grouping}"
        if key not in self._buckets:
            pages = [reply for reply in similar if reply.status == 200]
            pages.sort(key=lambda reply: reply.file)
            self._buckets[key] = {
                start: text for reply in pages for start, text in _buckets(reply.body)
            }
        buckets = self._buckets[key]
        start, end = (int(wanted[name][0]) for name in ("start_time", "end_time"))
        days = range(start, end, DAY_SECONDS)
        # Today's bucket may be missing.
        if all(day in buckets for day in days if day + DAY_SECONDS <= self.now.timestamp()):
            data = ", ".join(buckets[day] for day in days if day in buckets)
            body = f'{{"object": "page", "has_more": false, "next_page": null, "data": [{data}]}}'
            headers = next((reply.headers for reply in similar if reply.status == 200), {})
            return Reply(200, body, _replayed(headers))
        if start < min(buckets, default=end):
            return next((_served(reply) for reply in similar if reply.status == 400), None)
        return None


def _read(file: Path) -> _Recorded:
    """A recorded reply. Raises ValueError if the file is not one."""
    with file.open(encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
        request, status, *headers = itertools.takewhile(bool, (line.rstrip("\n") for line in lines))
    method, _, target = request.partition(" ")
    if method != "GET":
        raise ValueError(f"{file.name} does not begin with GET")
    pairs = (header.partition(": ") for header in headers)
    return _Recorded(file, target, int(status), {name: value for name, _, value in pairs})


def _buckets(body: str) -> Iterator[tuple[int, str]]:
    """The start of each bucket of a page, and its text; nothing if the body is not a page."""
    decoder = json.JSONDecoder()
    position = body.find("[", body.find('"data"')) + 1
    try:
        while body[position] != "]":
            if body[position] in ", \t\r\n":
                position += 1
                continue
            bucket, end = decoder.raw_decode(body, position)
            yield bucket["start_time"], body[position:end]
            position = end
    except (ValueError, IndexError, KeyError, TypeError):
        return


def _served(recorded: _Recorded) -> Reply:
    return Reply(recorded.status, recorded.body, _replayed(recorded.headers))


def _replayed(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name in _REPLAYED_HEADERS}


def _not_recorded(request: str) -> Reply:
    message = f"The recording has no reply to {request}"
    error = {"message": message, "type": "replay", "param": None, "code": "not_recorded"}
    # The client neither repeats a request with this status nor goes on without its reply.
    return Reply(422, json.dumps({"error": error}), {"content-type": "application/json"})


def _unusable(folder: Path, reason: str) -> OpenAICostsError:
    return OpenAICostsError(
        f"{folder} is not a complete recording: {reason}.",
        "Name a folder that check --record has filled.",
        is_wrong_use=True,
    )
