select
    organization_id,
    nullif(name_in_header, '') as name_in_header,
    earliest_day,
    earliest_seen_on
from {{ source_or_empty('organizations') }} as organizations
