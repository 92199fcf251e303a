{% set dimensions = {
    'project_id': 'SubAccountId', 'attribution': 'x_Attribution', 'user_id': 'x_PrincipalId',
    'api_key_id': 'x_CredentialId',
} %}

with both_sides as (
    select
        'focus_costs equals raw by project, user and API key' as check_name,
        organization_id,
        cast(date as {{ timestamp_type() }}) as charge_period_start,
        currency,
        {{ dimensions | join(', ') }},
        amount as expected,
        cast(0 as {{ money() }}) as actual
    from {{ ref('int_openai__expected_charges') }}

    union all

    select
        'focus_costs equals raw by project, user and API key' as check_name,
        BillingAccountId as organization_id,
        ChargePeriodStart as charge_period_start,
        BillingCurrency as currency,
        {{ dimensions.values() | join(', ') }},
        cast(0 as {{ money() }}) as expected,
        BilledCost as actual
    from {{ ref('openai__focus_costs') }}
)

{{ items_that_differ('both_sides', period='charge_period_start', items=dimensions) }}
