{{ config(materialized='table', tags=['whole_history']) }}

-- By scope: the mart and its id. The marts show no amount for an id with several currencies.
{% set marts = {
    'project': ('openai__projects', 'project_id'),
    'user': ('openai__users', 'user_id'),
    'api_key': ('openai__api_keys', 'api_key_id'),
} %}

with costs_of_scopes as (
    select
        organization_id,
        scope,
        scope_id,
        currency,
        amount
    from {{ ref('int_openai__expected_costs_by_scope') }}
    where scope in ('project', 'user', 'api_key') and scope_id <> ''

    {% for scope, (mart, id) in marts.items() %}
        union all

        select
            organization_id,
            '{{ scope }}' as scope,
            {{ id }} as scope_id,
            currency,
            amount
        from {{ ref('int_openai__expected_trimmed_costs') }}
        where {{ id }} is not null and {{ 'has_user' if scope == 'user' else 'has_project' }} = 1
    {% endfor %}
),

raw_costs as (
    select
        organization_id,
        scope,
        scope_id as item,
        min(currency) as currency,
        sum(amount) as expected
    from costs_of_scopes
    group by organization_id, scope, scope_id
    having min(currency) = max(currency)
),

amounts as (
    select
        organization_id,
        scope,
        item,
        currency,
        expected,
        0 as actual
    from raw_costs

    {% for scope, (mart, id) in marts.items() %}
        union all

        select
            organization_id,
            '{{ scope }}' as scope,
            {{ id }} as item,
            currency,
            0 as expected,
            unblended_cost as actual
        from {{ ref(mart) }}
        where currency is not null
    {% endfor %}
),

ledger as (
    select
        organization_id,
        min(date) as first_day
    from {{ source('openai_raw', 'cost_days') }}
    group by organization_id
),

both_sides as (
    select
        case amounts.scope
            when 'project' then 'projects equals raw by project'
            when 'user' then 'users equals raw by user'
            else 'api_keys equals raw by API key'
        end as check_name,
        amounts.organization_id,
        ledger.first_day,
        amounts.currency,
        amounts.item,
        cast(amounts.expected as {{ money() }}) as expected,
        cast(amounts.actual as {{ money() }}) as actual
    from amounts
    inner join ledger on amounts.organization_id = ledger.organization_id
)

{{ items_that_differ('both_sides', period='first_day') }}
