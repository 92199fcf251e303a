{{ config(enabled=var('plans_enabled')) }}

-- The days of the 8 weeks until the latest closed day, by their place in the week, counted backwards.
with daily as (
    select
        organization_id,
        project_id,
        date,
        currency,
        cast(amount as {{ double() }}) as amount
    from {{ ref('int_openai__expected_costs_by_day') }}
),

first_days as (
    select
        organization_id,
        project_id,
        currency,
        min(date) as first_day
    from daily
    group by organization_id, project_id, currency
),

closed as (
    select
        organization_id,
        max(date) as as_of
    from {{ source('openai_raw', 'cost_days') }}
    where is_closed
    group by organization_id
),

-- A day without costs counts as 0 if it is in the ledger.
days as (
    select
        first_days.organization_id,
        first_days.project_id,
        first_days.currency,
        {{ dbt.datediff('ledger.date', 'closed.as_of', 'day') }} as days_ago,  -- noqa: LT05
        coalesce(daily.amount, 0) as amount
    from first_days
    inner join closed on first_days.organization_id = closed.organization_id
    inner join {{ source('openai_raw', 'cost_days') }} as ledger
        on first_days.organization_id = ledger.organization_id
        and first_days.first_day <= ledger.date
        and closed.as_of >= ledger.date
    left join daily
        on first_days.organization_id = daily.organization_id
        and first_days.project_id = daily.project_id
        and first_days.currency = daily.currency
        and ledger.date = daily.date
)

select
    organization_id,
    project_id,
    currency,
    case when days_ago < 28 then 'recent' else 'earlier' end as weeks,
    mod(days_ago, 7) as weekday,
    count(*) as days,
    case
        when count(*) >= 3 then (sum(amount) - min(amount) - max(amount)) / (count(*) - 2)
        else sum(amount) / count(*)
    end as cost_of_a_day
from days
where days_ago < 56
group by
    organization_id, project_id, currency, case when days_ago < 28 then 'recent' else 'earlier' end,
    mod(days_ago, 7)
