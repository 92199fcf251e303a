{{ config(enabled=var('usage_enabled')) }}

-- Free usage has no price and saves nothing.
{% set same_usage = 'organization_id, month, currency, model, modality, context' %}
{% set month = "cast(" ~ dbt.date_trunc('month', 'date') ~ " as date)" %}
{% set model_name = "replace(lower(model), ' ', '-')" %}

with daily as (
    select
        organization_id,
        date,
        {{ month }} as month,
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
        meter in (select token_meters.meter from {{ ref('openai_costs', 'token_meters') }} as token_meters)
        and quantity_unit in ('tokens', '1000_tokens')
        and quantity is not null
    group by
        organization_id, date, {{ month }}, currency, model, model_family, meter, tier, modality, context
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
            as standard_tokens,
        {{ token_sku(model_name, "'input'", 'tier') }} as uncached_sku,
        {{ token_sku(model_name, 'meter', "'standard'") }} as standard_sku
    from daily
)

select
    compared.organization_id,
    compared.date,
    compared.month,
    compared.currency,
    compared.model,
    compared.model_family,
    compared.meter,
    compared.tier,
    compared.modality,
    compared.context,
    compared.unblended_cost,
    compared.tokens,
    coalesce({{ ratio('compared.uncached_cost', 'compared.uncached_tokens') }}, uncached.price_of_one)
        as uncached_price,
    coalesce({{ ratio('compared.standard_cost', 'compared.standard_tokens') }}, standard.price_of_one)
        as standard_price
from compared
left join {{ ref('int_openai__token_list_prices') }} as uncached
    on compared.uncached_sku = uncached.sku_price_id
    and compared.currency = uncached.currency
    and compared.date >= uncached.valid_from
    and compared.date < uncached.valid_until
left join {{ ref('int_openai__token_list_prices') }} as standard
    on compared.standard_sku = standard.sku_price_id
    and compared.currency = standard.currency
    and compared.date >= standard.valid_from
    and compared.date < standard.valid_until
