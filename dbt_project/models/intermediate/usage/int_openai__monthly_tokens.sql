{{ config(enabled=var('usage_enabled')) }}

with charges as (
    select
        charges.organization_id,
        cast({{ dbt.date_trunc('month', 'charges.date') }} as date) as month,
        charges.model_family,
        charges.currency,
        charges.meter,
        charges.unblended_cost,
        charges.cost_of_quantity,
        charges.tokens,
        usage_days.date is not null as has_usage
    from {{ ref('int_openai__daily_costs_with_dimensions') }} as charges
    left join {{ ref('stg_openai__usage_days') }} as usage_days
        on charges.organization_id = usage_days.organization_id
        and charges.date = usage_days.date
        and usage_days.kind = {{ usage_kind('charges.model_family') }}
    where charges.model_family is not null
)

select
    organization_id,
    month,
    model_family,
    currency,
    sum(unblended_cost) as unblended_cost,
    sum(case when has_usage then unblended_cost end) as cost_of_days_with_usage,
    sum(case when meter = 'input' then tokens end) as uncached_input_tokens,
    sum(case when meter = 'cached input' then tokens end) as cached_input_tokens,
    sum(case when meter = 'cache write' then tokens end) as cache_write_tokens,
    sum(case when meter in ('input', 'cached input', 'cache write') then tokens end) as input_tokens,
    sum(case when meter = 'output' then tokens end) as output_tokens,
    sum(
        case
            when meter in ('input', 'cached input', 'cache write') and tokens is not null
                then cost_of_quantity
        end
    ) as cost_of_input,
    sum(case when meter = 'output' and tokens is not null then cost_of_quantity end) as cost_of_output
from charges
group by organization_id, month, model_family, currency
