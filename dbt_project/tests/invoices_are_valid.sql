-- Rows of the seed `invoices` that a person has to correct, and why. They are not compared.
with invoices as (
    -- A month may have equal invoices.
    select distinct
        organization_id,
        month,
        month_start,
        currency,
        reason
    from {{ ref('int_openai__invoices') }}
)

select
    organization_id,
    month,
    currency,
    reason
from invoices
where reason is not null

union all

select
    entered.organization_id,
    entered.month,
    entered.currency,
    'invoice of ' || entered.month || ' is not compared' as reason
from {{ ref('openai_costs', 'invoices') }} as entered
left join invoices
    on trim(coalesce(entered.organization_id, '')) = invoices.organization_id
    and trim(coalesce(entered.month, '')) = invoices.month
    and upper(trim(coalesce(entered.currency, ''))) = invoices.currency
left join {{ ref('openai__reconciliation') }} as compared
    on invoices.organization_id = compared.organization_id
    and invoices.month_start = compared.period_start
    and invoices.currency = compared.currency
    and compared.check_name = 'month equals its invoice'
where
    trim(coalesce(entered.organization_id, '')) not like '#%'
    and invoices.reason is null
    and compared.period_start is null
