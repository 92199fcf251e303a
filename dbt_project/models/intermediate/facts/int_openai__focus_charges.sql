-- A negative amount is a credit: it has no SKU, no quantity and no price. What tells no quantity is priced by
-- the dollar. Quantities, factors, prices and their products fit into Spark's 38 digits.
{% set as_told = [
    'organization_id', 'date', 'project_id', 'user_id', 'api_key_id', 'api_source', 'line_item', 'currency', 'quantity',
    'quantity_unit', 'grouped_by',
] %}
{% set of_sku = ['model', 'model_family', 'meter', 'tier', 'modality', 'context'] %}

with costs as (
    select
        {{ as_told | join(', ') }},
        -- A row without an amount tells usage, not money.
        coalesce(amount, 0) as unblended_cost,
        -- Of a price, a ratio, alone. Engines take long to make a double of a wide decimal: once is enough.
        cast(coalesce(amount, 0) as {{ double() }}) as cost_as_double
    from {{ ref('stg_openai__costs') }}
    where {{ is_to_build('organization_id', 'date') }}
),

charges as (
    select
        *,
        -- What no price list holds, a billion for one of anything, is no quantity that can be used.
        {{ decimal(
            'case when quantity > 0 and quantity < 1000000000000000 and '
            ~ ratio('cost_as_double', 'quantity') ~ ' < 1000000000 then quantity end', 24, 9
        ) }} as countable
    from costs
),

counted as (
    select
        charges.*,
        {% for column in of_sku %}
            skus.{{ column }},
        {% endfor %}
        sold.sku_id,
        sold.sku_price_id,
        sold.sku_meter,
        sold.sku_price_details,
        sold.consumed_unit,
        sold.pricing_unit,
        coalesce(skus.service, 'Other') as service,
        prices.price as list_price,
        prices.price_of_one as list_price_of_one,
        prices.source as list_price_source,
        {{ ratio('1', 'sold.priced_in_one') }} as units_in_price,
        charges.cost_as_double / ({{ ratio('charges.countable', ratio('1', 'sold.priced_in_one')) }})
            as paid_price,
        cast({{ product('charges.countable', 'sold.consumed_in_one') }} as {{ money() }})
            as consumed_quantity,
        cast({{ product('charges.countable', 'sold.priced_in_one') }} as {{ money() }})
            as pricing_quantity,
        case when sold.sku_id is not null then charges.unblended_cost end as usage_cost
    from charges
    left join {{ ref('int_openai__line_item_dimensions') }} as skus on charges.line_item = skus.line_item
    -- Conditions on one side belong into the key: beside it, DuckDB would compare each row with each.
    left join {{ ref('int_openai__focus_skus') }} as sold
        on case when charges.unblended_cost >= 0 then coalesce(charges.line_item, '') end = sold.line_item
        and coalesce(charges.quantity_unit, '') = sold.quantity_unit
    left join {{ ref('int_openai__list_prices') }} as prices
        on sold.line_item = prices.line_item
        and sold.quantity_unit = prices.quantity_unit
        and case when charges.countable is not null then charges.currency end = prices.currency
        and charges.date >= prices.valid_from
        and charges.date < prices.valid_until
)

select
    {{ (as_told + of_sku) | join(', ') }},
    service,
    unblended_cost,
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
        when pricing_quantity is not null
            then {{ exact_price(
                'paid_price', 'unblended_cost', 'countable', nearest_decimal('units_in_price', 7, 0)
            ) }}
        when sku_id is not null then 1
    end as contracted_price,
    list_price,
    coalesce(list_price_source, case when sku_id is not null then 'derived' end) as list_price_source,
    case
        when list_price_of_one is not null then {{ product('countable', 'list_price_of_one') }}
        when list_price is not null
            then {{ product(decimal('pricing_quantity', 24, 9), decimal('list_price', 13, 9)) }}
        else unblended_cost
    end as list_cost
from counted
