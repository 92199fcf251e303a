"""Writes each reply of the API to a folder as a text file, without private values."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

from openai_costs_source.api.client import Exchange
from openai_costs_source.api.date_ranges import GROUP_BY
from openai_costs_source.errors import OpenAICostsError
from openai_costs_source.recording.anonymize import SENTENCES, Anonymizer
from openai_costs_source.recording.page import page
from openai_costs_source.settings import REFETCH_DAYS

FORMAT = 1
INDEX = "recording.json"
"""The file that only a complete recording has: when it was recorded, and with which settings."""

LOAD_SETTINGS: Mapping[str, Any] = MappingProxyType(
    {
        "start_date": "",
        "refetch_days": REFETCH_DAYS,
        "group_by": ",".join(GROUP_BY),
        "keep_months": 0,
    }
)
"""The settings of the source that decide what a load requests, and their defaults."""

_SENTENCE = re.compile(rf'"(?:{"|".join(SENTENCES)})"\s*:[\s\[]*"'.encode())


class Recorder:
    """Records the replies that it is called with; `finish` completes the recording.

    If its `with` block ends before, what was written is removed. `folder` must be empty or missing:
    raises OpenAICostsError (wrong use) if it is not, and OSError if it cannot be written to.
    `settings` are the load's, by the names in `LOAD_SETTINGS`.

    A body is changed before it is written, so that no private value is ever in the folder. Replies
    with sentences, such as refusals, are written last: names in them may be known only from later
    replies.
    """

    def __init__(
        self,
        folder: Path,
        now: datetime,
        settings: Mapping[str, Any],
        anonymizer: Anonymizer | None = None,
    ) -> None:
        self._is_new_folder = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise OpenAICostsError(f"{folder} is not empty: name a new folder.", is_wrong_use=True)
        self.folder, self.now, self.settings = folder, now, {**LOAD_SETTINGS, **settings}
        self.anonymizer = anonymizer or Anonymizer()
        self.replies = 0
        self._with_sentences: list[tuple[int, Exchange]] = []
        self._lock = threading.Lock()
        self._files: list[Path] = []
        self._is_closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            for file in self._files:
                file.unlink(missing_ok=True)
            if self._is_new_folder:
                self.folder.rmdir()

    def __call__(self, exchange: Exchange) -> None:
        with self._lock:
            # A thread of a load that ended may still read a reply.
            if self._is_closed:
                return
            self.replies += 1
            if exchange.status == 200 and not _SENTENCE.search(exchange.body):
                self._write_reply(self.replies, exchange)
            else:
                self._with_sentences.append((self.replies, exchange))

    def finish(self, error: str | None = None) -> None:
        """Write the replies with sentences, the page that describes the recording, and its index.

        `error` is the message that the load ended with.
        """
        with self._lock:
            # They may contain names too: first, make all of these known.
            draft = Anonymizer(self.anonymizer.factor, self.anonymizer.pseudonyms)
            for _, exchange in self._with_sentences:
                draft.body(_text(exchange))
            for number, exchange in self._with_sentences:
                self._write_reply(number, exchange)
            error = self.anonymizer.sentence(error) if error else None
            unknown, kept = self.anonymizer.unknown_fields, self.anonymizer.kept
            description = page(self.now.date(), self.replies, error, unknown, kept)
            self._write("README.md", description)
            index = {
                "format": FORMAT,
                "recorded_at": self.now.isoformat(),
                "settings": self.settings,
                "replies": self.replies,
                "error": error,
            }
            self._write(INDEX, json.dumps(index, indent=2, default=str) + "\n")
            self._is_closed = True

    def _write_reply(self, number: int, exchange: Exchange) -> None:
        request = self.anonymizer.request(exchange.path, exchange.query)
        headers = self.anonymizer.headers(exchange.headers)
        body = self.anonymizer.body(_text(exchange))
        lines = [f"GET {request}", str(exchange.status)]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self._write(f"{number:05}.txt", "\n".join([*lines, "", body]))

    def _write(self, name: str, text: str) -> None:
        file = self.folder / name
        self._files.append(file)
        # Surrogates stand for bytes that are not UTF-8.
        file.write_bytes(text.encode(errors="surrogateescape"))


def _text(exchange: Exchange) -> str:
    return exchange.body.decode(errors="surrogateescape")
