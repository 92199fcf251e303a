with trimmed as (
    select
        nullif(trim(organization_id), '') as organization_id,
        nullif(trim(kind), '') as kind,
        nullif(trim(id), '') as id,
        nullif(trim(team), '') as team,
        nullif(trim(cost_center), '') as cost_center
    from {{ ref('teams') }}
),

filled as (
    select
        *,
        -- People and service accounts share a column in costs, and their ids never collide.
        case when kind = 'service_account' then 'user' else kind end as kind_of_id,
        case when id is not null then 'row of ' || id else 'row without an id' end as row_label
    from trimmed
    where
        coalesce(organization_id, kind, id, team, cost_center) is not null
        and coalesce(organization_id, '') not like '#%'
),

counted as (
    select
        *,
        count(*) over (partition by organization_id, kind_of_id, id) as times
    from filled
)

select
    organization_id,
    kind,
    kind_of_id,
    id,
    team,
    cost_center,
    -- An invalid row, or an id that occurs twice, would assign money to the wrong team.
    case
        when organization_id is null then row_label || ': organization_id is missing'
        when kind is null then row_label || ': kind is missing'
        when kind not in ('user', 'service_account', 'project', 'api_key')
            then row_label || ': kind "' || kind || '" is not one of user, service_account, project, api_key'
        when id is null then row_label || ', team "' || coalesce(team, '') || '": id is missing'
        when team is null then row_label || ': team is missing'
        when lower(team) = 'unassigned'
            then row_label || ': team "' || team || '" is reserved for costs without a team'
        when times > 1
            then row_label || ', team "' || team || '": this ' || kind || ' occurs more than once'
    end as reason
from counted
