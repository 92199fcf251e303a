{{ config(enabled=var('plans_enabled')) }}

-- The open day may already have cost more than the method projects. A backtest does not know such days.
{% set key = ['organization_id', 'month', 'scope', 'scope_id', 'currency', 'date'] %}

with projected_or_billed as (
    select
        {{ key | join(', ') }},
        projected_cost as expected_cost
    from {{ ref('int_openai__projected_daily_costs') }}

    union all

    select
        points.organization_id,
        points.month,
        costs.scope,
        costs.scope_id,
        costs.currency,
        costs.date,
        cast(costs.unblended_cost as {{ double() }}) as expected_cost
    from {{ ref('int_openai__forecast_points') }} as points
    inner join {{ ref('int_openai__scoped_costs') }} as costs
        on points.organization_id = costs.organization_id
        and points.as_of < costs.date
        and points.month <= costs.date
        and points.next_month > costs.date
    where points.is_current and costs.scope not in ('organization', 'api_key')
),

expected as (
    select
        {{ key | join(', ') }},
        max(expected_cost) as expected_cost
    from projected_or_billed
    group by {{ key | join(', ') }}
)

select
    {{ key | join(', ') }},
    expected_cost
from expected

union all

-- The parts add up to the whole.
select
    organization_id,
    month,
    'organization' as scope,
    organization_id as scope_id,
    currency,
    date,
    sum(expected_cost) as expected_cost
from expected
where scope = 'project'
group by organization_id, month, currency, date
