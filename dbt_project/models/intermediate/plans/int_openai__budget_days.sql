{{ config(enabled=var('plans_enabled')) }}

{% set key = ['organization_id', 'scope', 'scope_id', 'currency', 'date'] %}

with expected as (
    select
        days.organization_id,
        days.scope,
        days.scope_id,
        days.currency,
        days.date,
        days.month,
        days.expected_cost
    from {{ ref('int_openai__expected_daily_costs') }} as days
    inner join {{ ref('int_openai__forecast_points') }} as points
        on days.organization_id = points.organization_id
        and days.month = points.month
    where points.is_current
),

days as (
    select
        {% for column in key %}
            coalesce(costs.{{ column }}, expected.{{ column }}) as {{ column }},
        {% endfor %}
        cast({{ dbt.date_trunc('month', 'coalesce(costs.date, expected.date)') }} as date) as month,
        coalesce(costs.unblended_cost, 0) as unblended_cost,
        case when expected.date is null then costs.unblended_cost else 0 end as known_cost,
        coalesce(expected.expected_cost, 0) as expected_cost,
        expected.date is not null as is_open
    from {{ ref('int_openai__scoped_costs') }} as costs
    full outer join expected
        on {% for column in key %}
            {{ 'and ' if not loop.first }}costs.{{ column }} = expected.{{ column }}
        {% endfor %}
)

{% set until_then %}
over (
        partition by budgets.organization_id, budgets.budget_id, budgets.month order by days.date
        rows between unbounded preceding and current row
    )
{%- endset %}
select
    budgets.organization_id,
    budgets.budget_id,
    budgets.month,
    days.date,
    days.unblended_cost,
    days.known_cost,
    days.expected_cost,
    days.is_open,
    sum(days.unblended_cost) {{ until_then }} as spent,
    cast(sum(days.known_cost) {{ until_then }} as {{ double() }})
    + sum(days.expected_cost) {{ until_then }} as expected_spent,
    budgets.budget
from {{ ref('int_openai__budgets') }} as budgets
inner join days
    on budgets.organization_id = days.organization_id
    and budgets.scope = days.scope
    and budgets.scope_id = days.scope_id
    and budgets.currency = days.currency
    and budgets.month = days.month
