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

-- The saving is unknown where any part of it has no price to compare with.
select
    organization_id,
    month,
    currency,
    model_family,
    case
        when sum(case when is_cached and uncached_price is null then 1 else 0 end) = 0
            then sum(case when is_cached then saved_by_caching else 0 end)
    end as saved_by_caching,
    case
        when sum(case when is_batch and standard_price is null then 1 else 0 end) = 0
            then sum(case when is_batch then saved_by_batch else 0 end)
    end as saved_by_batch
from compared
group by organization_id, month, currency, model_family
