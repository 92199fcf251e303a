{{ config(enabled=var('plans_enabled')) }}

with ledger as (
    select
        organization_id,
        max(date) as last_day,
        max(case when is_closed then date end) as as_of
    from {{ source('openai_raw', 'cost_days') }}
    group by organization_id
),

days as (
    select
        organization_id,
        date,
        is_closed,
        cast({{ dbt.date_trunc('month', 'date') }} as date) as month
    from {{ source('openai_raw', 'cost_days') }}
),

counted as (
    select
        days.organization_id,
        days.month,
        ledger.as_of,
        cast({{ add_to_date('month', 1, 'days.month') }} as date) as next_month,
        cast({{ dbt.date_trunc('month', 'ledger.last_day') }} as date) as latest_month,
        count(*) as loaded_days,
        sum(case when days.is_closed then 1 else 0 end) as closed_days,
        sum(case when days.date <= ledger.as_of then 1 else 0 end) as known_days
    from days
    inner join ledger on days.organization_id = ledger.organization_id
    group by days.organization_id, days.month, ledger.as_of, ledger.last_day
)

select
    organization_id,
    month,
    as_of,
    month = latest_month as is_latest,
    closed_days = {{ dbt.datediff('month', 'next_month', 'day') }} as is_closed,  -- noqa: LT05
    as_of is not null and case
        when month = latest_month then known_days >= {{ dbt.datediff('month', 'as_of', 'day') }} + 1  -- noqa: LT05
        else loaded_days = {{ dbt.datediff('month', 'next_month', 'day') }}  -- noqa: LT05
    end as is_known
from counted
