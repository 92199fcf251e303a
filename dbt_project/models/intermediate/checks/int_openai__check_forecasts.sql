{{ config(enabled=var('plans_enabled'), materialized='table', tags=['whole_history']) }}

-- By check: its value in the raw rows and in the mart, and which rows have it. The mart has no row for a
-- project without recent costs, and no expected end of a month with days that are not loaded.
{% set expected_end %}
case when is_known then cast(closed_cost as {{ double() }}) + coalesce(remaining_cost, 0) end
{%- endset %}
{% set checks = {
    'cost_forecast equals raw of the month': ('month_cost', 'unblended_cost', '1 = 1'),
    'cost_forecast equals raw of the previous month': (
        'coalesce(previous_month_cost, 0)', 'coalesce(previous_month_cost, 0)', 'is_shown = 1'
    ),
    'cost_forecast expects the remaining days of the month': (
        'coalesce(' ~ nearest_decimal(expected_end, 38, 18) ~ ', 0)',
        'coalesce(' ~ nearest_decimal('expected_month_end', 38, 18) ~ ', 0)',
        'is_shown = 1',
    ),
} %}

with shown as (
    select
        organization_id,
        month,
        currency,
        {{ slash_separated(['scope', 'project_id']) }} as item,
        unblended_cost,
        previous_month_cost,
        expected_month_end,
        1 as is_shown
    from {{ ref('openai__cost_forecast') }}
),

expected as (
    select
        costs.organization_id,
        costs.month,
        costs.currency,
        costs.item,
        costs.month_cost,
        costs.closed_cost,
        costs.is_known,
        costs.previous_month_cost,
        remaining.remaining_cost,
        shown.is_shown
    from {{ ref('int_openai__expected_month_costs') }} as costs
    left join {{ ref('int_openai__expected_remaining_costs') }} as remaining
        on costs.organization_id = remaining.organization_id
        and costs.currency = remaining.currency
        and costs.item = remaining.item
    left join shown
        on costs.organization_id = shown.organization_id
        and costs.currency = shown.currency
        and costs.item = shown.item
),

both_sides as (
    {% for check_name, (raw_value, value, condition) in checks.items() %}
        {% for side in ('expected', 'shown') %}
            select
                '{{ check_name }}' as check_name,
                organization_id,
                month,
                currency,
                item,
                cast({{ raw_value if side == 'expected' else 0 }} as {{ money() }}) as expected,
                cast({{ value if side == 'shown' else 0 }} as {{ money() }}) as actual
            from {{ side }}
            where {{ condition }}
            {{ 'union all' if side == 'expected' }}
        {% endfor %}
        {{ 'union all' if not loop.last }}
    {% endfor %}
),

-- The end of a month is a double.
with_tolerance as (
    select
        *,
        case
            when check_name like '% remaining days %' then 0.000000001 * abs(expected) else 0
        end as tolerance
    from both_sides
)

{{ items_that_differ('with_tolerance', period='month', has_tolerance=true) }}
