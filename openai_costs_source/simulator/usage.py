"""What the simulated organization used, as OpenAI's usage API would tell it.

Usage follows from the charges of the same day, so that it agrees with the bill by day, model and
meter, also on days that are told differently. It tells more than the bill: requests, free
moderations, which tool calls ran with which model; and it names some models differently.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from openai_costs_source.simulator.buckets import Query
from openai_costs_source.simulator.organization import AGENTS_KEY, Charge, noise

Row = dict[str, Any]
"""What was used by one project, user, key, model, …: the measures, and who and what it was."""

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
# What usage tells beyond the bill; a charge has one of them.
_CHOICES = {
    "size": ("256x256", "512x512", "1024x1024"),
    "source": ("image.generation", "image.edit", "image.variation"),
    "context_level": ("low", "medium", "high"),
    "vector_store_id": ("vs_handbook", "vs_tickets"),
}
# The values that a filter may have, where OpenAI lists them.
_LISTED = {
    "sizes": (*_CHOICES["size"], "1792x1792", "1024x1792"),
    "sources": _CHOICES["source"],
    "context_levels": _CHOICES["context_level"],
    "batch": ("true", "false"),
}
_MODALITIES = ("text", "audio", "image")
_TOKENS = (
    "input_tokens",
    "output_tokens",
    "num_model_requests",
    "input_uncached_tokens",
    "input_cached_tokens",
    "input_cache_write_tokens",
    "input_cache_write_30m_tokens",
    "input_cache_write_12h_tokens",
    *(f"input_{modality}_tokens" for modality in _MODALITIES),
    *(f"input_cached_{modality}_tokens" for modality in _MODALITIES),
    *(f"output_{modality}_tokens" for modality in _MODALITIES),
)


class Kind(NamedTuple):
    """A kind of usage: its endpoint's results, what they may be grouped by, what they measure.

    `per_request`: about how much of the first two measures is used by one request to a model.
    """

    object: str
    dimensions: tuple[str, ...]
    measures: tuple[str, ...]
    per_request: float = 1

    @property
    def filters(self) -> dict[str, str]:
        """The parameters that keep some values of a dimension, and which."""
        return {filter: name for filter, name in _FILTERS.items() if name in self.dimensions}

    def kept(self, query: Query) -> dict[str, list[str]]:
        """The values that a query keeps, by dimension."""
        asked = {name: query.many(f, _LISTED.get(f, ())) for f, name in self.filters.items()}
        return {name: values for name, values in asked.items() if values}

    def results(
        self, rows: Iterable[Row], group_by: Iterable[str], keep: Mapping[str, list[str]]
    ) -> Iterator[Row]:
        """The results of a day: rows that are kept, added up by what they are grouped by."""
        by = [name for name in self.dimensions if name in group_by]
        groups: dict[tuple[Any, ...], Counter[str]] = {}
        for row in rows:
            if all(_spelled(row[name]) in values for name, values in keep.items()):
                count = groups.setdefault(tuple([row[name] for name in by]), Counter())
                count.update({name: row[name] for name in self.measures})
        for key, count in groups.items():
            yield {
                "object": f"organization.usage.{self.object}.result",
                **{name: count[name] for name in self.measures},
                **dict.fromkeys(self.dimensions),
                **dict(zip(by, key, strict=True)),
            }


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

_USAGE_MODELS = {
    "gpt-image-1": "gpt-image-1-2025-04-23",
    "gpt-image-2-2026-04-21": "gpt-image-2",
    "ft-gpt-4o-2024-08-06": "ft:gpt-4o-2024-08-06:heliotrope::Bq7XaLd2",
}
_TOKEN_LINE = re.compile(
    r"(?:(?P<prefix>priority|evals|batch) \| )?(?P<model>.+?)(?: (?P<modality>text|audio|image))?"
    r", (?P<meter>input|cached input|cache writes|output)(?:_tokens)?(?:, long context)?"
)
_METERS = {
    "input": "input_{}_tokens",
    "cached input": "input_cached_{}_tokens",
    "cache writes": "input_cache_write_tokens",
    "output": "output_{}_tokens",
}
# The bill's unit in the measure's: a day's gibibyte hours in the bytes held on average.
_UNITS = {"1000_tokens": Decimal(1000), "gibibyte_hours": Decimal(2**30) / 24}


class _Use(NamedTuple):
    """What a charge tells of usage."""

    kind: str
    measure: str
    model: str | None = None
    batch: bool = False
    service_tier: str = "default"


_TOOLS = {
    "tts hd": _Use("audio_speeches", "characters", "tts-1-hd"),
    "whisper": _Use("audio_transcriptions", "seconds", "whisper-1"),
    "assistants api | file search": _Use("vector_stores", "usage_bytes"),
    "code interpreter tool calls": _Use("code_interpreter_sessions", "num_sessions"),
    "file search tool calls": _Use("file_search_calls", "num_requests"),
    "web search tool calls": _Use("web_search_calls", "num_requests"),
}
# Usage that is never billed comes along with the tokens of these keys: the model, one token in so
# many, and what the tokens on the bill count as.
_UNBILLED = {
    "moderations": (
        ("key_storefront-chat", "key_helpdesk-replies", "key_europe-chat"),
        ("omni-moderation-2024-09-26", 20),
        {"input_text_tokens": "input_tokens"},
    ),
    "decisions": (
        (AGENTS_KEY,),
        ("decisions-preview", 100),
        {each: each for each in ("input_text_tokens", "output_text_tokens")},
    ),
}


def used(name: str, day: date, charges: list[Charge]) -> list[Row]:
    """What was used of a kind on the day that has these charges, at the finest grain."""
    kind = KINDS[name]
    models = _models(charges) if name == "web_search_calls" else {}
    counts: dict[tuple[Any, ...], Counter[str]] = {}
    for charge in charges:
        use, quantity = _use(name, charge)
        if not use or not quantity:
            continue
        told = {
            **charge._asdict(),
            **use._asdict(),
            "model": use.model or models.get(_owner(charge)),
            "api_source": charge.api_source,
            **{each: _choice(each, day, charge) for each in _CHOICES if each in kind.dimensions},
        }
        key = tuple([told[each] for each in kind.dimensions])
        counts.setdefault(key, Counter())[use.measure] += quantity
    return [
        _row(kind, dict(zip(kind.dimensions, key, strict=True)), count)
        for key, count in counts.items()
    ]


def _use(name: str, charge: Charge) -> tuple[_Use | None, int]:
    """What the charge tells of this kind of usage, and how much of it."""
    use = _read(charge.line_item)
    if use is None or charge.quantity is None:
        return None, 0
    quantity = int(
        (charge.quantity * _UNITS.get(charge.quantity_unit or "", 1)).to_integral_value()
    )
    if name not in _UNBILLED:
        return (use, quantity) if use.kind == name else (None, 0)
    keys, (model, one_in), measures = _UNBILLED[name]
    if charge.api_key_id not in keys or use.measure not in measures:
        return None, 0
    return _Use(name, measures[use.measure], model), quantity // one_in


@lru_cache
def _read(line_item: str) -> _Use | None:
    tool, _, model = line_item.partition(" | ")
    if use := _TOOLS.get(line_item):
        return use
    if use := _TOOLS.get(tool):
        return use._replace(model=model)
    if not (found := _TOKEN_LINE.fullmatch(line_item)):
        return None
    model = _USAGE_MODELS.get(found["model"], found["model"])
    if model.startswith("dall-e"):
        return _Use("images", "images", model)
    if model.startswith("text-embedding"):
        return _Use("embeddings", "input_tokens", model)
    return _Use(
        "completions",
        _METERS[found["meter"]].format(found["modality"] or "text"),
        model,
        batch=found["prefix"] == "batch",
        service_tier="priority" if found["prefix"] == "priority" else "default",
    )


def _owner(charge: Charge) -> tuple[str | None, ...]:
    return charge.project_id, charge.user_id, charge.api_key_id


def _models(charges: list[Charge]) -> dict[tuple[str | None, ...], str | None]:
    """The model that each owner's tools were called by: the first that it was charged for."""
    found: dict[tuple[str | None, ...], str | None] = {}
    for charge in charges:
        use = _read(charge.line_item)
        if use and use.kind == "completions":
            found.setdefault(_owner(charge), use.model)
    return found


