{{ config(materialized='table') }}

-- The assignment of the API key applies, else that of the person or service account, else that of the
-- project.

with charged as (
    select distinct
        organization_id,
        coalesce(project_id, '') as project_id,
        coalesce(user_id, '') as user_id,
        coalesce(api_key_id, '') as api_key_id
    from {{ ref('int_openai__attributed_daily_costs') }}
),

valid_teams as (
    select *
    from {{ ref('stg_openai__teams') }}
    where reason is null
),

-- Within a period, no assignment of the organization begins or ends.
first_days as (
    select
        organization_id,
        cast('{{ earliest_day() }}' as date) as valid_from
    from charged

    union all

    select
        organization_id,
        first_day as valid_from
    from valid_teams

    union all

    select
        organization_id,
        {{ days_after('last_day', 1) }} as valid_from
    from valid_teams
    where last_day < cast('{{ latest_day() }}' as date)
),

periods as (
    select
        organization_id,
        valid_from,
        coalesce(
            {{ next_value('valid_from', 'partition by organization_id order by valid_from') }},
            cast('{{ latest_day() }}' as date)
        ) as valid_until
    from (select distinct * from first_days) as first_days
),

assigned as (
    select
        charged.organization_id,
        charged.project_id,
        charged.user_id,
        charged.api_key_id,
        periods.valid_from,
        periods.valid_until,
        coalesce(keys.team, people.team, projects.team) as team,
        case
            when keys.team is not null then keys.cost_center
            when people.team is not null then people.cost_center
            else projects.cost_center
        end as cost_center
    from charged
    inner join periods on charged.organization_id = periods.organization_id
    {% for teams, kind, id in [
        ('keys', 'api_key', 'api_key_id'), ('people', 'user', 'user_id'), ('projects', 'project', 'project_id')
    ] %}
        left join valid_teams as {{ teams }}
            on charged.organization_id = {{ teams }}.organization_id
            and {{ teams }}.kind_of_id = '{{ kind }}'
            and charged.{{ id }} = {{ teams }}.id
            and periods.valid_from between {{ teams }}.first_day and {{ teams }}.last_day
    {% endfor %}
)

select
    organization_id,
    project_id,
    user_id,
    api_key_id,
    valid_from,
    valid_until,
    team,
    cost_center,
    {{ json_object({'team': 'team', 'cost_center': 'cost_center'}) }} as assigned_tags
from assigned
