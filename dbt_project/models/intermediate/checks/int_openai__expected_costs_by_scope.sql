{{ config(materialized='table', tags=['whole_history']) }}

-- By scope: its id, and the rows that count.
{% set scopes = {
    'organization': ('organization_id', 'has_project'),
    'project': ("coalesce(project_id, '')", 'has_project'),
    'user': ('user_id', 'has_user and user_id is not null'),
    'api_key': ('api_key_id', 'has_project and api_key_id is not null'),
    'team': ('team', 'has_project'),
} %}

with costs as (
    select *
    from {{ ref('int_openai__expected_costs_by_month') }}
),

entered as (
    select
        trim(organization_id) as organization_id,
        case trim(kind) when 'service_account' then 'user' else trim(kind) end as kind,
        trim(id) as id,
        nullif(trim(team), '') as team
    from {{ ref('teams') }}
),

-- A row that people have to correct assigns nothing.
teams as (
    select
        organization_id,
        kind,
        id,
        max(team) as team
    from entered
    group by organization_id, kind, id
    having count(*) = 1 and lower(max(team)) <> 'unassigned'
),

with_teams as (
    select
        costs.*,
        coalesce(keys.team, people.team, projects.team, 'Unassigned') as team
    from costs
    {% for name, kind, id in [
        ('keys', 'api_key', 'api_key_id'), ('people', 'user', 'user_id'), ('projects', 'project', 'project_id')
    ] %}
        left join teams as {{ name }}
            on costs.organization_id = {{ name }}.organization_id
            and {{ name }}.kind = '{{ kind }}'
            and costs.{{ id }} = {{ name }}.id
    {% endfor %}
),

costs_of_scopes as (
    {% for scope, (id, counts) in scopes.items() %}
        select
            organization_id,
            month,
            '{{ scope }}' as scope,
            {{ id }} as scope_id,
            currency,
            amount,
            lowest_amount
        from with_teams
        where {{ counts }}
        {{ 'union all' if not loop.last }}
    {% endfor %}
)

select
    organization_id,
    month,
    scope,
    scope_id,
    currency,
    cast(sum(amount) as {{ money() }}) as amount,
    min(lowest_amount) as lowest_amount
from costs_of_scopes
group by organization_id, month, scope, scope_id, currency
