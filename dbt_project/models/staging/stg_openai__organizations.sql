select
    organization_id,
    nullif(name_in_header, '') as name_in_header,
    earliest_day,
    earliest_seen_on
from {{ raw('organizations') }} as organizations
