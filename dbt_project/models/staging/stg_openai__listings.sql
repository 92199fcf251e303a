select
    organization_id,
    kind,
    project_id,
    cast({{ utc('listed_at') }} as date) as listed_on
from {{ source_or_empty('listings') }} as listings
