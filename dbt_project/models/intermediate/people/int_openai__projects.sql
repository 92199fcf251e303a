{{ config(materialized='table') }}

-- A project that is not listed (it was deleted, or the key may not list it) gets its name from its cost rows.
with charged as (
    select
        organization_id,
        project_id,
        max(project_name) as project_name
    from (
        select
            organization_id,
            project_id,
            project_name
        from {{ ref('stg_openai__costs') }}

        union all

        select
            organization_id,
            project_id,
            null as project_name
        from {{ ref('stg_openai__trimmed_costs') }}
    ) as costs
    where project_id is not null
    group by organization_id, project_id
),

listed as (
    select
        projects.organization_id,
        projects.project_id,
        projects.status,
        projects.created_at,
        projects.archived_at,
        names.name,
        names.former_name,
        names.renamed_on,
        regions.residency,
        regions.region_id,
        regions.region_name
    from {{ ref('stg_openai__projects') }} as projects
    left join {{ ref('int_openai__latest_names') }} as names
        on projects.organization_id = names.organization_id
        and projects.project_id = names.id
        and names.kind = 'project'
    left join {{ ref('int_openai__project_regions') }} as regions
        on projects.organization_id = regions.organization_id
        and projects.project_id = regions.project_id
    where projects.is_latest
)

select
    coalesce(listed.organization_id, charged.organization_id) as organization_id,
    coalesce(listed.project_id, charged.project_id) as project_id,
    coalesce(
        listed.name, charged.project_name, listed.project_id, charged.project_id
    ) as project_name,
    listed.former_name,
    listed.renamed_on,
    listed.status,
    listed.created_at,
    listed.archived_at,
    listed.residency,
    listed.region_id,
    listed.region_name
from listed
full outer join charged
    on listed.organization_id = charged.organization_id
    and listed.project_id = charged.project_id
