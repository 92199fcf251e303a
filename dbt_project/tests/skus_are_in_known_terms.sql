-- The terms of a line item that the marts promise; what is not parsed has none but its service.
{% set known = {
    'service': [
        'Chat and completions', 'Embeddings', 'Images', 'Audio', 'Web search', 'File search', 'Code interpreter',
        'Moderation', 'Fine-tuning', 'Evals', 'Video', 'Other',
    ],
    'tier': ['standard', 'priority', 'batch', 'flex'],
    'modality': ['text', 'image', 'audio'],
    'context': ['standard', 'long'],
} %}

select
    line_item,
    service,
    tier,
    modality,
    context
from {{ ref('int_skus') }}
where
    {% for term, values in known.items() %}
        {{ 'or' if not loop.first }} {{ term }} not in ('{{ values | join("', '") }}')  -- noqa: LT05
    {% endfor %}
