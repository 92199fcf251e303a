-- A price of the model's version takes precedence over a price of the model.
{% set price_of_one = product(decimal('prices.price', 13, 9), 'skus.priced_in_one') %}

with matched as (
    select
        skus.line_item,
        skus.quantity_unit,
        prices.currency,
        prices.valid_from,
        prices.price,
        -- As exact as the price itself; null where nine decimals cannot represent it.
        case
            when
                {{ decimal(price_of_one, 13, 9) }} = {{ price_of_one }}
                then {{ decimal(price_of_one, 13, 9) }}
        end as price_of_one,
        prices.source,
        case when prices.sku_price_id = skus.sku_price_id then 1 else 0 end as is_exact
    from {{ ref('int_openai__focus_skus') }} as skus
    inner join {{ ref('openai_costs', 'list_prices') }} as prices
        on (skus.sku_price_id = prices.sku_price_id or skus.undated_sku_price_id = prices.sku_price_id)
        and skus.pricing_unit = prices.pricing_unit
    where skus.is_parsed
),

ranked as (
    select
        *,
        max(is_exact) over (partition by line_item, quantity_unit, currency) as best
    from matched
)

select
    line_item,
    quantity_unit,
    currency,
    valid_from,
    coalesce(
        {{ next_value(
            'valid_from', 'partition by line_item, quantity_unit, currency order by valid_from'
        ) }},
        cast('{{ latest_day() }}' as date)
    ) as valid_until,
    price,
    price_of_one,
    source
from ranked
where is_exact = best
