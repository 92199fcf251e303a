-- A free row that came twice would not show in any sum of money.
with counts as (
    select
        organization_id,
        date,
        count(*) as raw_rows,
        0 as charges
    from {{ source('openai_raw', 'costs') }}
    group by organization_id, date

    union all

    select
        BillingAccountId as organization_id,
        cast(ChargePeriodStart as date) as date,
        0 as raw_rows,
        count(*) as charges
    from {{ ref('focus_costs') }}
    group by BillingAccountId, cast(ChargePeriodStart as date)
)

select
    organization_id,
    date,
    sum(raw_rows) as raw_rows,
    sum(charges) as charges
from counts
group by organization_id, date
having sum(raw_rows) <> sum(charges)
