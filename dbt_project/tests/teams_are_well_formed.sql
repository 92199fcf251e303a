select
    organization_id,
    kind,
    id,
    team,
    fault as reason
from {{ ref('stg_openai__team_errors') }}
order by fault
