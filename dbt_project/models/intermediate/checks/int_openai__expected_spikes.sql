-- A stricter rule than that of `cost_anomalies`, which needs no median: the highest cost of the same weekday
-- in the earlier 8 weeks is in place of the usual one, and the range of these costs in place of their spread.
{% set first_day = first_recent_day() %}

with costs as (
    select *
    from {{ ref('int_openai__expected_costs_by_day') }}
    where date >= {{ days_after(first_day, -56) }}
),

largest_days as (
    select
        organization_id,
        currency,
        max(amount) as amount
    from (
        select
            organization_id,
            currency,
            date,
            sum(amount) as amount
        from costs
        group by organization_id, currency, date
    ) as days
    group by organization_id, currency
),

weeks as (
    {{ dbt.generate_series(8) }}
),

earlier as (
    select
        costs.organization_id,
        costs.date,
        costs.project_id,
        costs.currency,
        cast(costs.amount as {{ double() }}) as cost,
        count(*) as weeks,
        cast(min(before.amount) as {{ double() }}) as lowest,
        cast(max(before.amount) as {{ double() }}) as highest
    from costs
    cross join weeks
    inner join costs as before
        on costs.organization_id = before.organization_id
        and costs.project_id = before.project_id
        and costs.currency = before.currency
        and before.date = {{ days_after('costs.date', '-7 * weeks.generated_number') }}
    where costs.date >= {{ first_day }}
    group by costs.organization_id, costs.date, costs.project_id, costs.currency, costs.amount
)

select
    earlier.organization_id,
    earlier.date,
    earlier.project_id,
    earlier.currency
from earlier
inner join largest_days
    on earlier.organization_id = largest_days.organization_id
    and earlier.currency = largest_days.currency
where
    earlier.weeks = 8
    and earlier.lowest > 0
    and earlier.cost >= 1.26 * earlier.highest
    and earlier.cost - earlier.highest >= 1.01 * greatest(
        {{ var('anomaly_minimum') }},
        {{ var('anomaly_minimum_share') }} * cast(largest_days.amount as {{ double() }}),
        {{ var('anomaly_score') }} * 0.15 * earlier.highest,
        {{ var('anomaly_score') }} * 1.4826 * (earlier.highest - earlier.lowest)
    )
