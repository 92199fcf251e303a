select
    organization_id,
    kind,
    id,
    project_id,
    {{ utc('listed_at') }} as listed_at,
    {{ utc('last_used_at') }} as last_used_at
from {{ source_or_empty('listed') }} as listed
