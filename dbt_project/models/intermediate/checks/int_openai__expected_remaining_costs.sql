-- A remaining day costs at least what is billed for it.
with projected as (
    select *
    from {{ ref('int_openai__expected_projections') }}
),

ledger as (
    select
        organization_id,
        max(case when is_closed then date end) as as_of,
        cast({{ dbt.date_trunc('month', 'max(date)') }} as date) as month
    from {{ source('openai_raw', 'cost_days') }}
    group by organization_id
),

billed as (
    select
        raw_costs.organization_id,
        raw_costs.project_id,
        raw_costs.currency,
        raw_costs.date,
        cast(raw_costs.amount as {{ double() }}) as amount
    from {{ ref('int_openai__expected_costs_by_day') }} as raw_costs
    inner join ledger
        on raw_costs.organization_id = ledger.organization_id
        and raw_costs.date > ledger.as_of
        and raw_costs.date >= ledger.month
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
