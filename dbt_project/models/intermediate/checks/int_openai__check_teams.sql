-- A row of the seed assigns nothing if a value is missing or if another row has the same id.
{% set places = {'api_key': 'api_key_id', 'user': 'user_id', 'project': 'project_id'} %}

with seed_rows as (
    select
        trim(organization_id) as organization_id,
        case trim(kind) when 'service_account' then 'user' else trim(kind) end as kind,
        trim(id) as id,
        trim(team) as team,
        trim(coalesce(cost_center, '')) as cost_center
    from {{ ref('teams') }}
    where trim(organization_id) not like '#%'
),

assigned as (
    select
        organization_id,
        kind,
        id,
        max(team || case when cost_center <> '' then ' / ' || cost_center else '' end) as team
    from seed_rows
    group by organization_id, kind, id
    having count(*) = 1 and max(team) <> '' and lower(max(team)) <> 'unassigned'
),

charges as (
    select
        organization_id,
        date,
        currency,
        {{ places.values() | join(', ') }},
        sum(amount) as amount
    from {{ ref('int_openai__expected_charges') }}
    group by organization_id, date, currency, {{ places.values() | join(', ') }}
),

both_sides as (
    select
        'daily_costs_by_team equals raw by team and cost center' as check_name,
        charges.organization_id,
        charges.date,
        charges.currency,
        case
            {% for kind in places %}
                when {{ kind }}_teams.id is not null then {{ kind }}_teams.team
            {% endfor %}
            else 'Unassigned'
        end as item,
        charges.amount as expected,
        cast(0 as {{ money() }}) as actual
    from charges
    {% for kind, id in places.items() %}
        left join assigned as {{ kind }}_teams
            on charges.organization_id = {{ kind }}_teams.organization_id
            and {{ kind }}_teams.kind = '{{ kind }}'
            and charges.{{ id }} = {{ kind }}_teams.id
    {% endfor %}

    union all

    select
        'daily_costs_by_team equals raw by team and cost center' as check_name,
        organization_id,
        date,
        currency,
        team || coalesce(' / ' || cost_center, '') as item,
        cast(0 as {{ money() }}) as expected,
        unblended_cost as actual
    from {{ ref('openai__daily_costs_by_team') }}
)

{{ items_that_differ('both_sides') }}
