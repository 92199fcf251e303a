{{ config(enabled=var('plans_enabled')) }}

with entered as (
    select
        trim(organization_id) as organization_id,
        upper(trim(currency)) as currency,
        {{ parse_day('trim(granted_on)') }} as granted_on,
        {{ parse_amount('trim(amount)') }} as amount
    from {{ ref('openai_costs', 'credit_grants') }}
)

-- A row that people have to correct grants nothing.
select
    organization_id,
    currency,
    granted_on,
    amount,
    min(granted_on) over (partition by organization_id, currency) as first_day
from entered
where granted_on is not null and amount is not null and length(currency) = 3
