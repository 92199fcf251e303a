-- A price of the very version of a model goes before that of the model.
with matched as (
    select
        skus.line_item,
        skus.quantity_unit,
        prices.currency,
        prices.valid_from,
        prices.price,
        -- As exact as the price itself; null where nine decimals do not hold it.
        case
            when
                cast(cast(prices.price as decimal(13, 9)) * skus.priced_in_one as decimal(13, 9))
                = cast(prices.price as decimal(13, 9)) * skus.priced_in_one
                then cast(cast(prices.price as decimal(13, 9)) * skus.priced_in_one as decimal(13, 9))
        end as price_of_one,
        prices.source,
        case when prices.sku_price_id = skus.sku_price_id then 1 else 0 end as is_exact
    from {{ ref('int_focus_skus') }} as skus
    inner join {{ ref('list_prices') }} as prices
        on prices.sku_price_id in (skus.sku_price_id, skus.undated_sku_price_id)
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
    lead(valid_from, 1, cast('9999-12-31' as date))
        over (partition by line_item, quantity_unit, currency order by valid_from)
        as valid_until,
    price,
    price_of_one,
    source
from ranked
where is_exact = best
