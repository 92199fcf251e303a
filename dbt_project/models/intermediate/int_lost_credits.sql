-- What expires first is spent first. So of all grants that have ended by a day, what the spending before it
-- has not reached is lost; and what is lost stays lost.
with grants as (
    select *
    from {{ ref('stg_credit_grants') }}
    where reason is null
),

ended as (
    select
        ends.organization_id,
        ends.currency,
        ends.expires_on,
        sum(earlier.amount) as amount
    from (
        select distinct
            organization_id,
            currency,
            expires_on
        from grants
        where expires_on is not null
    ) as ends
    inner join grants as earlier
        on ends.organization_id = earlier.organization_id
        and ends.currency = earlier.currency
        and ends.expires_on >= earlier.expires_on
    group by ends.organization_id, ends.currency, ends.expires_on
),

lost as (
    select
        ended.organization_id,
        ended.currency,
        ended.expires_on,
        greatest(ended.amount - coalesce(sum(days.unblended_cost), 0), 0) as amount
    from ended
    left join {{ ref('int_credit_days') }} as days
        on ended.organization_id = days.organization_id
        and ended.currency = days.currency
        and ended.expires_on > days.date
    group by ended.organization_id, ended.currency, ended.expires_on, ended.amount
)

select
    days.organization_id,
    days.currency,
    days.date,
    max(lost.amount) as lost
from {{ ref('int_credit_days') }} as days
inner join lost
    on days.organization_id = lost.organization_id
    and days.currency = lost.currency
    and days.date >= lost.expires_on
group by days.organization_id, days.currency, days.date
