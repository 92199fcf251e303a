"""The kinds of usage that the API has: what each measures and can be grouped and filtered by."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from openai_costs_source.simulator.query import Query

Row = dict[str, Any]
"""One combination of dimensions (project, user, key, model, …), and its measures."""

_OWNER = ("project_id", "user_id", "api_key_id")
_MODEL = (*_OWNER, "model")
_WORKLOAD = (*_MODEL, "batch", "service_tier", "api_source")
_FILTERS = {
    "project_ids": "project_id",
    "user_ids": "user_id",
    "api_key_ids": "api_key_id",
    "models": "model",
    "batch": "batch",
    "sizes": "size",
    "sources": "source",
    "context_levels": "context_level",
    "vector_store_ids": "vector_store_id",
}
CHOICES = {
    "size": ("256x256", "512x512", "1024x1024"),
    "source": ("image.generation", "image.edit", "image.variation"),
    "context_level": ("low", "medium", "high"),
    "vector_store_id": ("vs_handbook", "vs_tickets"),
}
"""The values of the dimensions that only usage has, not the bill."""
# The values that a filter accepts, where OpenAI lists them.
_ACCEPTED = {
    "sizes": (*CHOICES["size"], "1792x1792", "1024x1792"),
    "sources": CHOICES["source"],
    "context_levels": CHOICES["context_level"],
    "batch": ("true", "false"),
}
MODALITIES = ("text", "audio", "image")
_TOKENS = (
    "input_tokens",
    "output_tokens",
    "num_model_requests",
    "input_uncached_tokens",
    "input_cached_tokens",
    "input_cache_write_tokens",
    "input_cache_write_30m_tokens",
    "input_cache_write_12h_tokens",
    *(f"input_{modality}_tokens" for modality in MODALITIES),
    *(f"input_cached_{modality}_tokens" for modality in MODALITIES),
    *(f"output_{modality}_tokens" for modality in MODALITIES),
)


class Kind(NamedTuple):
    """A kind of usage: the name of its results, its dimensions and its measures.

    `per_request`: about how much of the first two measures one request to a model uses.
    """

    object: str
    dimensions: tuple[str, ...]
    measures: tuple[str, ...]
    per_request: float = 1

    @property
    def filters(self) -> dict[str, str]:
        """The filter parameters, each with the dimension that it filters by."""
        return {filter: name for filter, name in _FILTERS.items() if name in self.dimensions}

    def filtered(self, query: Query) -> dict[str, list[str]]:
        """Return the values to keep, for each dimension that the query filters by."""
        values = {name: query.many(f, _ACCEPTED.get(f, ())) for f, name in self.filters.items()}
        return {name: kept for name, kept in values.items() if kept}

    def results(
        self, rows: Iterable[Row], group_by: Iterable[str], keep: Mapping[str, list[str]]
    ) -> Iterator[Row]:
        """Yield the results of a day: the rows to keep, added up by the requested dimensions."""
        by = [name for name in self.dimensions if name in group_by]
        groups: dict[tuple[Any, ...], Counter[str]] = {}
        for row in rows:
            if all(_in_query(row[name]) in values for name, values in keep.items()):
                count = groups.setdefault(tuple([row[name] for name in by]), Counter())
                count.update({name: row[name] for name in self.measures})
        for key, count in groups.items():
            yield {
                "object": f"organization.usage.{self.object}.result",
                **{name: count[name] for name in self.measures},
                **dict.fromkeys(self.dimensions),
                **dict(zip(by, key, strict=True)),
            }


def _in_query(value: object) -> object:
    """Return a dimension's value as a query spells it."""
    return str(value).lower() if isinstance(value, bool) else value


KINDS = {
    "completions": Kind("completions", _WORKLOAD, _TOKENS, 4000),
    "decisions": Kind("decisions", _WORKLOAD, _TOKENS, 900),
    "embeddings": Kind("embeddings", _MODEL, ("input_tokens", "num_model_requests"), 6000),
    "moderations": Kind("moderations", _MODEL, ("input_tokens", "num_model_requests"), 300),
    "images": Kind("images", (*_MODEL, "size", "source"), ("images", "num_model_requests"), 2),
    "audio_speeches": Kind("audio_speeches", _MODEL, ("characters", "num_model_requests"), 600),
    "audio_transcriptions": Kind(
        "audio_transcriptions", _MODEL, ("seconds", "num_model_requests"), 90
    ),
    "vector_stores": Kind("vector_stores", ("project_id",), ("usage_bytes",)),
    "code_interpreter_sessions": Kind(
        "code_interpreter_sessions", ("project_id",), ("num_sessions",)
    ),
    "file_search_calls": Kind("file_searches", (*_OWNER, "vector_store_id"), ("num_requests",)),
    "web_search_calls": Kind(
        "web_searches",
        (*_MODEL, "context_level", "api_source"),
        ("num_requests", "num_model_requests"),
        2,
    ),
}
