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
            when service_of_tool is not null then service_of_tool
            when prefix = 'evals' then 'Evals'
            {% for pattern, service in services %}
                when lower(model) like '{{ pattern }}' then '{{ service }}'
            {% endfor %}
            else 'Chat and completions'
        end as service,
        case
            when not is_parsed then null
            when prefix in ('priority', 'batch', 'flex') then prefix
            else 'standard'
        end as tier,
        case when is_parsed then context end as context,
        -- Old line items carry display names: GPT-4o mini.
        replace(lower(model), ' ', '-') as model_id
    from {{ ref('int_line_items') }}
),

undated as (
    select
        *,
        case
            when model_id like '%-20__-__-__' then substr(model_id, 1, length(model_id) - 11)
            else model_id
        end as undated_id
    from line_items
)

select
    line_item,
    service,
    model,
    case
        when undated_id like 'ft-%' then substr(undated_id, 4) else undated_id
    end as model_family,
    meter,
    tier,
    coalesce(
        modality,
        case when service in ('Chat and completions', 'Embeddings', 'Fine-tuning', 'Evals') then 'text' end
    ) as modality,
    context,
    is_parsed
from undated
