{{ config(materialized='table', tags=['whole_history']) }}

with entered as (
    select
        trim(organization_id) as organization_id,
        upper(trim(currency)) as currency,
        {{ parse_day('trim(granted_on)') }} as granted_on,
        {{ parse_amount('trim(amount)') }} as amount
    from {{ ref('credit_grants') }}
),

-- A row that people have to correct grants nothing.
grants as (
    select *
    from entered
    where granted_on is not null and amount is not null and length(currency) = 3
),

first_grants as (
    select
        organization_id,
        currency,
        min(granted_on) as first_day
    from grants
    group by organization_id, currency
),

changes as (
    select
        organization_id,
        currency,
        granted_on as date,
        amount
    from grants

    union all

    select
        costs.organization_id,
        costs.currency,
        costs.date,
        0 - costs.amount as amount
    from {{ ref('int_openai__expected_costs_by_day') }} as costs
    inner join first_grants
        on costs.organization_id = first_grants.organization_id
        and costs.currency = first_grants.currency
        and costs.date >= first_grants.first_day
),

both_sides as (
    select
        changes.organization_id,
        changes.currency,
        ledger.date,
        changes.amount as expected,
        0 as actual
    from changes
    inner join first_grants
        on changes.organization_id = first_grants.organization_id
        and changes.currency = first_grants.currency
    inner join {{ source('openai_raw', 'cost_days') }} as ledger
        on changes.organization_id = ledger.organization_id
        and changes.date <= ledger.date
        and first_grants.first_day <= ledger.date

    union all

    select
        organization_id,
        currency,
        date,
        0 as expected,
        balance as actual
    from {{ ref('openai__credit_balance') }}
),

by_month as (
    select
        'credit_balance equals the grants less raw' as check_name,
        organization_id,
        currency,
        cast({{ dbt.date_trunc('month', 'date') }} as date) as month,
        cast(date as {{ dbt.type_string() }}) as item,
        cast(expected as {{ money() }}) as expected,
        cast(actual as {{ money() }}) as actual
    from both_sides
)

{{ items_that_differ('by_month', period='month') }}
