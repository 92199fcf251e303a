{{ config(materialized='view') }}

-- A negative amount is a credit: it has no SKU, no quantity and no price. What tells no quantity is priced by
-- the dollar. Quantities, factors, prices and their products fit into Spark's 38 digits.

{% set as_charged = [
    'organization_id', 'date', 'project_id', 'user_id', 'api_key_id', 'api_source', 'line_item', 'service', 'model',
    'model_family', 'meter', 'tier', 'modality', 'context', 'currency', 'quantity', 'quantity_unit', 'grouped_by',
    'attribution', 'unattributed_because', 'unblended_cost',
] %}

with charges as (
    select
        *,
        -- What no price list holds, a billion for one of anything, is no quantity that can be used.
        cast(
            case
                when
                    quantity > 0
                    and quantity < 1000000000000000
                    and {{ ratio('unblended_cost', 'quantity') }} < 1000000000
                    then quantity
            end as decimal(24, 9)
        ) as countable
    from {{ ref('int_charges') }}
),

counted as (
    select
        charges.*,
        skus.sku_id,
        skus.sku_price_id,
        skus.sku_meter,
        skus.sku_price_details,
        skus.consumed_unit,
        skus.pricing_unit,
        prices.price as list_price,
        prices.source as list_price_source,
        cast(charges.countable * skus.consumed_in_one as {{ money() }}) as consumed_quantity,
        cast(charges.countable * skus.priced_in_one as {{ money() }}) as pricing_quantity,
        case when skus.sku_id is not null then charges.unblended_cost end as usage_cost
    from charges
    -- Conditions on one side belong into the key: beside it, DuckDB would compare each row with each.
    left join {{ ref('int_focus_skus') }} as skus
        on case when charges.unblended_cost >= 0 then coalesce(charges.line_item, '') end = skus.line_item
        and coalesce(charges.quantity_unit, '') = skus.quantity_unit
    left join {{ ref('int_list_prices') }} as prices
        on skus.line_item = prices.line_item
        and skus.quantity_unit = prices.quantity_unit
        and case when charges.countable is not null then charges.currency end = prices.currency
        and charges.date >= prices.valid_from
        and charges.date < prices.valid_until
)

select
    {{ as_charged | join(', ') }},
    sku_id,
    sku_price_id,
    sku_meter,
    sku_price_details,
    case
        when pricing_quantity is not null then 'reported'
        when sku_id is not null then 'amount'
    end as quantity_source,
    coalesce(consumed_quantity, usage_cost) as consumed_quantity,
    case
        when pricing_quantity is not null then consumed_unit
        when sku_id is not null then 'Dollars'
    end as consumed_unit,
    coalesce(pricing_quantity, usage_cost) as pricing_quantity,
    case
        when pricing_quantity is not null then pricing_unit
        when sku_id is not null then 'Dollars'
    end as pricing_unit,
    case
        when pricing_quantity is not null then {{ exact_price('unblended_cost', 'pricing_quantity') }}
        when sku_id is not null then 1
    end as contracted_price,
    list_price,
    coalesce(list_price_source, case when sku_id is not null then 'derived' end) as list_price_source,
    coalesce(cast(pricing_quantity as decimal(24, 9)) * cast(list_price as decimal(13, 9)), unblended_cost)
        as list_cost
from counted
