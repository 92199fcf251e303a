select
    organization_id,
    kind,
    id,
    team,
    reason
from {{ ref('stg_openai__teams') }}
where reason is not null
