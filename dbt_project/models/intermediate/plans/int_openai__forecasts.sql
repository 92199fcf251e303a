with spent as (
    select
        points.organization_id,
        points.month,
        points.as_of,
        points.is_current,
        costs.scope,
        costs.scope_id,
        costs.currency,
        sum(case when costs.date <= points.as_of then costs.unblended_cost else 0 end) as unblended_cost,
        sum(costs.unblended_cost) as cost_of_month
    from {{ ref('int_openai__forecast_points') }} as points
    inner join {{ ref('int_openai__scoped_costs') }} as costs
        on points.organization_id = costs.organization_id
        and points.month <= costs.date
        and points.next_month > costs.date
    where costs.scope in ('organization', 'project')
    group by
        points.organization_id, points.month, points.as_of, points.is_current, costs.scope, costs.scope_id,
        costs.currency
),

expected as (
    select
        organization_id,
        month,
        scope,
        scope_id,
        currency,
        sum(expected_cost) as expected_cost
    from {{ ref('int_openai__expected_daily_costs') }}
    where scope in ('organization', 'project')
    group by organization_id, month, scope, scope_id, currency
)

select
    points.organization_id,
    points.month,
    points.as_of,
    points.is_current,
    coalesce(spent.scope, expected.scope) as scope,
    coalesce(spent.scope_id, expected.scope_id) as scope_id,
    coalesce(spent.currency, expected.currency) as currency,
    cast(coalesce(spent.unblended_cost, 0) as {{ money() }}) as unblended_cost,
    cast(coalesce(spent.cost_of_month, 0) as {{ money() }}) as cost_of_month,
    cast(coalesce(spent.unblended_cost, 0) as {{ double() }}) + coalesce(expected.expected_cost, 0)
        as expected_month_end
from spent
full outer join expected
    on spent.organization_id = expected.organization_id
    and spent.month = expected.month
    and spent.scope = expected.scope
    and spent.scope_id = expected.scope_id
    and spent.currency = expected.currency
inner join {{ ref('int_openai__forecast_points') }} as points
    on coalesce(spent.organization_id, expected.organization_id) = points.organization_id
    and coalesce(spent.month, expected.month) = points.month
