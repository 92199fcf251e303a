select
    organization_id,
    kind,
    project_id,
    cast({{ utc('listed_at') }} as date) as listed_on
from {{ raw('listings') }} as listings
