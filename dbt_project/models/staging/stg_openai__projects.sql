select
    organization_id,
    id as project_id,
    nullif(name, '') as project_name,
    status,
    {{ utc('created_at') }} as created_at,
    {{ utc('archived_at') }} as archived_at,
    nullif({{ optional_column(source('openai_raw', 'projects'), 'residency') }}, '') as residency,
    {{ utc('valid_from') }} as valid_from,
    valid_to is null as is_latest
from {{ source_or_empty('projects') }} as projects
