{{ config(enabled=var('plans_enabled')) }}

-- The ids follow the marts: `organization`, or `project` and its id.
with latest as (
    select
        organization_id,
        month,
        as_of,
        is_known,
        cast({{ add_to_date('month', -1, 'month') }} as date) as previous_month
    from {{ ref('int_openai__expected_months') }}
    where is_latest
),

costs as (
    select
        *,
        'organization' as item
    from {{ ref('int_openai__expected_costs_by_day') }}

    union all

    select
        *,
        {{ slash_separated(["'project'", "nullif(project_id, '')"]) }} as item
    from {{ ref('int_openai__expected_costs_by_day') }}
)

select
    costs.organization_id,
    costs.currency,
    costs.item,
    latest.month,
    latest.is_known,
    cast(
        sum(case when costs.date >= latest.month then costs.amount else 0 end) as {{ money() }}
    ) as month_cost,
    cast(
        sum(case when costs.date between latest.month and latest.as_of then costs.amount else 0 end)
        as {{ money() }}
    ) as closed_cost,
    cast(
        sum(case when previous.is_closed and costs.date < latest.month then costs.amount end) as {{ money() }}
    ) as previous_month_cost
from costs
inner join latest
    on costs.organization_id = latest.organization_id
    and costs.date >= latest.previous_month
left join {{ ref('int_openai__expected_months') }} as previous
    on latest.organization_id = previous.organization_id
    and latest.previous_month = previous.month
group by costs.organization_id, costs.currency, costs.item, latest.month, latest.is_known
