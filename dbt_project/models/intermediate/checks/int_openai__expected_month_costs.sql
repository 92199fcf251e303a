-- The ids follow the marts: `organization`, or `project` and its id.
with days as (
    select
        organization_id,
        max(case when is_closed then date end) as as_of,
        cast({{ dbt.date_trunc('month', 'max(date)') }} as date) as month
    from {{ source('openai_raw', 'cost_days') }}
    group by organization_id
),

months as (
    select
        days.organization_id,
        days.as_of,
        days.month,
        cast({{ dbt.dateadd('month', -1, 'days.month') }} as date) as previous_month,
        {{ days_after('days.month', -1) }} as last_day
    from days
),

-- Organizations with the whole previous month in the ledger.
closed as (
    select
        months.organization_id,
        months.last_day
    from months
    inner join {{ source('openai_raw', 'cost_days') }} as ledger
        on months.organization_id = ledger.organization_id
        and ledger.date between months.previous_month and months.last_day
    where ledger.is_closed
    group by months.organization_id, months.previous_month, months.last_day
    having count(*) = {{ dbt.datediff('months.previous_month', 'months.last_day', 'day') }} + 1  -- noqa: LT05
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
    months.month,
    cast(
        sum(
            case when costs.date between months.month and months.as_of then costs.amount else 0 end
        ) as {{ money() }}
    ) as month_cost,
    cast(
        sum(case when costs.date <= closed.last_day then costs.amount end) as {{ money() }}
    ) as previous_month_cost
from costs
inner join months
    on costs.organization_id = months.organization_id
    and costs.date >= months.previous_month
left join closed on months.organization_id = closed.organization_id
group by costs.organization_id, costs.currency, costs.item, months.month
