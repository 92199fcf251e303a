-- A negative amount is a credit: it has no SKU, no quantity and no price. A charge without a usable quantity
-- is priced by the dollar. Quantities, factors, prices and their products fit into Spark's 38 digits.
{% set reported = [
    'organization_id', 'date', 'project_id', 'user_id', 'api_key_id', 'api_source', 'line_item', 'currency', 'quantity',
    'quantity_unit', 'grouped_by',
] %}
{% set of_line_item = ['model', 'model_family', 'meter', 'tier', 'modality', 'context'] %}

with costs as (
    select
        {{ reported | join(', ') }},
        -- A row without an amount reports usage, not money.
        coalesce(amount, 0) as unblended_cost,
        -- For ratios only. Engines convert wide decimals to doubles slowly, so this happens once.
        cast(coalesce(amount, 0) as {{ double() }}) as cost_as_double
    from {{ ref('stg_openai__costs') }}
    where {{ is_to_build('organization_id', 'date') }}
),

charges as (
    select
        *,
        -- A quantity that implies a price of a billion or more for one unit is not usable.
        {{ decimal(
            'case when quantity > 0 and quantity < 1000000000000000 and '
            ~ ratio('cost_as_double', 'quantity') ~ ' < 1000000000 then quantity end', 24, 9
        ) }} as usable_quantity
    from costs
),

charges_with_prices as (
    select
        charges.*,
        {% for column in of_line_item %}
            dimensions.{{ column }},
        {% endfor %}
        skus.sku_id,
        skus.sku_price_id,
        skus.sku_meter,
        skus.sku_price_details,
        skus.consumed_unit,
        skus.pricing_unit,
        coalesce(dimensions.service, 'Other') as service,
        prices.price as list_price,
        prices.price_of_one as list_price_of_one,
        prices.source as list_price_source,
        {{ ratio('1', 'skus.priced_in_one') }} as units_in_price,
        charges.cost_as_double / ({{ ratio('charges.usable_quantity', ratio('1', 'skus.priced_in_one')) }})
            as paid_price,
        cast({{ product('charges.usable_quantity', 'skus.consumed_in_one') }} as {{ money() }})
            as consumed_quantity,
        cast({{ product('charges.usable_quantity', 'skus.priced_in_one') }} as {{ money() }})
            as pricing_quantity,
        case when skus.sku_id is not null then charges.unblended_cost end as usage_cost
    from charges
    left join {{ ref('int_openai__line_item_dimensions') }} as dimensions
        on charges.line_item = dimensions.line_item
    -- Conditions on one side are part of the key expression; otherwise DuckDB compares every pair of rows.
    left join {{ ref('int_openai__focus_skus') }} as skus
        on case when charges.unblended_cost >= 0 then coalesce(charges.line_item, '') end = skus.line_item
        and coalesce(charges.quantity_unit, '') = skus.quantity_unit
    left join {{ ref('int_openai__list_prices') }} as prices
        on skus.line_item = prices.line_item
        and skus.quantity_unit = prices.quantity_unit
        and case when charges.usable_quantity is not null then charges.currency end = prices.currency
        and charges.date >= prices.valid_from
        and charges.date < prices.valid_until
)

select
    {{ (reported + of_line_item) | join(', ') }},
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
                'paid_price', 'unblended_cost', 'usable_quantity', nearest_decimal('units_in_price', 7, 0)
            ) }}
        when sku_id is not null then 1
    end as contracted_price,
    list_price,
    coalesce(list_price_source, case when sku_id is not null then 'derived' end) as list_price_source,
    case
        when list_price_of_one is not null then {{ product('usable_quantity', 'list_price_of_one') }}
        when list_price is not null
            then {{ product(decimal('pricing_quantity', 24, 9), decimal('list_price', 13, 9)) }}
        else unblended_cost
    end as list_cost
from charges_with_prices
