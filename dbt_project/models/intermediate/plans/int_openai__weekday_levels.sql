{{ config(enabled=var('plans_enabled')) }}

-- The level of a weekday is the mean of its last four days without the lowest and the highest, which one
-- outlier does not move; with fewer than three days, their mean. Weekdays are counted backwards from the
-- forecast's last day, which is the same in all engines.
with scopes as (
    select
        organization_id,
        scope,
        scope_id,
        currency,
        min(date) as first_day
    from {{ ref('int_openai__scoped_costs') }}
    -- The forecast of an organization is the sum of its projects.
    where scope not in ('organization', 'api_key')
    group by organization_id, scope, scope_id, currency
),

days as (
    select
        points.organization_id,
        points.month,
        points.is_current,
        ledger.date,
        {{ dbt.datediff('ledger.date', 'points.as_of', 'day') }} as age  -- noqa: LT05
    from {{ ref('int_openai__forecast_points') }} as points
    inner join {{ ref('stg_openai__cost_days') }} as ledger
        on points.organization_id = ledger.organization_id
        and points.as_of >= ledger.date
        and {{ days_after('points.as_of', -56) }} < ledger.date
),

costs as (
    select
        scopes.organization_id,
        scopes.scope,
        scopes.scope_id,
        scopes.currency,
        days.month,
        mod(days.age, 7) as weekday,
        case when days.age < 28 then 'recent' else 'earlier' end as weeks,
        cast(coalesce(costs.unblended_cost, 0) as {{ double() }}) as cost
    from days
    inner join scopes
        on days.organization_id = scopes.organization_id
        and days.date >= scopes.first_day
        -- Backtests exist only for this scope.
        and (days.is_current or scopes.scope = 'project')
    left join {{ ref('int_openai__scoped_costs') }} as costs
        on scopes.organization_id = costs.organization_id
        and scopes.scope = costs.scope
        and scopes.scope_id = costs.scope_id
        and scopes.currency = costs.currency
        and days.date = costs.date
)

select
    organization_id,
    month,
    scope,
    scope_id,
    currency,
    weeks,
    weekday,
    count(*) as days,
    case
        when count(*) < 3 then avg(cost)
        else (sum(cost) - max(cost) - min(cost)) / (count(*) - 2)
    end as level
from costs
group by organization_id, month, scope, scope_id, currency, weeks, weekday
