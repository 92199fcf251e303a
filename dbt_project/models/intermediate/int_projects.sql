-- A project that the listing lacks (deleted, or the key may not list it) is named by its rows.
with mentions as (
    select
        organization_id,
        project_id,
        max(project_name) as project_name
    from {{ ref('stg_costs') }}
    where project_id is not null
    group by organization_id, project_id
),

listed as (
    select
        organization_id,
        id as project_id,
        name as project_name
    from {{ source('openai_raw', 'projects') }}
)

select
    coalesce(listed.organization_id, mentions.organization_id) as organization_id,
    coalesce(listed.project_id, mentions.project_id) as project_id,
    coalesce(
        listed.project_name, mentions.project_name, listed.project_id, mentions.project_id
    ) as project_name
from listed
full outer join mentions
    on listed.organization_id = mentions.organization_id
    and listed.project_id = mentions.project_id
