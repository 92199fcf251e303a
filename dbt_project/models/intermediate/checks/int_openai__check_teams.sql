{% set places = {'api_key': 'api_key_id', 'user': 'user_id', 'project': 'project_id'} %}

with charges as (
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
                when {{ kind }}_teams.id is not null
                    then {{ kind }}_teams.team || coalesce(' / ' || {{ kind }}_teams.cost_center, '')
            {% endfor %}
            else 'Unassigned'
        end as item,
        charges.amount as expected,
        cast(0 as {{ money() }}) as actual
    from charges
    {% for kind, id in places.items() %}
        left join {{ ref('int_openai__expected_teams') }} as {{ kind }}_teams
            on charges.organization_id = {{ kind }}_teams.organization_id
            and {{ kind }}_teams.kind = '{{ kind }}'
            and charges.{{ id }} = {{ kind }}_teams.id
            and charges.date >= {{ kind }}_teams.first_day
            and charges.date <= {{ kind }}_teams.last_day
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
