{{ config(enabled=var('usage_enabled')) }}

{% set part = [
    'organization_id', 'month', 'currency', 'model', 'date', 'model_family', 'meter', 'tier', 'modality', 'context',
] %}

-- A part that is compared twice, as cached input of a batch is, counts its tokens once.
with parts as (
    select
        {{ part | join(', ') }},
        sum(case when saving = 'caching' then cost_without - cost else 0 end) as by_caching,
        sum(case when saving = 'batch' then cost_without - cost else 0 end) as by_batch,
        case when count(cost_without) < count(*) then max(tokens) else 0 end as without_saving,
        sum(cost_without + cost) as compared_cost
    from {{ ref('int_openai__expected_token_comparisons') }}
    group by {{ part | join(', ') }}
)

select
    organization_id,
    month,
    currency,
    model_family,
    coalesce(sum(by_caching), 0) as saved_by_caching,
    coalesce(sum(by_batch), 0) as saved_by_batch,
    sum(without_saving) as tokens_without_saving,
    coalesce(sum(compared_cost), 0) as compared_cost
from parts
group by organization_id, month, currency, model_family
