-- Free usage has no price and saves nothing.
{% set same_usage = "organization_id, month, currency, model, modality, context" %}

with monthly as (
    select
        organization_id,
        cast({{ dbt.date_trunc('month', 'date') }} as date) as month,
        currency,
        model,
        model_family,
        meter,
        tier,
        modality,
        context,
        sum(unblended_cost) as unblended_cost,
        sum({{ tokens('quantity', 'quantity_unit') }}) as tokens
    from {{ ref('int_openai__project_prices') }}
    where
        meter in (select token_meters.meter from {{ ref('token_meters') }} as token_meters)
        and quantity_unit in ('tokens', '1000_tokens')
        and quantity is not null
    group by
        organization_id, cast({{ dbt.date_trunc('month', 'date') }} as date), currency, model, model_family,
        meter, tier, modality, context
),

compared as (
    select
        *,
        sum(case when meter = 'input' then unblended_cost end) over (partition by {{ same_usage }}, tier)
            as uncached_cost,
        sum(case when meter = 'input' then tokens end) over (partition by {{ same_usage }}, tier)
            as uncached_tokens,
        sum(case when tier = 'standard' then unblended_cost end) over (partition by {{ same_usage }}, meter)
            as standard_cost,
        sum(case when tier = 'standard' then tokens end) over (partition by {{ same_usage }}, meter)
            as standard_tokens
    from monthly
)

select
    organization_id,
    month,
    currency,
    model,
    model_family,
    meter,
    tier,
    modality,
    context,
    unblended_cost,
    tokens,
    {{ ratio('uncached_cost', 'uncached_tokens') }} as uncached_price,
    {{ ratio('standard_cost', 'standard_tokens') }} as standard_price
from compared
