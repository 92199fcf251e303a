select
    organization_id,
    kind,
    id,
    team,
    fault as reason
from {{ ref('stg_team_faults') }}
order by fault
