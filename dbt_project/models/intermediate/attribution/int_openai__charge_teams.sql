{{ config(materialized='table') }}

-- The assignment of the API key applies, else that of the person or service account, else that of the
-- project.
with charged as (
    select distinct
        organization_id,
        coalesce(project_id, '') as project_id,
        coalesce(user_id, '') as user_id,
        coalesce(api_key_id, '') as api_key_id
    from {{ ref('int_openai__attributed_daily_costs') }}
),

valid_teams as (
    select *
    from {{ ref('stg_openai__teams') }}
    where reason is null
),

assigned as (
    select
        charged.organization_id,
        charged.project_id,
        charged.user_id,
        charged.api_key_id,
        coalesce(keys.team, people.team, projects.team) as team,
        case
            when keys.team is not null then keys.cost_center
            when people.team is not null then people.cost_center
            else projects.cost_center
        end as cost_center
    from charged
    left join valid_teams as keys
        on charged.organization_id = keys.organization_id
        and keys.kind_of_id = 'api_key'
        and charged.api_key_id = keys.id
    left join valid_teams as people
        on charged.organization_id = people.organization_id
        and people.kind_of_id = 'user'
        and charged.user_id = people.id
    left join valid_teams as projects
        on charged.organization_id = projects.organization_id
        and projects.kind_of_id = 'project'
        and charged.project_id = projects.id
)

select
    organization_id,
    project_id,
    user_id,
    api_key_id,
    team,
    cost_center,
    {{ json_object({'team': 'team', 'cost_center': 'cost_center'}) }} as assigned_tags
from assigned
