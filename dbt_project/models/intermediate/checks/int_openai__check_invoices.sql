-- Only the amount before tax is compared: credits are deducted from it and tax is added to it.
{% set prepaid = var('prepaid_organizations') or [''] %}

with billed as (
    select
        organization_id,
        cast({{ dbt.date_trunc('month', 'date') }} as date) as month,
        currency,
        sum(unblended_cost) as unblended_cost
    from {{ ref('int_openai__daily_costs_by_identity') }}
    group by organization_id, cast({{ dbt.date_trunc('month', 'date') }} as date), currency
)

select
    invoices.organization_id,
    invoices.month_start as month,
    invoices.currency,
    invoices.amount_before_tax as expected,
    cast(coalesce(billed.unblended_cost, 0) as {{ money() }}) as actual,
    cast('{{ var("invoice_tolerance") }}' as {{ money() }}) as tolerance,
    case
        when invoices.organization_id in ('{{ prepaid | join("', '") }}')
            then 'the organization is prepaid: its invoices are top-ups'
        when ledger.month is null then 'the month is not in the ledger'
        when not ledger.is_over then 'the month is not over'
        when ledger.loaded_days < ledger.days then 'the month is not wholly in the ledger'
        when ledger.closed_days < ledger.days then 'not every day of the month is closed'
    end as not_comparable_because
from {{ ref('int_openai__invoices') }} as invoices
left join {{ ref('int_openai__ledger_months') }} as ledger
    on invoices.organization_id = ledger.organization_id
    and invoices.month_start = ledger.month
left join billed
    on invoices.organization_id = billed.organization_id
    and invoices.month_start = billed.month
    and invoices.currency = billed.currency
where invoices.reason is null
