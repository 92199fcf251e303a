{% set of_spend = {
    'project': ("coalesce(project_id, '')", 'organization', 'organization_id', 'int_openai__attributed_daily_costs'),
    'user': ('user_id', 'organization', 'organization_id', 'int_openai__user_charges'),
    'api_key': ('api_key_id', 'project', "coalesce(project_id, '')", 'int_openai__attributed_daily_costs'),
    'model': ('model_family', 'organization', 'organization_id', 'int_openai__daily_costs_with_dimensions'),
} %}

select
    organization_id,
    date,
    'organization' as scope,
    organization_id as scope_id,
    cast(null as {{ dbt.type_string() }}) as parent_scope,
    cast(null as {{ dbt.type_string() }}) as parent_id,
    currency,
    cast(sum(unblended_cost) as {{ money() }}) as unblended_cost
from {{ ref('int_openai__daily_costs_by_identity') }}
group by organization_id, date, currency
{% for scope, (id, parent_scope, parent_id, charges) in of_spend.items() %}

    union all

    select
        organization_id,
        date,
        '{{ scope }}' as scope,
        {{ id }} as scope_id,
        '{{ parent_scope }}' as parent_scope,
        {{ parent_id }} as parent_id,
        currency,
        cast(sum(unblended_cost) as {{ money() }}) as unblended_cost
    from {{ ref(charges) }}
    where {{ id }} is not null
    group by organization_id, date, {{ id }}, {{ parent_id }}, currency
{% endfor %}

union all

select
    charges.organization_id,
    charges.date,
    'team' as scope,
    coalesce(teams.team, 'Unassigned') as scope_id,
    'organization' as parent_scope,
    charges.organization_id as parent_id,
    charges.currency,
    cast(sum(charges.unblended_cost) as {{ money() }}) as unblended_cost
from {{ ref('int_openai__attributed_daily_costs') }} as charges
left join {{ ref('int_openai__charge_teams') }} as teams on {{ is_team_of_charge('teams', 'charges') }}
group by charges.organization_id, charges.date, coalesce(teams.team, 'Unassigned'), charges.currency
