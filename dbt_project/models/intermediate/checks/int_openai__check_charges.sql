{% set dimensions = {
    'project_id': 'SubAccountId', 'attribution': 'x_Attribution', 'user_id': 'x_PrincipalId',
    'api_key_id': 'x_CredentialId', 'line_item': 'x_LineItem',
} %}

with both_sides as (
    select
        'focus_costs equals raw by project, user, API key and line item' as check_name,
        organization_id,
        date,
        currency,
        {{ dimensions | join(', ') }},
        amount as expected,
        cast(0 as {{ money() }}) as actual
    from {{ ref('int_openai__expected_charges') }}

    union all

    select
        'focus_costs equals raw by project, user, API key and line item' as check_name,
        BillingAccountId as organization_id,
        cast(ChargePeriodStart as date) as date,
        BillingCurrency as currency,
        {{ dimensions.values() | join(', ') }},
        cast(0 as {{ money() }}) as expected,
        BilledCost as actual
    from {{ ref('openai__focus_costs') }}
)

{{ items_that_differ('both_sides', items=dimensions) }}
