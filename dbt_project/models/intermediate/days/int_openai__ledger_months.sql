-- A month without any day in the ledger is a row too.
with bounds as (
    select
        organization_id,
        min(date) as first_day,
        max(date) as last_day
    from {{ ref('stg_openai__cost_days') }}
    group by organization_id
),

numbers as (
    {{ dbt.generate_series(600) }}
),

month_starts as (
    select
        bounds.organization_id,
        bounds.first_day,
        bounds.last_day,
        cast(
            {{ dbt.dateadd(
                'month', 'cast(numbers.generated_number - 1 as ' ~ dbt.type_int() ~ ')',
                dbt.date_trunc('month', 'bounds.first_day')
            ) }} as date
        ) as month
    from bounds
    cross join numbers
),

months as (
    select
        organization_id,
        first_day,
        last_day,
        month,
        cast({{ dbt.dateadd('month', 1, 'month') }} as date) as next_month,
        cast({{ dbt.dateadd('day', 1, 'last_day') }} as date) as day_after
    from month_starts
    where month <= last_day
),

expected as (
    select
        organization_id,
        month,
        next_month,
        greatest(month, first_day) as expected_from,
        least(next_month, day_after) as expected_until,
        next_month <= day_after as is_over
    from months
)

select
    expected.organization_id,
    expected.month,
    expected.is_over,
    {{ dbt.datediff('expected.month', 'expected.next_month', 'day') }} as days,  -- noqa: LT05
    {{ dbt.datediff('expected.expected_from', 'expected.expected_until', 'day') }} as expected_days,  -- noqa: LT05
    count(ledger.date) as loaded_days,
    sum(case when ledger.is_closed then 1 else 0 end) as closed_days
from expected
left join {{ ref('stg_openai__cost_days') }} as ledger
    on expected.organization_id = ledger.organization_id
    and expected.month <= ledger.date
    and expected.next_month > ledger.date
group by
    expected.organization_id, expected.month, expected.next_month, expected.is_over, expected.expected_from,
    expected.expected_until
