select
    organization_id,
    id as user_id,
    project_id,
    nullif(name, '') as user_name,
    role,
    {{ utc('created_at') }} as created_at,
    {{ utc('valid_from') }} as valid_from,
    valid_to is null as is_latest
from {{ source_or_empty('service_accounts') }} as service_accounts
