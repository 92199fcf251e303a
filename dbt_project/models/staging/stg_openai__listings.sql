select
    organization_id,
    kind,
    project_id,
    {{ utc('listed_at') }} as listed_at,
    cast({{ utc('listed_at') }} as date) as listed_on
from {{ source_or_empty('listings') }} as listings
