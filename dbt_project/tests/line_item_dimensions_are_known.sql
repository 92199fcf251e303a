-- Line items with a dimension value that the marts' descriptions do not list. A line item that is not
-- parsed has a service only.
select
    dimensions.line_item,
    dimensions.service,
    dimensions.tier,
    dimensions.modality,
    dimensions.context
from {{ ref('int_openai__line_item_dimensions') }} as dimensions
left join {{ ref('openai_costs', 'line_item_tiers') }} as tiers on dimensions.tier = tiers.tier
where
    dimensions.service not in (
        'Chat and completions', 'Embeddings', 'Images', 'Audio', 'Web search', 'File search',
        'Code interpreter', 'Moderation', 'Fine-tuning', 'Evals', 'Video', 'Other'
    )
    or (dimensions.tier <> 'standard' and tiers.tier is null)
    or dimensions.modality not in ('text', 'image', 'audio')
    or dimensions.context not in ('standard', 'long')
