"""The kinds of usage that the API returns: path, dimensions and measures of each.

The names are OpenAI's, as published for `GET /v1/organization/usage/{kind}`. The kind `decisions`,
the dimension `api_source` and cache writes by lifetime (30m, 12h) are from the openai SDK 3.51.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import pyarrow as pa

from openai_costs_source.api.date_ranges import DIMENSIONS
from openai_costs_source.api.pages import QUANTITY, Page, read_page

_KEY = ("project_id", "user_id", "api_key_id")
_MODEL = (*_KEY, "model")
_TOKEN_DIMENSIONS = (*_MODEL, "batch", "service_tier", "api_source")
_TOKENS = (
    "input_tokens",  # All input tokens, including those read from and written to the cache.
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
_TYPES = {"batch": pa.bool_(), "seconds": QUANTITY}


@dataclass(frozen=True)
class UsageKind:
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

    def group_by(self, setting: Collection[str]) -> tuple[str, ...]:
        """The dimensions to request: those of costs only if the setting `group_by` has them."""
        return tuple(name for name in self.dimensions if name in setting or name not in DIMENSIONS)

    @property
    def columns(self) -> list[tuple[str, pa.DataType]]:
        """The fields of a result, with their types."""
        dimensions = [(name, _TYPES.get(name, pa.string())) for name in self.dimensions]
        return dimensions + [(name, _TYPES.get(name, pa.int64())) for name in self.measures]

    def read(self, body: bytes) -> Page:
        """A page of this kind. Raises ValueError if the reply is not such a page."""
        return read_page(body, pa.struct(self.columns))


USAGE_KINDS = (
    UsageKind("completions", _TOKEN_DIMENSIONS, _TOKENS),
    UsageKind("decisions", _TOKEN_DIMENSIONS, _TOKENS),
    UsageKind("embeddings", _MODEL, ("input_tokens", "num_model_requests")),
    UsageKind("moderations", _MODEL, ("input_tokens", "num_model_requests")),
    UsageKind("images", (*_MODEL, "size", "source"), ("images", "num_model_requests")),
    UsageKind("audio_speeches", _MODEL, ("characters", "num_model_requests")),
    UsageKind("audio_transcriptions", _MODEL, ("seconds", "num_model_requests")),
    UsageKind("vector_stores", ("project_id",), ("usage_bytes",)),
    UsageKind("code_interpreter_sessions", ("project_id",), ("num_sessions",)),
    UsageKind("file_search_calls", (*_KEY, "vector_store_id"), ("num_requests",)),
    UsageKind(
        "web_search_calls",
        (*_MODEL, "context_level", "api_source"),
        ("num_requests", "num_model_requests"),
    ),
)
"""All kinds that the API returns. Completions include GPT Image and the Responses API."""
