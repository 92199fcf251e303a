{{ config(enabled=var('plans_enabled')) }}

-- Growth is the ratio of the recent four weeks to the four weeks before, where all weekdays of both are
-- known. It is limited, because a cost that halves or doubles within four weeks is not a trend. The middle
-- of the recent four weeks is 13.5 days before their last day.
{% set key = ['organization_id', 'month', 'scope', 'scope_id', 'currency'] %}

with weeks as (
    select
        {{ key | join(', ') }},
        avg(case when weeks = 'recent' then level end) as level,
        sum(case when weeks = 'recent' then level end) as recent,
        sum(case when weeks = 'earlier' then level end) as earlier,
        sum(case when weeks = 'earlier' and days >= 3 then 1 else 0 end) as earlier_weekdays
    from {{ ref('int_openai__weekday_levels') }}
    group by {{ key | join(', ') }}
),

growing as (
    select
        *,
        case
            when earlier_weekdays = 7 and earlier > 0 then least(1.3333, greatest(0.75, recent / earlier))
            else 1
        end as growth
    from weeks
),

numbers as (
    {{ dbt.generate_series(64) }}
),

days_ahead as (
    select
        points.organization_id,
        points.month,
        cast(numbers.generated_number as {{ dbt.type_int() }}) as ahead,
        {{ days_after('points.as_of', 'numbers.generated_number') }} as date
    from {{ ref('int_openai__forecast_points') }} as points
    cross join numbers
    where {{ days_after('points.as_of', 'numbers.generated_number') }} < points.next_month
)

select
    {% for column in key %}
        growing.{{ column }},
    {% endfor %}
    days_ahead.date,
    -- Credits are not continued.
    greatest(coalesce(levels.level, growing.level, 0), 0)
    * (1 + (growing.growth - 1) * (days_ahead.ahead + 13.5) / 28)
        as projected_cost
from growing
inner join days_ahead
    on growing.organization_id = days_ahead.organization_id
    and growing.month = days_ahead.month
    and growing.month <= days_ahead.date
left join {{ ref('int_openai__weekday_levels') }} as levels
    on growing.organization_id = levels.organization_id
    and growing.month = levels.month
    and growing.scope = levels.scope
    and growing.scope_id = levels.scope_id
    and growing.currency = levels.currency
    and levels.weeks = 'recent'
    and mod(70 - days_ahead.ahead, 7) = levels.weekday
