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

burning as (
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
    burning.date,
    burning.organization_id,
    organizations.organization_name,
    burning.currency,
    cast(burning.granted - coalesce(burning.granted_before, 0) as {{ money() }}) as granted,
    cast(burning.unblended_cost as {{ money() }}) as unblended_cost,
    cast(burning.balance as {{ money() }}) as balance,
    burning.daily_cost,
    -- Ten years on, nobody knows what a day will cost.
    case
        when burning.balance <= 0 then burning.date
        when burning.daily_cost > 0 and burning.days_left < 3650
            then {{ days_after('burning.date', 'ceil(burning.days_left)') }}
    end as runs_out_on
from burning
left join {{ ref('int_openai__organizations') }} as organizations
    on burning.organization_id = organizations.organization_id
