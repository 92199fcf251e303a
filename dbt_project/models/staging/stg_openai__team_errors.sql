select
    organization_id,
    kind,
    id,
    team,
    fault
from {{ ref('stg_openai__teams') }}
where fault is not null
