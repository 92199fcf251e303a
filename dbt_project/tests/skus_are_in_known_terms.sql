-- The terms of a line item that the marts promise; what is not parsed has none but its service.
select
    line_item,
    service,
    tier,
    modality,
    context
from {{ ref('int_openai__line_item_dimensions') }}
where
    service not in (
        'Chat and completions', 'Embeddings', 'Images', 'Audio', 'Web search', 'File search',
        'Code interpreter', 'Moderation', 'Fine-tuning', 'Evals', 'Video', 'Other'
    )
    or tier not in ('standard', 'priority', 'batch', 'flex')
    or modality not in ('text', 'image', 'audio')
    or context not in ('standard', 'long')
