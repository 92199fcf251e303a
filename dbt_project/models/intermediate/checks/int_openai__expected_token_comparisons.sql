{{ config(enabled=var('usage_enabled')) }}

-- What cached tokens and batches would have cost: at the price paid in the month, else at the public price.
{% set price = ['organization_id', 'month', 'currency', 'model'] %}
{% set part = price + ['date', 'model_family', 'meter', 'tier', 'modality', 'context'] %}

with paid as (
    select
        {{ price | join(', ') }},
        meter,
        tier,
        coalesce(modality, '') as modality,
        coalesce(context, '') as context,
        sum(cost) / sum(tokens) as price
    from {{ ref('int_openai__expected_tokens') }}
    group by {{ price | join(', ') }}, meter, tier, coalesce(modality, ''), coalesce(context, '')
),

compared as (
    select
        *,
        'caching' as saving,
        'input' as other_meter,
        tier as other_tier
    from {{ ref('int_openai__expected_tokens') }}
    where meter in ('cached input', 'cache write')

    union all

    select
        *,
        'batch' as saving,
        meter as other_meter,
        'standard' as other_tier
    from {{ ref('int_openai__expected_tokens') }}
    where tier = 'batch'
),

skus as (
    select
        *,
        {{ token_sku("replace(lower(model), ' ', '-')", 'other_meter', 'other_tier') }} as sku_price_id,
        {{ token_sku('model_family', 'other_meter', 'other_tier') }} as undated_sku_price_id
    from compared
),

listed as (
    select
        skus.*,
        case when prices.valid_from <= skus.date then prices.price end as list_price,
        row_number() over (
            partition by skus.{{ part | join(', skus.') }}, skus.saving
            order by
                case when prices.sku_price_id = skus.sku_price_id then 1 else 0 end desc,
                case when prices.valid_from <= skus.date then 1 else 0 end desc,
                prices.valid_from desc
        ) as place
    from skus
    left join {{ ref('openai_costs', 'list_prices') }} as prices
        on skus.currency = prices.currency
        and prices.pricing_unit = '1000000 Tokens'
        and (
            skus.sku_price_id = prices.sku_price_id
            or (
                skus.undated_sku_price_id = prices.sku_price_id
                and lower(skus.model) not like 'ft-%' and lower(skus.model) not like 'ft:%'
            )
        )
)

select
    listed.{{ part | join(', listed.') }},
    listed.saving,
    listed.tokens,
    listed.cost,
    listed.tokens * coalesce(
        paid.price, cast(listed.list_price as {{ double() }}) / 1000000
    ) as cost_without
from listed
left join paid
    on listed.organization_id = paid.organization_id
    and listed.month = paid.month
    and listed.currency = paid.currency
    and listed.model = paid.model
    and listed.other_meter = paid.meter
    and listed.other_tier = paid.tier
    and coalesce(listed.modality, '') = paid.modality
    and coalesce(listed.context, '') = paid.context
where listed.place = 1
