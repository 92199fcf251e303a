with filled as (
    select
        nullif(trim(organization_id), '') as organization_id,
        coalesce(trim(granted_on), '') as granted_on,
        coalesce(trim(amount), '') as amount,
        upper(coalesce(trim(currency), '')) as currency,
        nullif(trim(expires_on), '') as expires_on
    from {{ ref('credit_grants') }}
    where
        coalesce(nullif(trim(granted_on), ''), nullif(trim(amount), '')) is not null
        and coalesce(trim(organization_id), '') not like '#%'
),

taken as (
    select
        organization_id,
        granted_on as granted_on_written,
        amount as amount_written,
        expires_on as expires_on_written,
        currency,
        {{ written_day('granted_on') }} as granted_on,
        {{ written_amount('amount') }} as amount,
        {{ written_day('expires_on') }} as expires_on
    from filled
)

select
    organization_id,
    granted_on,
    amount,
    currency,
    expires_on,
    case
        when organization_id is null then 'organization_id is missing'
        when granted_on is null then 'granted_on is no day such as 2026-10-01: ' || granted_on_written
        when amount is null then 'amount is no number such as 10000.00: ' || amount_written
        when length(currency) <> 3 then 'currency is no code such as USD: ' || currency
        when expires_on_written is not null and expires_on is null
            then 'expires_on is no day such as 2027-10-01: ' || expires_on_written
        when expires_on <= granted_on then 'expires_on is not after granted_on: ' || expires_on_written
    end as reason
from taken
