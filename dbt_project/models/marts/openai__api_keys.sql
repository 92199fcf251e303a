select
    api_keys.organization_id,
    coalesce(organizations.organization_name, api_keys.organization_id) as organization_name,
    api_keys.api_key_id,
    api_keys.api_key_name,
    api_keys.former_name,
    api_keys.renamed_on,
    api_keys.project_id,
    projects.project_name,
    api_keys.owner_id,
    owners.user_name as owner_name,
    owners.user_type as owner_type,
    api_keys.created_at,
    seen.first_seen,
    seen.last_seen,
    seen.last_used_at,
    -- An id that was never listed is deleted if the listing was read after its last costs.
    coalesce(seen.is_deleted, case when listings.listed_on >= seen.last_seen then true end) as is_deleted,
    seen.currency,
    seen.unblended_cost
from {{ ref('int_openai__api_keys') }} as api_keys
left join {{ ref('int_openai__organizations') }} as organizations
    on api_keys.organization_id = organizations.organization_id
left join {{ ref('int_openai__first_and_last_seen') }} as seen
    on api_keys.organization_id = seen.organization_id
    and seen.kind = 'api_key'
    and api_keys.api_key_id = seen.id
left join {{ ref('stg_openai__listings') }} as listings
    on api_keys.organization_id = listings.organization_id
    and listings.kind = 'api_key'
    and api_keys.project_id = listings.project_id
left join {{ ref('int_openai__projects') }} as projects
    on api_keys.organization_id = projects.organization_id
    and api_keys.project_id = projects.project_id
left join {{ ref('int_openai__users') }} as owners
    on api_keys.organization_id = owners.organization_id
    and api_keys.owner_id = owners.user_id
