"""What was used: the kinds of usage that OpenAI tells, and a page of one as Arrow rows.

Pure, like `rows`. The words are OpenAI's, as published for `GET /v1/organization/usage/{kind}` and,
for decisions, the sources of use and the cache's two lifetimes, in the openai SDK 3.51.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from openai_costs_source.api.pages import QUANTITY, Page, read_page
from openai_costs_source.extract.rows import INSTANT, dated_rows

DAYS_PER_PAGE = 31
"""The most that the API gives."""

_WHOM = ("project_id", "user_id", "api_key_id")
_BY_MODEL = (*_WHOM, "model")
_OF_TOKENS = (*_BY_MODEL, "batch", "service_tier", "api_source")
_TOKENS = (
    "input_tokens",  # All of them: the cached ones and those written to the cache, too.
    "output_tokens",
    "input_uncached_tokens",
    "input_cached_tokens",
    "input_cache_write_tokens",
    "input_cache_write_30m_tokens",
    "input_cache_write_12h_tokens",
    "input_text_tokens",
    "input_cached_text_tokens",
    "output_text_tokens",
    "input_audio_tokens",
    "input_cached_audio_tokens",
    "output_audio_tokens",
    "input_image_tokens",
    "input_cached_image_tokens",
    "output_image_tokens",
    "num_model_requests",
)


@dataclass(frozen=True)
class Kind:
    """A kind of usage: what it can be grouped by, and what is counted."""

    name: str
    dimensions: tuple[str, ...]
    measures: tuple[str, ...]

    @property
    def table(self) -> str:
        return f"usage_{self.name}"

    @property
    def path(self) -> str:
        return f"/organization/usage/{self.name}"

    @property
    def schema(self) -> pa.Schema:
        """One row per result of the API. `date` is the bucket's UTC day."""
        return pa.schema(
            [
                ("organization_id", pa.string()),
                ("bucket_start", INSTANT),
                ("bucket_end", INSTANT),
                ("date", pa.date32()),
                *self._told(),
                ("grouped_by", pa.string()),
                ("loaded_at", INSTANT),
            ]
        )

    def read(self, body: bytes) -> Page:
        """A page of this kind; ValueError where it is none."""
        return read_page(body, pa.struct(self._told()))

    def _told(self) -> list[tuple[str, pa.DataType]]:
        return [(name, _TYPES.get(name, pa.string())) for name in self.dimensions] + [
            (name, _TYPES.get(name, pa.int64())) for name in self.measures
        ]


_TYPES = {"batch": pa.bool_(), "seconds": QUANTITY}

KINDS = (
    Kind("completions", _OF_TOKENS, _TOKENS),
    Kind("decisions", _OF_TOKENS, _TOKENS),
    Kind("embeddings", _BY_MODEL, ("input_tokens", "num_model_requests")),
    Kind("moderations", _BY_MODEL, ("input_tokens", "num_model_requests")),
    Kind("images", (*_BY_MODEL, "size", "source"), ("images", "num_model_requests")),
    Kind("audio_speeches", _BY_MODEL, ("characters", "num_model_requests")),
    Kind("audio_transcriptions", _BY_MODEL, ("seconds", "num_model_requests")),
    Kind("vector_stores", ("project_id",), ("usage_bytes",)),
    Kind("code_interpreter_sessions", ("project_id",), ("num_sessions",)),
    Kind("file_search_calls", (*_WHOM, "vector_store_id"), ("num_requests",)),
    Kind(
        "web_search_calls",
        (*_BY_MODEL, "context_level", "api_source"),
        ("num_requests", "num_model_requests"),
    ),
)
"""All that OpenAI tells. A page of completions holds GPT Image and the Responses API too."""

USAGE_DAYS = pa.schema(
    [
        ("organization_id", pa.string()),
        ("kind", pa.string()),
        ("date", pa.date32()),
        ("loaded_at", INSTANT),
        ("is_closed", pa.bool_()),
        ("grouped_by", pa.string()),
        ("row_count", pa.int64()),
    ]
)
"""The ledger of usage: one row per organization, kind and day that was loaded, even when it held
nothing."""


def usage_rows(
    kind: Kind, page: Page, organization_id: str, grouped_by: Sequence[str], loaded_at: datetime
) -> pa.Table:
    """The page as rows of the kind's schema."""
    return dated_rows(page, organization_id, grouped_by, loaded_at, kind.schema)


def usage_day_rows(
    kind: Kind, page: Page, organization_id: str, grouped_by: Sequence[str], loaded_at: datetime
) -> pa.Table:
    """The page's days as rows of the ledger `USAGE_DAYS`; a day that is not over is not closed."""
    days = [
        {
            "organization_id": organization_id,
            "kind": kind.name,
            "date": bucket.day,
            "loaded_at": loaded_at,
            "is_closed": bucket.day < loaded_at.date(),
            "grouped_by": ",".join(grouped_by),
            "row_count": bucket.size,
        }
        for bucket in page.buckets
    ]
    return pa.Table.from_pylist(days, schema=USAGE_DAYS)
