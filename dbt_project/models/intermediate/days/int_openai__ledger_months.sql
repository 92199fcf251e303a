-- A month without any day in the ledger is a row too.
with bounds as (
    select
        organization_id,
        min(date) as first_day,
        max(date) as last_day,
        max(case when is_closed then date end) as last_closed_day
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
        bounds.last_closed_day,
        cast(
            {{ add_to_date(
                'month', 'cast(numbers.generated_number - 1 as ' ~ dbt.type_int() ~ ')',
                dbt.date_trunc('month', 'bounds.first_day')
            ) }} as date
        ) as month
    from bounds
    cross join numbers
),

months as (
    select
        *,
        cast({{ add_to_date('month', 1, 'month') }} as date) as next_month,
        {{ days_after('last_day', 1) }} as day_after
    from month_starts
    where month <= last_day
),

expected as (
    select
        *,
        least(next_month, day_after) as expected_until,
        -- All days of a month before the latest one should be known.
        case
            when next_month < day_after then next_month
            else {{ days_after('last_closed_day', 1) }}
        end as known_until
    from months
),

counted as (
    select
        expected.organization_id,
        expected.month,
        expected.first_day,
        expected.last_closed_day,
        expected.next_month <= expected.day_after as is_over,
        {{ dbt.datediff('expected.month', 'expected.next_month', 'day') }} as days,  -- noqa: LT05
        {{ dbt.datediff('expected.month', 'expected.expected_until', 'day') }} as expected_days,  -- noqa: LT05
        {{ dbt.datediff('expected.first_day', 'expected.expected_until', 'day') }} as days_from_first,  -- noqa: LT05
        {{ dbt.datediff('expected.month', 'expected.known_until', 'day') }} as days_to_know,  -- noqa: LT05
        count(ledger.date) as loaded_days,
        sum(case when ledger.is_closed then 1 else 0 end) as closed_days,
        sum(case when ledger.date < expected.known_until then 1 else 0 end) as known_days
    from expected
    left join {{ ref('stg_openai__cost_days') }} as ledger
        on expected.organization_id = ledger.organization_id
        and expected.month <= ledger.date
        and expected.next_month > ledger.date
    group by
        expected.organization_id, expected.month, expected.next_month, expected.day_after, expected.first_day,
        expected.last_closed_day, expected.expected_until, expected.known_until
)

{% set text = dbt.type_string() %}
{% set unknown_days = 'cast(days_to_know - known_days as ' ~ text ~ ')' %}
{% set first_day = 'cast(first_day as ' ~ text ~ ')' %}
{% set days_to_know = 'cast(days_to_know as ' ~ text ~ ')' %}
select
    organization_id,
    month,
    is_over,
    days,
    expected_days,
    loaded_days,
    closed_days,
    case
        when first_day > month and loaded_days = days_from_first
            then {{ dbt.concat(["'the days before '", first_day, "' are not loaded'"]) }}
    end as not_comparable_because,
    case
        when last_closed_day is null then 'no day is closed yet'
        when days_to_know - known_days = 1
            then {{ dbt.concat(["'1 of '", days_to_know, "' days is not loaded'"]) }}
        when days_to_know > known_days
            then {{ dbt.concat([unknown_days, "' of '", days_to_know, "' days are not loaded'"]) }}
    end as unknown_because
from counted
