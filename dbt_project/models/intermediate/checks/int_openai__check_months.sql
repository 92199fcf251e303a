{{ config(materialized='table', tags=['whole_history']) }}

with raw_months as (
    select
        organization_id,
        cast({{ dbt.date_trunc('month', 'date') }} as date) as month,
        currency,
        sum(amount) as amount
    from {{ ref('int_openai__expected_costs_by_day') }}
    group by organization_id, cast({{ dbt.date_trunc('month', 'date') }} as date), currency
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
