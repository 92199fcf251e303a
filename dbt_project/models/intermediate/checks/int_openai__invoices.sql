with known as (
    select distinct organization_id
    from {{ ref('stg_openai__cost_days') }}
)

select
    invoices.organization_id,
    invoices.month,
    invoices.month_start,
    invoices.amount_before_tax,
    invoices.credits,
    invoices.tax,
    invoices.currency,
    case
        when known.organization_id is null
            then 'organization_id is not in the warehouse: ' || invoices.organization_id
        else invoices.reason
    end as reason
from {{ ref('stg_openai__invoices') }} as invoices
left join known on invoices.organization_id = known.organization_id
