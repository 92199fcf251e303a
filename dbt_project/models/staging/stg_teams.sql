with trimmed as (
    select
        nullif(trim(organization_id), '') as organization_id,
        nullif(trim(kind), '') as kind,
        nullif(trim(id), '') as id,
        nullif(trim(team), '') as team,
        nullif(trim(cost_center), '') as cost_center
    from {{ ref('teams') }}
)

select
    organization_id,
    kind,
    -- Ids of people and of service accounts never meet: they are told in the same column.
    case when kind = 'service_account' then 'user' else kind end as kind_of_id,
    id,
    team,
    cost_center
from trimmed
where
    coalesce(organization_id, kind, id, team, cost_center) is not null
    and coalesce(organization_id, '') not like '#%'
