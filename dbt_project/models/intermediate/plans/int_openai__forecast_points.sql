{{ config(enabled=var('plans_enabled')) }}

-- A past month is forecast from the same day of the month as the current month.
with closed as (
    select
        organization_id,
        max(date) as as_of
    from {{ ref('stg_openai__cost_days') }}
    where is_closed
    group by organization_id
),

first_days as (
    select
        organization_id,
        min(date) as first_day
    from {{ ref('int_openai__daily_costs_by_identity') }}
    group by organization_id
),

latest as (
    select
        organization_id,
        max(month) as month
    from {{ ref('int_openai__ledger_months') }}
    group by organization_id
),

points as (
    select
        months.organization_id,
        months.month,
        months.days,
        first_days.first_day,
        months.month = latest.month as is_current,
        months.closed_days = months.days as is_complete,
        case
            when months.month = latest.month then closed.as_of
            else {{ days_after(
                'months.month',
                'least(' ~ dbt.datediff('latest.month', 'closed.as_of', 'day') ~ ', months.days - 1)'
            ) }}
        end as as_of,
        cast({{ add_to_date('month', 1, 'months.month') }} as date) as next_month,
        {{ dbt.datediff('months.month', 'latest.month', 'month') }} as months_ago  -- noqa: LT05
    from {{ ref('int_openai__ledger_months') }} as months
    inner join latest on months.organization_id = latest.organization_id
    inner join closed on months.organization_id = closed.organization_id
    inner join first_days on months.organization_id = first_days.organization_id
)

select
    organization_id,
    month,
    next_month,
    as_of,
    first_day,
    is_current
from points
where
    is_current
    -- Half a year shows the method's current error; the method needs at least four weeks.
    or (months_ago <= 6 and is_complete and {{ days_after('first_day', 28) }} <= as_of)
