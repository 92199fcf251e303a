"""The usage of the simulated organization, derived from the charges of the same day.

Usage therefore agrees with the bill by day, model and meter, also on days that the API restates. It
contains more than the bill: requests, free moderations, the model that made each tool call. Some
models have different names on the bill.
"""

import re
from collections import Counter
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from openai_costs_source.simulator.charges import Charge
from openai_costs_source.simulator.noise import noise
from openai_costs_source.simulator.usage_kinds import CHOICES, KINDS, MODALITIES, Kind, Row
from openai_costs_source.simulator.workloads import AGENTS_KEY

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
# Usage per billed unit; the gibibyte hours of a day become the average number of bytes stored.
_UNITS = {"1000_tokens": Decimal(1000), "gibibyte_hours": Decimal(2**30) / 24}


class _Use(NamedTuple):
    """The usage that a line item bills."""

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
# Usage that is never billed; it accompanies billed tokens of some keys. By kind: the keys; the
# model, and the number of billed tokens per unbilled one; the unbilled measure for each billed one.
_UNBILLED = {
    "moderations": (
        ("key_storefront-chat", "key_helpdesk-replies", "key_europe-chat"),
        ("omni-moderation-2024-09-26", 20),
        {"input_text_tokens": "input_tokens"},
    ),
    "decisions": (
        (AGENTS_KEY,),
        ("decisions-preview", 100),
        {measure: measure for measure in ("input_text_tokens", "output_text_tokens")},
    ),
}


def usage_rows(name: str, day: date, charges: list[Charge]) -> list[Row]:
    """Return the usage of a kind on the day with these charges, at the finest grain."""
    kind = KINDS[name]
    models = _models(charges) if name == "web_search_calls" else {}
    counts: dict[tuple[Any, ...], Counter[str]] = {}
    for charge in charges:
        use, quantity = _use(name, charge)
        if not use or not quantity:
            continue
        values = {
            **charge._asdict(),
            **use._asdict(),
            "model": use.model or models.get(_owner(charge)),
            "api_source": charge.api_source,
            **{d: _choice(d, day, charge) for d in CHOICES if d in kind.dimensions},
        }
        key = tuple([values[dimension] for dimension in kind.dimensions])
        counts.setdefault(key, Counter())[use.measure] += quantity
    return [
        _row(kind, dict(zip(kind.dimensions, key, strict=True)), count)
        for key, count in counts.items()
    ]


def _use(name: str, charge: Charge) -> tuple[_Use | None, int]:
    """Return the usage of this kind that the charge is for, and its quantity."""
    use = _parsed(charge.line_item)
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
def _parsed(line_item: str) -> _Use | None:
    tool, _, model = line_item.partition(" | ")
    if use := _TOOLS.get(line_item):
        return use
    if use := _TOOLS.get(tool):
        return use._replace(model=model)
    if not (match := _TOKEN_LINE.fullmatch(line_item)):
        return None
    model = _USAGE_MODELS.get(match["model"], match["model"])
    if model.startswith("dall-e"):
        return _Use("images", "images", model)
    if model.startswith("text-embedding"):
        return _Use("embeddings", "input_tokens", model)
    return _Use(
        "completions",
        _METERS[match["meter"]].format(match["modality"] or "text"),
        model,
        batch=match["prefix"] == "batch",
        service_tier="priority" if match["prefix"] == "priority" else "default",
    )


def _owner(charge: Charge) -> tuple[str | None, ...]:
    return charge.project_id, charge.user_id, charge.api_key_id


def _models(charges: list[Charge]) -> dict[tuple[str | None, ...], str | None]:
    """Return the model that called each owner's tools: the first one charged to the owner."""
    models: dict[tuple[str | None, ...], str | None] = {}
    for charge in charges:
        use = _parsed(charge.line_item)
        if use and use.kind == "completions":
            models.setdefault(_owner(charge), use.model)
    return models


def _choice(dimension: str, day: date, charge: Charge) -> str:
    choices = CHOICES[dimension]
    return choices[int(noise(dimension, day.toordinal(), *_owner(charge))[0] * len(choices))]


def _row(kind: Kind, values: Row, count: Counter[str]) -> Row:
    if "input_cached_tokens" in kind.measures:
        _add_totals(count)
    if "num_model_requests" in kind.measures:
        size = kind.per_request * (0.5 + noise("request", values["api_key_id"], values["model"])[0])
        count["num_model_requests"] = max(1, int(sum(count[m] for m in kind.measures[:2]) / size))
    return {**values, **{measure: count[measure] for measure in kind.measures}}


def _add_totals(count: Counter[str]) -> None:
    def over_modalities(pattern: str) -> int:
        return sum(count[pattern.format(modality)] for modality in MODALITIES)

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
