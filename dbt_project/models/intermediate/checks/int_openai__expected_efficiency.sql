{{ config(enabled=var('usage_enabled')) }}

-- Costs and tokens of the raw rows, by the meaning of their line items in focus_costs, and the requests of
-- the raw usage on days for which costs are loaded.
{% set input = "meter in ('input', 'cached input', 'cache write')" %}

with costs as (
    select
        models.organization_id,
        cast({{ dbt.date_trunc('month', 'models.charge_period_start') }} as date) as month,
        {{ model_family('models.model') }} as model_family,
        models.currency,
        models.meter,
        models.cost,
        models.cost_with_quantity,
        {{ tokens('models.quantity', 'models.quantity_unit') }} as tokens,
        usage_days.date is not null as has_usage
    from {{ ref('int_openai__expected_models') }} as models
    left join {{ ref('stg_openai__usage_days') }} as usage_days
        on models.organization_id = usage_days.organization_id
        and models.charge_period_start = cast(usage_days.date as {{ timestamp_type() }})
        and usage_days.kind = {{ usage_kind(model_family('models.model')) }}
    where models.model is not null
),

monthly as (
    select
        organization_id,
        month,
        model_family,
        currency,
        sum(case when has_usage then cost end) as cost_of_days_with_usage,
        sum(case when {{ input }} and tokens is not null then cost_with_quantity end) as cost_of_input,
        sum(case when meter = 'output' and tokens is not null then cost_with_quantity end) as cost_of_output,
        sum(case when {{ input }} then tokens end) as input_tokens,
        sum(case when meter = 'output' then tokens end) as output_tokens,
        sum(case when meter = 'cached input' then tokens end) as cached_tokens,
        count(*) over (partition by organization_id, month, model_family) as currencies
    from costs
    group by organization_id, month, model_family, currency
),

used as (
    select
        used.organization_id,
        cast({{ dbt.date_trunc('month', 'used.date') }} as date) as month,
        used.model_family,
        sum(used.requests) as requests
    from {{ ref('stg_openai__usage') }} as used
    inner join {{ ref('stg_openai__cost_days') }} as days
        on used.organization_id = days.organization_id
        and used.date = days.date
    inner join {{ ref('stg_openai__usage_days') }} as usage_days
        on used.organization_id = usage_days.organization_id
        and used.date = usage_days.date
        and used.kind = usage_days.kind
    group by used.organization_id, cast({{ dbt.date_trunc('month', 'used.date') }} as date), used.model_family
)

select
    monthly.organization_id,
    monthly.month,
    monthly.model_family,
    monthly.currency,
    monthly.cached_tokens,
    case when monthly.input_tokens <> 0 then monthly.cost_of_input end as cost_of_input,
    case when monthly.output_tokens <> 0 then monthly.cost_of_output end as cost_of_output,
    case when monthly.currencies = 1 then used.requests end as requests,
    case when monthly.currencies = 1 and used.requests <> 0 then monthly.cost_of_days_with_usage end
        as cost_of_requests
from monthly
left join used
    on monthly.organization_id = used.organization_id
    and monthly.month = used.month
    and monthly.model_family = used.model_family
