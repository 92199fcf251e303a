with first_days as (
    select
        organization_id,
        min(date) as first_day
    from {{ ref('int_openai__scoped_costs') }}
    where scope = 'organization'
    group by organization_id
),

weeks as (
    {{ dbt.generate_series(8) }}
),

weekdays as (
    select
        ledger.organization_id,
        ledger.date,
        {{ days_after('ledger.date', '-7 * weeks.generated_number') }} as earlier_date
    from {{ ref('stg_openai__cost_days') }} as ledger
    cross join weeks
)

select
    costs.cost_number,
    coalesce(earlier.unblended_cost, 0) as earlier_cost
from {{ ref('int_openai__comparable_costs') }} as costs
inner join weekdays
    on costs.organization_id = weekdays.organization_id
    and costs.date = weekdays.date
-- Only loaded weekdays count, from the organization's first costs on.
inner join first_days
    on costs.organization_id = first_days.organization_id
    and weekdays.earlier_date >= first_days.first_day
inner join {{ ref('stg_openai__cost_days') }} as ledger
    on costs.organization_id = ledger.organization_id
    and weekdays.earlier_date = ledger.date
left join {{ ref('int_openai__scoped_costs') }} as earlier
    on costs.organization_id = earlier.organization_id
    and costs.scope = earlier.scope
    and costs.scope_id = earlier.scope_id
    and costs.parent_id = coalesce(earlier.parent_id, '')
    and costs.currency = earlier.currency
    and weekdays.earlier_date = earlier.date
