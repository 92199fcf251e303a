{{ config(enabled=var('usage_enabled')) }}

-- What tokens are compared with may never have been billed itself: uncached input, and the standard tier.
-- A price of the model's version takes precedence over a price of the model, which does not apply to
-- fine-tuned models.
with billed as (
    select
        meter,
        tier,
        modality,
        context,
        replace(lower(model), ' ', '-') as model_name,
        case when lower(model) not like 'ft-%' and lower(model) not like 'ft:%' then model_family end
            as undated_name
    from {{ ref('int_openai__line_item_dimensions') }}
    where
        model is not null
        and meter in (select meters.meter from {{ ref('openai_costs', 'token_meters') }} as meters)
),

skus as (
    {% for meter, tier in (("'input'", 'tier'), ('meter', "'standard'")) %}
        select
            {{ token_sku('model_name', meter, tier) }} as sku_price_id,
            {{ token_sku('undated_name', meter, tier) }} as undated_sku_price_id
        from billed
        {{ 'union all' if not loop.last }}
    {% endfor %}
),

distinct_skus as (
    select distinct
        sku_price_id,
        undated_sku_price_id
    from skus
),

matched as (
    select
        skus.sku_price_id,
        prices.currency,
        prices.valid_from,
        {{ ratio('prices.price', '1000000') }} as price_of_one,
        case when prices.sku_price_id = skus.sku_price_id then 1 else 0 end as is_exact
    from distinct_skus as skus
    inner join {{ ref('openai_costs', 'list_prices') }} as prices
        on skus.sku_price_id = prices.sku_price_id or skus.undated_sku_price_id = prices.sku_price_id
    where prices.pricing_unit = '1000000 Tokens'
),

ranked as (
    select
        *,
        max(is_exact) over (partition by sku_price_id, currency) as best
    from matched
)

select
    sku_price_id,
    currency,
    valid_from,
    coalesce(
        {{ next_value('valid_from', 'partition by sku_price_id, currency order by valid_from') }},
        cast('{{ latest_day() }}' as date)
    ) as valid_until,
    price_of_one
from ranked
where is_exact = best
