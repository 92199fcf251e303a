with daily as (
    select
        date,
        organization_id,
        project_id,
        currency,
        sum(unblended_cost) as unblended_cost
    from {{ ref('int_openai__daily_costs_by_identity') }}
    group by date, organization_id, project_id, currency
)

select
    daily.date,
    daily.organization_id,
    organizations.organization_name,
    daily.project_id,
    projects.project_name,
    daily.currency,
    cast(daily.unblended_cost as {{ money() }}) as unblended_cost
from daily
left join {{ ref('int_openai__organizations') }} as organizations
    on daily.organization_id = organizations.organization_id
left join {{ ref('int_openai__projects') }} as projects
    on daily.organization_id = projects.organization_id
    and daily.project_id = projects.project_id
