{{ config(enabled=var('usage_enabled')) }}

with compared as (
    select
        *,
        meter in ('cached input', 'cache write') as is_cached,
        tier = 'batch' as is_batch,
        cast(tokens as {{ double() }}) * uncached_price - cast(unblended_cost as {{ double() }})
            as saved_by_caching,
        cast(tokens as {{ double() }}) * standard_price - cast(unblended_cost as {{ double() }})
            as saved_by_batch
    from {{ ref('int_openai__token_prices') }}
)

select
    organization_id,
    month,
    currency,
    model_family,
    sum(case when is_cached then coalesce(saved_by_caching, 0) else 0 end) as saved_by_caching,
    sum(case when is_batch then coalesce(saved_by_batch, 0) else 0 end) as saved_by_batch,
    sum(
        case
            when is_cached and saved_by_caching is null then tokens
            when is_batch and saved_by_batch is null then tokens
            else 0
        end
    ) as tokens_without_saving
from compared
group by organization_id, month, currency, model_family
