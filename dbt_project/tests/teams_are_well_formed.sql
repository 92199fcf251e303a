-- A row that is not understood, or an id that stands twice, would put money on the wrong team.
with counted as (
    select
        *,
        count(*) over (partition by organization_id, kind_of_id, id) as times,
        case when id is not null then concat('row of ', id) else 'row without an id' end as row_named
    from {{ ref('stg_teams') }}
),

judged as (
    select
        organization_id,
        kind,
        id,
        team,
        case
            when organization_id is null then concat(row_named, ': organization_id is missing')
            when kind is null then concat(row_named, ': kind is missing')
            when kind not in ('user', 'service_account', 'project', 'api_key')
                then concat(
                    row_named, ': kind "', kind, '" is none of user, service_account, project, api_key'
                )
            when id is null then concat(row_named, ', team "', coalesce(team, ''), '": id is missing')
            when team is null then concat(row_named, ': team is missing')
            when lower(team) = 'unassigned'
                then concat(row_named, ': team "', team, '" is the name of the rest without a team')
            when times > 1
                then concat(row_named, ', team "', team, '": this ', kind, ' stands more than once')
        end as reason
    from counted
)

select
    organization_id,
    kind,
    id,
    team,
    reason
from judged
where reason is not null
order by reason
