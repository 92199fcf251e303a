{{ config(enabled=var('usage_enabled')) }}

with monthly as (
    select
        tokens.*,
        savings.saved_by_caching,
        savings.saved_by_batch,
        savings.tokens_without_saving,
        -- Requests have no currency, so they are shown only where the month has one currency.
        case
            when count(*) over (
                partition by tokens.organization_id, tokens.month, tokens.model_family
            ) = 1 then requests.requests
        end as requests
    from {{ ref('int_openai__monthly_tokens') }} as tokens
    left join {{ ref('int_openai__savings') }} as savings
        on tokens.organization_id = savings.organization_id
        and tokens.month = savings.month
        and tokens.model_family = savings.model_family
        and tokens.currency = savings.currency
    left join {{ ref('int_openai__monthly_requests') }} as requests
        on tokens.organization_id = requests.organization_id
        and tokens.month = requests.month
        and tokens.model_family = requests.model_family
)

select
    monthly.month,
    monthly.organization_id,
    organizations.organization_name,
    monthly.model_family,
    monthly.currency,
    cast(monthly.unblended_cost as {{ money() }}) as unblended_cost,
    cast(monthly.uncached_input_tokens as {{ quantity() }}) as uncached_input_tokens,
    cast(monthly.cached_input_tokens as {{ quantity() }}) as cached_input_tokens,
    cast(monthly.cache_write_tokens as {{ quantity() }}) as cache_write_tokens,
    cast(monthly.output_tokens as {{ quantity() }}) as output_tokens,
    {{ ratio('coalesce(monthly.cached_input_tokens, 0)', 'monthly.input_tokens') }} as cached_share,
    cast(monthly.requests as {{ dbt.type_bigint() }}) as requests,
    {{ ratio('monthly.cost_of_days_with_usage', 'monthly.requests') }} as cost_per_request,
    {{ ratio('monthly.cost_of_input', 'monthly.input_tokens') }} * 1000000 as cost_per_million_input_tokens,
    {{ ratio('monthly.cost_of_output', 'monthly.output_tokens') }} * 1000000
        as cost_per_million_output_tokens,
    coalesce(monthly.saved_by_caching, 0) as saved_by_caching,
    coalesce(monthly.saved_by_batch, 0) as saved_by_batch,
    cast(coalesce(monthly.tokens_without_saving, 0) as {{ quantity() }}) as tokens_without_saving
from monthly
left join {{ ref('int_openai__organizations') }} as organizations
    on monthly.organization_id = organizations.organization_id
