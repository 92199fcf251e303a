select
    organization_id,
    kind,
    id,
    team,
    fault
from {{ ref('stg_teams') }}
where fault is not null
