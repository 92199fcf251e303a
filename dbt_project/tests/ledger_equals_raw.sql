-- What the ledger says of a day is what its rows in raw add up to.
with stored as (
    select
        organization_id,
        date,
        count(*) as row_count,
        sum(amount) as row_amount
    from {{ source('openai_raw', 'costs') }}
    group by organization_id, date
)

select
    coalesce(stored.organization_id, days.organization_id) as organization_id,
    coalesce(stored.date, days.date) as date,
    days.row_count,
    days.row_amount
from stored
full outer join {{ source('openai_raw', 'cost_days') }} as days
    on stored.organization_id = days.organization_id
    and stored.date = days.date
where
    coalesce(stored.row_count, 0) <> coalesce(days.row_count, -1)
    or coalesce(stored.row_amount, 0) <> coalesce(days.row_amount, -1)
