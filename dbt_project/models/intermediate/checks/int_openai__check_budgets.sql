{{ config(enabled=var('plans_enabled'), materialized='table', tags=['whole_history']) }}

-- By check: its value, what it adds to the item, and its currency. A value of 1 compares texts: a text that
-- differs is an item of one side only.
{% set text = dbt.type_string() %}
{% set nothing = 'cast(null as ' ~ text ~ ')' %}
{% set checks = {
    'budget_status equals raw by budget': ('spent', nothing, 'currency'),
    'budget_status has the amounts of budgets and limits': ('budget', nothing, 'currency'),
    'budget_status equals raw in the spent share': (nearest_decimal('spent_share', 38, 18), nothing, nothing),
    'budget_status expects the costs of the whole month': (
        'coalesce(' ~ nearest_decimal('expected_month_end', 38, 18) ~ ', 0)', nothing, 'currency'
    ),
    'budget_status has the status of the raw costs': ('1', "coalesce(status, 'open')", nothing),
    'budget_status is breached on the day of the raw costs': (
        '1', "coalesce(cast(breached_on as " ~ text ~ "), 'never')", nothing
    ),
} %}
{% set sides = {'expected': ref('int_openai__expected_budget_status'), 'actual': 'shown'} %}

-- In a month without any loaded day, the cost is null. Budgets without costs may be unknown, as their id may
-- be unknown.
with shown as (
    select
        budget_source,
        organization_id,
        scope,
        scope_id,
        currency,
        month,
        budget,
        unblended_cost as spent,
        spent_share,
        case when scope in ('organization', 'project') then expected_month_end end as expected_month_end,
        case when scope in ('organization', 'project') then breached_on end as breached_on,
        case
            when scope in ('organization', 'project') or status not in ('at risk', 'on track') then status
        end as status
    from {{ ref('openai__budget_status') }}
    where scope <> 'model' and unblended_cost is not null
),

both_sides as (
    {% for check_name, (value, detail, currency) in checks.items() %}
        {% for side, amounts in sides.items() %}
            select
                '{{ check_name }}' as check_name,
                organization_id,
                month,
                {{ currency }} as currency,
                {{ slash_separated(['budget_source', 'scope', 'scope_id', detail]) }} as item,
                cast({{ value if side == 'expected' else 0 }} as {{ money() }}) as expected,
                cast({{ value if side == 'actual' else 0 }} as {{ money() }}) as actual
            from {{ amounts }}
            {{ 'where spent <> 0' if 'status of' in check_name }}
            {{ 'union all' if side == 'expected' }}
        {% endfor %}
        {{ 'union all' if not loop.last }}
    {% endfor %}
),

-- Shares and expected costs are doubles.
with_tolerance as (
    select
        *,
        case
            when check_name like '% spent share' or check_name like '% whole month'
                then 0.000000001 * abs(expected)
            else 0
        end as tolerance
    from both_sides
)

{{ items_that_differ('with_tolerance', period='month', has_tolerance=true) }}
