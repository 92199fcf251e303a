{{ config(materialized='table', tags=['whole_history']) }}

{% set values = {
    'spent': 'budget_status equals raw by budget',
    'budget': 'budget_status has the amounts of budgets and limits',
    'breached': 'budget_status is breached where raw exceeds the budget',
} %}

with expected as (
    select *
    from {{ ref('int_openai__expected_budgets') }}

    union all

    select *
    from {{ ref('int_openai__expected_spend_limits') }}
),

months as (
    select distinct
        organization_id,
        cast({{ dbt.date_trunc('month', 'date') }} as date) as month
    from {{ source('openai_raw', 'cost_days') }}
),

-- A month without any loaded day has no costs to compare.
shown as (
    select mart.*
    from {{ ref('openai__budget_status') }} as mart
    inner join months
        on mart.organization_id = months.organization_id
        and mart.month = months.month
    where mart.scope <> 'model'
),

costs as (
    select *
    from {{ ref('int_openai__expected_costs_by_scope') }}
),

-- With a refund, a budget that was breached may end the month below its amount.
amounts as (
    {% for side, spent, breached in [
        ('expected', 'coalesce(costs.amount, 0)', 'costs.amount > budgets.budget'),
        ('shown', 'budgets.unblended_cost', "budgets.status = 'breached'"),
    ] %}
        select
            '{{ side }}' as side,
            budgets.organization_id,
            budgets.month,
            budgets.currency,
            {{ slash_separated(['budgets.budget_source', 'budgets.scope', 'budgets.scope_id']) }} as item,
            budgets.budget,
            {{ spent }} as spent,
            case when {{ breached }} and coalesce(costs.lowest_amount, 0) >= 0 then 1 else 0 end as breached
        from {{ side }} as budgets
        left join costs
            on budgets.organization_id = costs.organization_id
            and budgets.month = costs.month
            and budgets.scope = costs.scope
            and budgets.scope_id = costs.scope_id
            and budgets.currency = costs.currency
        {{ 'union all' if not loop.last }}
    {% endfor %}
),

both_sides as (
    {% for value, check_name in values.items() %}
        select
            '{{ check_name }}' as check_name,
            organization_id,
            month,
            cast({{ 'currency' if value != 'breached' else 'null' }} as {{ dbt.type_string() }}) as currency,
            item,
            cast(case when side = 'expected' then {{ value }} else 0 end as {{ money() }}) as expected,
            cast(case when side = 'shown' then {{ value }} else 0 end as {{ money() }}) as actual
        from amounts
        {{ 'union all' if not loop.last }}
    {% endfor %}
)

{{ items_that_differ('both_sides', period='month') }}