def _choice(dimension: str, day: date, charge: Charge) -> str:
    choices = _CHOICES[dimension]
    return choices[int(noise(dimension, day.toordinal(), *_owner(charge))[0] * len(choices))]


def _row(kind: Kind, told: Row, count: Counter[str]) -> Row:
    if "input_cached_tokens" in kind.measures:
        _add_totals(count)
    if "num_model_requests" in kind.measures:
        size = kind.per_request * (0.5 + noise("request", told["api_key_id"], told["model"])[0])
        count["num_model_requests"] = max(1, int(sum(count[m] for m in kind.measures[:2]) / size))
    return {**told, **{measure: count[measure] for measure in kind.measures}}


def _add_totals(count: Counter[str]) -> None:
    def over_modalities(pattern: str) -> int:
        return sum(count[pattern.format(modality)] for modality in _MODALITIES)

    uncached = over_modalities("input_{}_tokens")
    cached = over_modalities("input_cached_{}_tokens")
    writes = count["input_cache_write_tokens"]
    kept_longer = writes // 4
    count.update(
        input_tokens=uncached + cached + writes,
        output_tokens=over_modalities("output_{}_tokens"),
        input_uncached_tokens=uncached,
        input_cached_tokens=cached,
        input_cache_write_30m_tokens=writes - kept_longer,
        input_cache_write_12h_tokens=kept_longer,
    )


def _spelled(value: object) -> object:
    """A dimension's value as a query spells it."""
    return str(value).lower() if isinstance(value, bool) else value
