-- Only the amount before tax is compared: credits are deducted from it and tax is added to it.
{% set prepaid = var('prepaid_organizations') or [''] %}

with invoiced as (
    select
        organization_id,
        month_start as month,
        currency,
        cast(sum(amount_before_tax) as {{ money() }}) as amount_before_tax,
        max(reason) as invalid_because
    from {{ ref('int_openai__invoices') }}
    group by organization_id, month_start, currency
    having count(*) > count(reason)
),

billed as (
    select
        organization_id,
        cast({{ dbt.date_trunc('month', 'date') }} as date) as month,
        currency,
        sum(unblended_cost) as unblended_cost
    from {{ ref('int_openai__daily_costs_by_identity') }}
    group by organization_id, cast({{ dbt.date_trunc('month', 'date') }} as date), currency
    having sum(unblended_cost) <> 0
),

billed_months as (
    select distinct
        organization_id,
        month
    from billed
)

select
    invoiced.organization_id,
    invoiced.month,
    invoiced.currency,
    invoiced.amount_before_tax as expected,
    cast(coalesce(billed.unblended_cost, 0) as {{ money() }}) as actual,
    cast('{{ var("invoice_tolerance") }}' as {{ money() }}) as tolerance,
    case
        when invoiced.organization_id in ('{{ prepaid | join("', '") }}')
            then 'the organization is prepaid: its invoices are top-ups'
        when invoiced.invalid_because is not null
            then 'an invoice of the month is not valid: ' || invoiced.invalid_because
        when billed.currency is null and billed_months.month is not null
            then 'the invoice and the costs of the month have different currencies'
        when ledger.month is null then 'the month is not in the ledger'
        when not ledger.is_over then 'the month is not over'
        when ledger.loaded_days < ledger.days then 'the month is not wholly in the ledger'
        when ledger.closed_days < ledger.days then 'not every day of the month is closed'
    end as not_comparable_because
from invoiced
left join {{ ref('int_openai__ledger_months') }} as ledger
    on invoiced.organization_id = ledger.organization_id
    and invoiced.month = ledger.month
left join billed
    on invoiced.organization_id = billed.organization_id
    and invoiced.month = billed.month
    and invoiced.currency = billed.currency
left join billed_months
    on invoiced.organization_id = billed_months.organization_id
    and invoiced.month = billed_months.month
