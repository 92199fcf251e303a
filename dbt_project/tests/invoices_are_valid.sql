-- Rows of the seed `invoices` that a person has to correct, and why. They are not compared.
select
    organization_id,
    month,
    currency,
    reason
from {{ ref('int_openai__invoices') }}
where reason is not null
