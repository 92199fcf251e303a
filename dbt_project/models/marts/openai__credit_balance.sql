with balances as (
    select
        days.organization_id,
        days.currency,
        days.date,
        days.unblended_cost,
        days.granted,
        days.granted - days.spent as balance
    from {{ ref('int_openai__credit_days') }} as days
),

recent as (
    select
        balances.organization_id,
        balances.currency,
        balances.date,
        {{ ratio('coalesce(sum(costs.unblended_cost), 0)', 28) }} as daily_cost
    from balances
    left join {{ ref('int_openai__scoped_costs') }} as costs
        on balances.organization_id = costs.organization_id
        and costs.scope = 'organization'
        and balances.currency = costs.currency
        and balances.date >= costs.date
        and {{ days_after('balances.date', -28) }} < costs.date
    group by balances.organization_id, balances.currency, balances.date
),

with_pace as (
    select
        balances.*,
        recent.daily_cost,
        {{ previous_value(
            'balances.granted',
            'partition by balances.organization_id, balances.currency order by balances.date'
        ) }} as granted_before,
        {{ ratio('balances.balance', 'recent.daily_cost') }} as days_left
    from balances
    inner join recent
        on balances.organization_id = recent.organization_id
        and balances.currency = recent.currency
        and balances.date = recent.date
)

select
    with_pace.date,
    with_pace.organization_id,
    organizations.organization_name,
    with_pace.currency,
    cast(with_pace.granted - coalesce(with_pace.granted_before, 0) as {{ money() }}) as granted,
    cast(with_pace.unblended_cost as {{ money() }}) as unblended_cost,
    cast(with_pace.balance as {{ money() }}) as balance,
    with_pace.daily_cost,
    -- A date more than ten years ahead is too uncertain to show.
    case
        when with_pace.balance <= 0 then with_pace.date
        when with_pace.daily_cost > 0 and with_pace.days_left < 3650
            then {{ days_after('with_pace.date', 'ceil(with_pace.days_left)') }}
    end as runs_out_on
from with_pace
left join {{ ref('int_openai__organizations') }} as organizations
    on with_pace.organization_id = organizations.organization_id
