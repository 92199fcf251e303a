-- An id that the warehouse does not know assigns nothing. It may be misspelt, or new and not used yet.
{{ config(severity='warn') }}

with known as (
    {% for kind in ('project', 'user', 'api_key') %}
        select
            organization_id,
            '{{ kind }}' as kind_of_id,
            {{ kind }}_id as id
        from {{ ref('int_openai__' ~ kind ~ 's') }}
        {{ 'union all' if not loop.last }}
    {% endfor %}
)

select
    teams.organization_id,
    teams.kind,
    teams.id,
    'row of ' || teams.id || ': the warehouse does not know this ' || teams.kind || ' in '
    || coalesce(teams.organization_id, '') as reason
from {{ ref('stg_openai__teams') }} as teams
left join known
    on teams.organization_id = known.organization_id
    and teams.kind_of_id = known.kind_of_id
    and teams.id = known.id
where
    known.id is null
    and teams.id is not null
    and teams.kind_of_id in ('user', 'project', 'api_key')
order by teams.id
