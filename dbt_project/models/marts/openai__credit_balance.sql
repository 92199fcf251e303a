{{ config(enabled=var('plans_enabled')) }}

{% set in_order = 'partition by organization_id, currency order by date' %}

with balances as (
    select
        *,
        {{ previous_value('granted', in_order) }} as granted_before,
        max(case when balance >= 0 then date end) over (
            {{ in_order }} rows between unbounded preceding and current row
        ) as last_day_above
    from {{ ref('int_openai__credit_balances') }}
),

paces as (
    select
        balances.organization_id,
        balances.currency,
        balances.date,
        {{ ratio('sum(days.unblended_cost)', 'count(*)') }} as daily_cost
    from balances
    inner join {{ ref('int_openai__credit_days') }} as days
        on balances.organization_id = days.organization_id
        and balances.currency = days.currency
        and balances.date >= days.date
        and {{ days_after('balances.date', -28) }} < days.date
        and days.is_closed
    group by balances.organization_id, balances.currency, balances.date
),

-- An open day is expected to cost as much as a closed one, or what it has cost already.
with_pace as (
    select
        balances.*,
        paces.daily_cost,
        {{ ratio('balances.balance', 'paces.daily_cost') }}
        - case
            when balances.is_closed then 0
            else greatest(0, 1 - {{ ratio('balances.unblended_cost', 'paces.daily_cost') }})
        end as days_left
    from balances
    left join paces
        on balances.organization_id = paces.organization_id
        and balances.currency = paces.currency
        and balances.date = paces.date
)

select
    with_pace.date,
    with_pace.organization_id,
    organizations.organization_name,
    with_pace.currency,
    cast(
        {{ difference('with_pace.granted', 'coalesce(with_pace.granted_before, 0)') }} as {{ money() }}
    ) as granted,
    cast(with_pace.unblended_cost as {{ money() }}) as unblended_cost,
    with_pace.balance,
    with_pace.daily_cost,
    -- A date more than ten years ahead is too uncertain to show. The summand is the error of a division.
    case
        when with_pace.balance < 0
            then coalesce({{ days_after('with_pace.last_day_above', 1) }}, with_pace.first_day)
        when with_pace.daily_cost > 0 and with_pace.days_left < 3650
            then {{ days_after('with_pace.date', 'floor(with_pace.days_left + 0.000000001) + 1') }}
    end as runs_out_on,
    case
        when with_pace.missing_days = 1
            then cast(with_pace.missing_from as {{ dbt.type_string() }}) || ' is not loaded'
        when with_pace.missing_days > 1
            then
                cast(with_pace.missing_days as {{ dbt.type_string() }})
                || ' days from ' || cast(with_pace.missing_from as {{ dbt.type_string() }})
                || ' to ' || cast(with_pace.missing_until as {{ dbt.type_string() }}) || ' are not loaded'
    end as unknown_because
from with_pace
left join {{ ref('int_openai__organizations') }} as organizations
    on with_pace.organization_id = organizations.organization_id
where not with_pace.is_trimmed
