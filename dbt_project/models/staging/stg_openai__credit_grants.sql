{{ config(enabled=var('plans_enabled')) }}

with filled as (
    select
        nullif(trim(organization_id), '') as organization_id,
        coalesce(trim(granted_on), '') as granted_on,
        coalesce(trim(amount), '') as amount,
        upper(coalesce(trim(currency), '')) as currency
    from {{ ref('openai_costs', 'credit_grants') }}
    where
        coalesce(nullif(trim(granted_on), ''), nullif(trim(amount), '')) is not null
        and coalesce(trim(organization_id), '') not like '#%'
),

parsed as (
    select
        organization_id,
        granted_on as granted_on_written,
        amount as amount_written,
        currency,
        {{ parse_day('granted_on') }} as granted_on,
        {{ parse_amount('amount') }} as amount
    from filled
)

select
    organization_id,
    granted_on,
    amount,
    currency,
    case
        when organization_id is null then 'organization_id is missing'
        when granted_on is null then 'granted_on is not a day such as 2026-10-01: ' || granted_on_written
        when amount is null then 'amount is not a number such as 10000.00: ' || amount_written
        when length(currency) <> 3 then 'currency is not a code such as USD: ' || currency
    end as reason
from parsed
