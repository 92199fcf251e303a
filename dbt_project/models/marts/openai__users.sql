select
    users.organization_id,
    coalesce(organizations.organization_name, users.organization_id) as organization_name,
    users.user_id,
    users.user_name,
    users.former_name,
    users.renamed_on,
    users.user_type,
    users.project_id,
    projects.project_name,
    users.role,
    users.created_at,
    seen.first_seen,
    seen.last_seen,
    -- An id that was never listed is deleted if the listing was read after its last costs.
    coalesce(seen.is_deleted, case when listings.listed_on >= seen.last_seen then true end) as is_deleted,
    seen.currency,
    seen.unblended_cost
from {{ ref('int_openai__users') }} as users
left join {{ ref('int_openai__organizations') }} as organizations
    on users.organization_id = organizations.organization_id
left join {{ ref('int_openai__first_and_last_seen') }} as seen
    on users.organization_id = seen.organization_id
    and seen.kind = 'user'
    and users.user_id = seen.id
left join {{ ref('stg_openai__listings') }} as listings
    on users.organization_id = listings.organization_id
    and users.user_type = listings.kind
    and listings.project_id = case users.user_type when 'user' then '' else users.project_id end
left join {{ ref('int_openai__projects') }} as projects
    on users.organization_id = projects.organization_id
    and users.project_id = projects.project_id
