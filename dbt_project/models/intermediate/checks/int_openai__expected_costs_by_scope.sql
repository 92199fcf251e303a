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

costs_of_scopes as (
    {% for scope, (id, counts) in scopes.items() %}
        select
            organization_id,
            month,
            '{{ scope }}' as scope,
            {{ id }} as scope_id,
            currency,
            amount
        from costs
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
    cast(sum(amount) as {{ money() }}) as amount
from costs_of_scopes
group by organization_id, month, scope, scope_id, currency
