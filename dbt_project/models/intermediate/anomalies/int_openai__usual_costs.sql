-- The median of an even number of values is the lower of the two middle ones, an exact billed amount.
{% set key = ['organization_id', 'scope', 'scope_id', 'parent_id', 'currency', 'date'] %}

with ranked as (
    select
        *,
        row_number() over (partition by {{ key | join(', ') }} order by earlier_cost) as place,
        count(*) over (partition by {{ key | join(', ') }}) as weeks
    from {{ ref('int_openai__weekday_history') }}
),

middles as (
    select
        *,
        max(case when 2 * place in (weeks, weeks + 1) then earlier_cost end)
            over (partition by {{ key | join(', ') }}) as usual_cost,
        max(case when place = weeks - 1 then earlier_cost end)
            over (partition by {{ key | join(', ') }}) as second_largest
    from ranked
),

deviations as (
    select
        *,
        abs({{ difference('earlier_cost', 'usual_cost') }}) as deviation
    from middles
),

nearest as (
    select
        *,
        row_number() over (partition by {{ key | join(', ') }} order by deviation) as nearness
    from deviations
)

select
    {{ key | join(', ') }},
    parent_scope,
    unblended_cost,
    usual_cost,
    second_largest,
    weeks,
    {{ difference('unblended_cost', 'usual_cost') }} as excess,
    -- For a normal distribution, this factor scales the value to one standard deviation.
    1.4826 * max(case when 2 * nearness in (weeks, weeks + 1) then cast(deviation as {{ double() }}) end)
        as spread
from nearest
group by
    {{ key | join(', ') }},
    parent_scope, unblended_cost, usual_cost, second_largest, weeks
