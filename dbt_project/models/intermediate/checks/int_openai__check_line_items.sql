with charges as (
    select
        BillingAccountId as organization_id,
        ChargePeriodStart as charge_period_start,
        BillingCurrency as currency,
        x_LineItem as line_item,
        x_QuantityUnit as quantity_unit,
        sum(BilledCost) as cost,
        sum(x_Quantity) as quantity
    from {{ ref('openai__focus_costs') }}
    group by BillingAccountId, ChargePeriodStart, BillingCurrency, x_LineItem, x_QuantityUnit
),

both_sides as (
    {% for measure, by in {'cost': 'by line item', 'quantity': 'in quantity by line item and unit'}.items() %}
        select
            'focus_costs equals raw {{ by }}' as check_name,
            organization_id,
            cast(date as {{ timestamp_type() }}) as charge_period_start,
            currency,
            line_item,
            quantity_unit,
            cast({{ measure }} as {{ money() }}) as expected,
            cast(0 as {{ money() }}) as actual
        from {{ ref('int_openai__expected_line_items') }}

        union all

        select
            'focus_costs equals raw {{ by }}' as check_name,
            organization_id,
            charge_period_start,
            currency,
            line_item,
            quantity_unit,
            cast(0 as {{ money() }}) as expected,
            cast({{ measure }} as {{ money() }}) as actual
        from charges
        {{ 'union all' if not loop.last }}
    {% endfor %}
)

{{ items_that_differ('both_sides', period='charge_period_start', items=['line_item', 'quantity_unit']) }}
