select
    organization_id,
    id as user_id,
    coalesce(nullif(name, ''), {{ readable_email('email') }}) as user_name,
    case when is_service_account then 'service_account' else 'user' end as user_type,
    role,
    {{ utc('added_at') }} as created_at,
    {{ utc('valid_from') }} as valid_from,
    valid_to is null as is_latest
from {{ source_or_empty('users') }} as users
