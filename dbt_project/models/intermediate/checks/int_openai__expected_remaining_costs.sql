{{ config(enabled=var('plans_enabled')) }}

-- A remaining day costs at least what is billed for it.
with projected as (
    select *
    from {{ ref('int_openai__expected_projections') }}
),

latest_months as (
    select *
    from {{ ref('int_openai__expected_months') }}
    where is_latest
),

billed as (
    select
        raw_costs.organization_id,
        raw_costs.project_id,
        raw_costs.currency,
        raw_costs.date,
        cast(raw_costs.amount as {{ double() }}) as amount
    from {{ ref('int_openai__expected_costs_by_day') }} as raw_costs
    inner join latest_months
        on raw_costs.organization_id = latest_months.organization_id
        and raw_costs.date > latest_months.as_of
        and raw_costs.date >= latest_months.month
),

remaining as (
    select
        coalesce(projected.organization_id, billed.organization_id) as organization_id,
        coalesce(projected.project_id, billed.project_id) as project_id,
        coalesce(projected.currency, billed.currency) as currency,
        case
            when projected.date is null or billed.amount > projected.cost then billed.amount
            else projected.cost
        end as cost
    from projected
    full outer join billed
        on projected.organization_id = billed.organization_id
        and projected.project_id = billed.project_id
        and projected.currency = billed.currency
        and projected.date = billed.date
),

items as (
    {% for item in ["'organization'", slash_separated(["'project'", "nullif(project_id, '')"])] %}
        select
            organization_id,
            currency,
            {{ item }} as item,
            cost
        from remaining
        {{ 'union all' if not loop.last }}
    {% endfor %}
)

select
    organization_id,
    currency,
    item,
    sum(cost) as remaining_cost
from items
group by organization_id, currency, item
