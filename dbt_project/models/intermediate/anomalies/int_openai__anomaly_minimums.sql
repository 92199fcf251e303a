with days as (
    select
        organization_id,
        currency,
        date,
        unblended_cost
    from {{ ref('int_openai__scoped_costs') }}
    where scope = 'organization'
),

average_days as (
    select
        days.organization_id,
        days.currency,
        days.date,
        avg(cast(before.unblended_cost as {{ double() }})) as cost
    from days
    left join days as before
        on days.organization_id = before.organization_id
        and days.currency = before.currency
        and days.date > before.date
        and {{ days_after('days.date', -28) }} <= before.date
    group by days.organization_id, days.currency, days.date
)

select
    organization_id,
    currency,
    date,
    greatest(
        {{ var('anomaly_minimum') }}, {{ var('anomaly_minimum_share') }} * coalesce(cost, 0)
    ) as minimum
from average_days
