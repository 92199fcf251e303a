select
    organization_id,
    owner_id as user_id,
    max(owner_type) as user_type,
    -- A service account belongs to the project of its keys, a user to no project.
    max(case when owner_type = 'service_account' then project_id end) as project_id
from {{ ref('stg_openai__api_keys') }}
where owner_id is not null
group by organization_id, owner_id
