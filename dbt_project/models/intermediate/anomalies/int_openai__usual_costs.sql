-- The median of an even number of values is the lower of the two middle ones, an exact billed amount.
with ranked as (
    select
        *,
        row_number() over (partition by cost_number order by earlier_cost) as place,
        count(*) over (partition by cost_number) as weeks
    from {{ ref('int_openai__weekday_history') }}
),

middles as (
    select
        *,
        max(case when 2 * place in (weeks, weeks + 1) then earlier_cost end)
            over (partition by cost_number) as usual_cost,
        max(case when place = weeks - 1 then earlier_cost end)
            over (partition by cost_number) as second_largest
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
        row_number() over (partition by cost_number order by deviation) as nearness
    from deviations
)

select
    costs.organization_id,
    costs.scope,
    costs.scope_id,
    costs.parent_scope,
    costs.parent_id,
    costs.currency,
    costs.date,
    costs.unblended_cost,
    nearest.usual_cost,
    nearest.second_largest,
    nearest.weeks,
    {{ difference('costs.unblended_cost', 'nearest.usual_cost') }} as excess,
    -- The median deviation. For a normal distribution, this factor scales it to one standard deviation.
    1.4826 * cast(nearest.deviation as {{ double() }}) as spread
from nearest
inner join {{ ref('int_openai__comparable_costs') }} as costs on nearest.cost_number = costs.cost_number
where 2 * nearest.nearness in (nearest.weeks, nearest.weeks + 1)
