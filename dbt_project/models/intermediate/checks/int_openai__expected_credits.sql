{{ config(enabled=var('plans_enabled'), materialized='table', tags=['whole_history']) }}

-- A negative change for the costs of each day since the first grant, and a positive one for each grant.
with changes as (
    select
        organization_id,
        currency,
        date,
        -amount as amount,
        1 as days
    from {{ ref('int_openai__expected_credit_days') }}
    where date >= first_day

    union all

    select
        organization_id,
        currency,
        granted_on as date,
        amount,
        0 as days
    from {{ ref('int_openai__expected_grants') }}
),

-- The balance is unknown if one of the days is.
balances as (
    select
        days.organization_id,
        days.currency,
        days.first_day,
        days.date,
        days.is_closed,
        days.is_loaded,
        days.amount,
        case
            when sum(changes.days) = {{ dbt.datediff('days.first_day', 'days.date', 'day') }} + 1  -- noqa: LT05
                then sum(changes.amount)
        end as balance
    from {{ ref('int_openai__expected_credit_days') }} as days
    inner join changes
        on days.organization_id = changes.organization_id
        and days.currency = changes.currency
        and days.date >= changes.date
    where days.date >= days.first_day
    group by
        days.organization_id, days.currency, days.first_day, days.date, days.is_closed, days.is_loaded,
        days.amount
),

paces as (
    select
        days.organization_id,
        days.currency,
        days.date,
        {{ ratio('sum(past.amount)', 'count(*)') }} as daily_cost
    from balances as days
    inner join {{ ref('int_openai__expected_credit_days') }} as past
        on days.organization_id = past.organization_id
        and days.currency = past.currency
        and {{ dbt.datediff('past.date', 'days.date', 'day') }} between 0 and 27  -- noqa: LT05
        and past.is_closed = 1
    group by days.organization_id, days.currency, days.date
)

select
    balances.organization_id,
    balances.currency,
    balances.first_day,
    balances.date,
    balances.is_loaded,
    paces.daily_cost,
    cast(balances.balance as {{ money() }}) as balance,
    -- The cost that an open day is still expected to have.
    case
        when balances.is_closed = 0 and paces.daily_cost > cast(balances.amount as {{ double() }})
            then paces.daily_cost - cast(balances.amount as {{ double() }})
        else 0
    end as remaining_cost
from balances
left join paces
    on balances.organization_id = paces.organization_id
    and balances.currency = paces.currency
    and balances.date = paces.date
