-- The list cost of a line item that has no list price is its cost.
{% set factors = ['line_items.usable_quantity', 'coalesce(units.priced_in_one, 1)', 'charges.price'] %}
{% set list_cost = 'cast(' ~ factors | join(' as ' ~ double() ~ ') * cast(') ~ ' as ' ~ double() ~ ')' %}

with checks as (
    select
        'focus_costs equals raw in list price x quantity' as check_name,
        1 as is_of_costs
    union all
    select
        'focus_costs shows the prices of list_prices' as check_name,
        0 as is_of_costs
),

compared as (
    select
        line_items.organization_id,
        cast(line_items.date as {{ timestamp_type() }}) as charge_period_start,
        line_items.currency,
        line_items.line_item,
        coalesce({{ nearest_decimal(list_cost, 38, 18) }}, line_items.cost_of_usable_quantity)
            as expected_cost,
        charges.list_cost as actual_cost,
        case when charges.price is not null then 1 else 0 end as expected_prices,
        case
            when charges.price is null and charges.lowest_price is null then 0
            when charges.price is null then 1
            when charges.lowest_price = charges.price and charges.highest_price = charges.price then 1
            else 0
        end as actual_prices
    from {{ ref('int_openai__expected_line_items') }} as line_items
    left join {{ ref('int_openai__expected_list_prices') }} as charges
        on line_items.organization_id = charges.organization_id
        and cast(line_items.date as {{ timestamp_type() }}) = charges.charge_period_start
        and line_items.currency = charges.currency
        and coalesce(line_items.line_item, '') = coalesce(charges.line_item, '')
        and coalesce(line_items.quantity_unit, '') = coalesce(charges.quantity_unit, '')
    -- The API returns calls and sessions without a unit: the meter names what is counted.
    left join {{ ref('openai_costs', 'quantity_units') }} as units
        on units.quantity_unit = coalesce(line_items.quantity_unit, charges.meter)
    where
        line_items.usable_quantity > 0
        and (line_items.quantity_unit <> '' or charges.list_cost is not null)
),

both_sides as (
    select
        checks.check_name,
        compared.organization_id,
        compared.charge_period_start,
        compared.currency,
        compared.line_item,
        case
            when checks.is_of_costs = 1 then compared.expected_cost else compared.expected_prices
        end as expected,
        case when checks.is_of_costs = 1 then compared.actual_cost else compared.actual_prices end as actual,
        case
            when checks.is_of_costs = 1 then 0.000000001 * compared.expected_cost + 0.000000000001
        end as tolerance
    from compared
    cross join checks
)

{{ items_that_differ(
    'both_sides', period='charge_period_start', items=['line_item'], has_tolerance=true
) }}
