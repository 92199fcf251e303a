with days_by_user as (
    select distinct
        organization_id,
        date
    from {{ ref('stg_openai__costs_by_user') }}
),

daily as (
    select
        charges.date,
        charges.organization_id,
        coalesce(teams.team, 'Unassigned') as team,
        teams.cost_center,
        charges.currency,
        sum(charges.unblended_cost) as unblended_cost
    from {{ ref('int_openai__attributed_daily_costs') }} as charges
    left join {{ ref('int_openai__charge_teams') }} as teams on {{ is_team_of_charge('teams', 'charges') }}
    group by
        charges.date, charges.organization_id, coalesce(teams.team, 'Unassigned'), teams.cost_center,
        charges.currency
)

select
    daily.date,
    daily.organization_id,
    organizations.organization_name,
    daily.team,
    daily.cost_center,
    daily.currency,
    cast(daily.unblended_cost as {{ money() }}) as unblended_cost,
    case
        when days_by_user.date is not null then 'users were returned separately from projects and keys'
    end as assignment_limited_because
from daily
left join {{ ref('int_openai__organizations') }} as organizations
    on daily.organization_id = organizations.organization_id
left join days_by_user
    on daily.organization_id = days_by_user.organization_id
    and daily.date = days_by_user.date
