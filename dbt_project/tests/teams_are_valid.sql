-- Rows of the seed `teams` that a person has to correct, and why. They assign nothing.
select
    organization_id,
    kind,
    id,
    team,
    reason
from {{ ref('int_openai__team_errors') }}
order by reason
