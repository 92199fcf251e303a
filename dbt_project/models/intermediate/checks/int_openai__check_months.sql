{{ config(materialized='table', tags=['whole_history']) }}

with raw_months as (
    select
        organization_id,
        cast({{ dbt.date_trunc('month', 'date') }} as date) as month,
        currency,
        sum(amount) as amount
    from {{ ref('int_openai__expected_costs_by_day') }}
    group by organization_id, cast({{ dbt.date_trunc('month', 'date') }} as date), currency
),

entered as (
    select
        trim(organization_id) as organization_id,
        trim(month) || '-01' as month,
        upper(trim(currency)) as currency,
        sum({{ parse_amount('trim(amount_before_tax)') }}) as amount
    from {{ ref('openai_costs', 'invoices') }}
    group by trim(organization_id), trim(month) || '-01', upper(trim(currency))
)

select
    'months compared with invoices equal raw' as check_name,
    invoices.organization_id,
    invoices.month,
    invoices.currency,
    coalesce(raw_months.amount, 0) as expected,
    invoices.actual
from {{ ref('int_openai__check_invoices') }} as invoices
left join raw_months
    on invoices.organization_id = raw_months.organization_id
    and invoices.month = raw_months.month
    and invoices.currency = raw_months.currency

union all

select
    'invoices compared with months equal the seed' as check_name,
    invoices.organization_id,
    invoices.month,
    invoices.currency,
    entered.amount as expected,
    invoices.expected as actual
from {{ ref('int_openai__check_invoices') }} as invoices
left join entered
    on invoices.organization_id = entered.organization_id
    and cast(invoices.month as {{ dbt.type_string() }}) = entered.month
    and invoices.currency = entered.currency
