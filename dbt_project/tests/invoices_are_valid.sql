-- Rows of the seed `invoices` that a person has to correct, and why. They are not compared.
select
    organization_id,
    month,
    currency,
    reason
from {{ ref('int_openai__invoices') }}
where reason is not null

union all

select
    entered.organization_id,
    entered.month,
    entered.currency,
    'invoice of ' || entered.month || ' is not compared' as reason
from {{ ref('invoices') }} as entered
left join {{ ref('int_openai__invoices') }} as compared
    on trim(coalesce(entered.organization_id, '')) = compared.organization_id
    and trim(coalesce(entered.month, '')) = compared.month
where trim(coalesce(entered.organization_id, '')) not like '#%' and compared.month is null
