{{ config(enabled=var('plans_enabled')) }}

-- The same method as in `cost_forecast`: each remaining day costs what its weekday costs, times the growth
-- from the earlier to the recent four weeks, per four weeks. 13.5 days ago is the middle of the recent weeks.
with weekdays as (
    select *
    from {{ ref('int_openai__expected_weekdays') }}
),

growth as (
    select
        organization_id,
        project_id,
        currency,
        avg(case when weeks = 'recent' then cost_of_a_day end) as cost_of_a_day,
        sum(case when weeks = 'recent' then cost_of_a_day end) as recent,
        sum(case when weeks = 'earlier' then cost_of_a_day end) as earlier,
        sum(case when weeks = 'earlier' and days >= 3 then 1 else 0 end) as known_weekdays
    from weekdays
    group by organization_id, project_id, currency
),

latest_months as (
    select *
    from {{ ref('int_openai__expected_months') }}
    where is_latest
),

numbers as (
    {{ dbt.generate_series(64) }}
),

remaining_days as (
    select
        latest_months.organization_id,
        cast(numbers.generated_number as {{ dbt.type_int() }}) as ahead,
        {{ days_after('latest_months.as_of', 'numbers.generated_number') }} as date
    from latest_months
    cross join numbers
    where
        {{ days_after('latest_months.as_of', 'numbers.generated_number') }} >= latest_months.month
        and {{ days_after('latest_months.as_of', 'numbers.generated_number') }}
        < cast({{ add_to_date('month', 1, 'latest_months.month') }} as date)
)

select
    growth.organization_id,
    growth.project_id,
    growth.currency,
    remaining_days.date,
    greatest(coalesce(weekdays.cost_of_a_day, growth.cost_of_a_day, 0), 0)
    * (
        1 + (remaining_days.ahead + 13.5) / 28 * case
            when growth.known_weekdays = 7 and growth.earlier > 0
                then greatest(-0.25, least(0.3333, growth.recent / growth.earlier - 1))
            else 0
        end
    ) as cost
from growth
inner join remaining_days on growth.organization_id = remaining_days.organization_id
left join weekdays
    on growth.organization_id = weekdays.organization_id
    and growth.project_id = weekdays.project_id
    and growth.currency = weekdays.currency
    and weekdays.weeks = 'recent'
    and mod(remaining_days.ahead, 7) = mod(7 - weekdays.weekday, 7)
