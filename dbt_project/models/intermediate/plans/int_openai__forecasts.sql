{{ config(enabled=var('plans_enabled')) }}

{% set key = ['organization_id', 'month', 'scope', 'scope_id', 'currency'] %}

with days as (
    select
        points.organization_id,
        points.month,
        costs.scope,
        costs.scope_id,
        costs.currency,
        costs.unblended_cost,
        case when costs.date <= points.as_of then costs.unblended_cost else 0 end as known_cost,
        0 as expected_cost
    from {{ ref('int_openai__forecast_points') }} as points
    inner join {{ ref('int_openai__scoped_costs') }} as costs
        on points.organization_id = costs.organization_id
        and points.month <= costs.date
        and points.next_month > costs.date
    where costs.scope in ('organization', 'project')

    union all

    select
        {{ key | join(', ') }},
        0 as unblended_cost,
        0 as known_cost,
        expected_cost
    from {{ ref('int_openai__expected_daily_costs') }}
    where scope in ('organization', 'project')
),

months as (
    select
        {{ key | join(', ') }},
        cast(sum(unblended_cost) as {{ money() }}) as unblended_cost,
        cast(sum(known_cost) as {{ money() }}) as known_cost,
        cast(sum(known_cost) as {{ double() }}) + sum(expected_cost) as expected_month_end
    from days
    group by {{ key | join(', ') }}
)

select
    months.organization_id,
    months.month,
    points.as_of,
    points.is_current,
    months.scope,
    months.scope_id,
    months.currency,
    months.unblended_cost,
    months.known_cost,
    -- Sums of doubles may be lower by their last digit.
    case
        when points.is_current
            then greatest(months.expected_month_end, cast(months.unblended_cost as {{ double() }}))
        else months.expected_month_end
    end as expected_month_end
from months
inner join {{ ref('int_openai__forecast_points') }} as points
    on months.organization_id = points.organization_id
    and months.month = points.month
