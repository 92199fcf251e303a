select
    organization_id,
    id as api_key_id,
    project_id,
    nullif(name, '') as api_key_name,
    owner_id,
    coalesce(nullif(owner_name, ''), {{ readable_email('owner_email') }}) as owner_name,
    case when owner_type = 'service_account' then 'service_account' else 'user' end as owner_type,
    {{ utc('created_at') }} as created_at,
    {{ utc('valid_from') }} as valid_from,
    valid_to is null as is_latest
from {{ source_or_empty('api_keys') }} as api_keys
