{{ config(materialized='table') }}

{% set services = [
    ('ft-%', 'Fine-tuning'), ('ft:%', 'Fine-tuning'), ('%embedding%', 'Embeddings'),
    ('%moderation%', 'Moderation'), ('%image%', 'Images'), ('dall-e%', 'Images'), ('sora%', 'Video'),
    ('%audio%', 'Audio'), ('%realtime%', 'Audio'), ('%transcribe%', 'Audio'), ('%tts%', 'Audio'),
    ('whisper%', 'Audio'),
] %}

with line_items as (
    select
        line_item,
        model,
        meter,
        modality,
        is_parsed,
        case
            when not is_parsed then 'Other'
            when stated_service is not null then stated_service
            {% for pattern, service in services %}
                when lower(model) like '{{ pattern }}' then '{{ service }}'
            {% endfor %}
            else 'Chat and completions'
        end as service,
        case when is_parsed then tier end as tier,
        case when is_parsed then context end as context,
        {{ model_family('model') }} as model_family
    from {{ ref('int_openai__line_items') }}
)

select
    line_item,
    service,
    model,
    model_family,
    meter,
    tier,
    coalesce(
        modality,
        case when service in ('Chat and completions', 'Embeddings', 'Fine-tuning', 'Evals') then 'text' end
    ) as modality,
    context,
    is_parsed
from line_items
