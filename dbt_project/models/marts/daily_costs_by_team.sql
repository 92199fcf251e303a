-- The nearest assignment counts: that of the key, else of the person or service account, else of the project.
with assigned as (
    select
        charges.date,
        charges.organization_id,
        charges.currency,
        charges.unblended_cost,
        coalesce(keys.team, people.team, projects.team, 'Unassigned') as team,
        case
            when keys.team is not null then keys.cost_center
            when people.team is not null then people.cost_center
            else projects.cost_center
        end as cost_center
    from {{ ref('int_charges') }} as charges
    left join {{ ref('stg_teams') }} as keys
        on charges.organization_id = keys.organization_id
        and keys.kind_of_id = 'api_key'
        and charges.api_key_id = keys.id
    left join {{ ref('stg_teams') }} as people
        on charges.organization_id = people.organization_id
        and people.kind_of_id = 'user'
        and charges.user_id = people.id
    left join {{ ref('stg_teams') }} as projects
        on charges.organization_id = projects.organization_id
        and projects.kind_of_id = 'project'
        and charges.project_id = projects.id
),

daily as (
    select
        date,
        organization_id,
        team,
        cost_center,
        currency,
        sum(unblended_cost) as unblended_cost
    from assigned
    group by date, organization_id, team, cost_center, currency
)

select
    daily.date,
    daily.organization_id,
    organizations.organization_name,
    daily.team,
    daily.cost_center,
    daily.currency,
    cast(daily.unblended_cost as {{ money() }}) as unblended_cost
from daily
left join {{ ref('int_organizations') }} as organizations
    on daily.organization_id = organizations.organization_id
