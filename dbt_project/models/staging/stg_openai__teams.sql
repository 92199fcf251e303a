with trimmed as (
    select
        nullif(trim(organization_id), '') as organization_id,
        nullif(trim(kind), '') as kind,
        nullif(trim(id), '') as id,
        nullif(trim(team), '') as team,
        nullif(trim(cost_center), '') as cost_center,
        nullif(trim({{ optional_column(ref('openai_costs', 'teams'), 'valid_from') }}), '') as valid_from,
        nullif(trim({{ optional_column(ref('openai_costs', 'teams'), 'valid_to') }}), '') as valid_to
    from {{ ref('openai_costs', 'teams') }}
),

filled as (
    select
        *,
        -- People and service accounts share a column in costs, and their ids never collide.
        case when kind = 'service_account' then 'user' else kind end as kind_of_id,
        case
            when valid_from is null then cast('{{ earliest_day() }}' as date)
            else {{ parse_day('valid_from') }}
        end as first_day,
        case
            when valid_to is null then cast('{{ latest_day() }}' as date)
            else {{ parse_day('valid_to') }}
        end as last_day,
        case when id is not null then 'row of ' || id else 'row without an id' end as row_label
    from trimmed
    where
        coalesce(organization_id, kind, id, team, cost_center, valid_from, valid_to) is not null
        and coalesce(organization_id, '') not like '#%'
),

-- A row that overlaps a later one overlaps the next one, and this also holds backwards for the last days.
compared as (
    select
        *,
        {{ next_value(
            'first_day', 'partition by organization_id, kind_of_id, id order by first_day, last_day'
        ) }} as next_first_day,
        max(last_day) over (
            partition by organization_id, kind_of_id, id order by first_day, last_day
            rows between unbounded preceding and 1 preceding
        ) as previous_last_day
    from filled
)

select
    organization_id,
    kind,
    kind_of_id,
    id,
    team,
    cost_center,
    first_day,
    last_day,
    -- An invalid row, or two rows of an id for the same day, would assign money to the wrong team.
    case
        when organization_id is null then row_label || ': organization_id is missing'
        when kind is null then row_label || ': kind is missing'
        when kind not in ('user', 'service_account', 'project', 'api_key')
            then row_label || ': kind "' || kind || '" is not one of user, service_account, project, api_key'
        when id is null then row_label || ', team "' || coalesce(team, '') || '": id is missing'
        when team is null then row_label || ': team is missing'
        when lower(team) = 'unassigned'
            then row_label || ': team "' || team || '" is reserved for costs without a team'
        when first_day is null
            then row_label || ': valid_from is not a day such as 2026-10-01: ' || valid_from
        when last_day is null then row_label || ': valid_to is not a day such as 2026-10-01: ' || valid_to
        when first_day > last_day then row_label || ': valid_to is before valid_from: ' || valid_to
        when next_first_day <= last_day or previous_last_day >= first_day
            then row_label || ', team "' || team || '": this ' || kind || ' has another row for the same days'
    end as reason
from compared
