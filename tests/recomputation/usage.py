"""`daily_usage`: the measures of each kind of usage."""

from recomputation.line_items import family
from recomputation.rows import grouped

KINDS_OF_REQUESTS = (
    *("completions", "decisions", "embeddings", "moderations", "images"),
    *("audio_speeches", "audio_transcriptions"),
)
"""The kinds that bill a request to a model. `web_search_calls` repeats requests of completions."""

_DIMENSIONS = ("project_id", "user_id", "api_key_id", "model", "service_tier", "batch")
_MEASURES = {
    "input_tokens": "input_tokens",
    "cached_input_tokens": "input_cached_tokens",
    "cache_write_tokens": "input_cache_write_tokens",
    "output_tokens": "output_tokens",
    "input_audio_tokens": "input_audio_tokens",
    "cached_audio_tokens": "input_cached_audio_tokens",
    "output_audio_tokens": "output_audio_tokens",
    "input_image_tokens": "input_image_tokens",
    "cached_image_tokens": "input_cached_image_tokens",
    "output_image_tokens": "output_image_tokens",
    "images": "images",
    "characters": "characters",
    "seconds": "seconds",
    "sessions": "num_sessions",
    "searches": "num_requests",
    "bytes": "usage_bytes",
}
"""The columns of the mart, with the API's names."""


def daily_usage(books):
    rows = []
    for table, usage in books.raw.items():
        if table.startswith("usage_") and table != "usage_days":
            for key, used in grouped(usage, _dimensions).items():
                rows.append(_row(books.listings, table.removeprefix("usage_"), key, used))
    return rows


def _dimensions(row):
    return (row["date"], row["organization_id"], *(row.get(name) for name in _DIMENSIONS))


def _row(listings, kind, key, used):
    day, organization_id, project_id, user_id, key_id, model, tier, is_batch = key
    return {
        "date": day,
        "organization_id": organization_id,
        "organization_name": listings.organization_name(organization_id),
        "kind": kind,
        "project_id": project_id,
        "project_name": listings.project_name(organization_id, project_id),
        "user_id": user_id,
        "user_name": listings.user_name(organization_id, user_id),
        "api_key_id": key_id,
        "api_key_name": listings.key_name(organization_id, key_id),
        "model": model,
        "tier": tier,
        "is_batch": is_batch,
        "requests": _sum(used, "num_model_requests") if kind in KINDS_OF_REQUESTS else None,
        **{column: _sum(used, name) for column, name in _MEASURES.items()},
        "model_family": family(model),
    }


def _sum(rows, name):
    """The sum of a measure; None if no row has it."""
    values = [row[name] for row in rows if row.get(name) is not None]
    return sum(values) if values else None
