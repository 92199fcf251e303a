select
    projects.organization_id,
    coalesce(organizations.organization_name, projects.organization_id) as organization_name,
    projects.project_id,
    projects.project_name,
    projects.former_name,
    projects.renamed_on,
    projects.status,
    projects.created_at,
    projects.archived_at,
    seen.first_seen,
    seen.last_seen,
    -- An id that was never listed is deleted if the listing was read after its last costs.
    coalesce(seen.is_deleted, case when listings.listed_on >= seen.last_seen then true end) as is_deleted,
    seen.currency,
    seen.unblended_cost,
    projects.residency
from {{ ref('int_openai__projects') }} as projects
left join {{ ref('int_openai__organizations') }} as organizations
    on projects.organization_id = organizations.organization_id
left join {{ ref('int_openai__first_and_last_seen') }} as seen
    on projects.organization_id = seen.organization_id
    and seen.kind = 'project'
    and projects.project_id = seen.id
left join {{ ref('stg_openai__listings') }} as listings
    on projects.organization_id = listings.organization_id
    and listings.kind = 'project'
    and listings.project_id = ''
