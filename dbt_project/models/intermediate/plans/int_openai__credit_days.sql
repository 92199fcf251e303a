with grants as (
    select *
    from {{ ref('stg_openai__credit_grants') }}
    where reason is null
),

first_grants as (
    select
        organization_id,
        currency,
        min(granted_on) as first_day
    from grants
    group by organization_id, currency
),

days as (
    select
        first_grants.organization_id,
        first_grants.currency,
        ledger.date,
        coalesce(costs.unblended_cost, 0) as unblended_cost
    from first_grants
    inner join {{ ref('stg_openai__cost_days') }} as ledger
        on first_grants.organization_id = ledger.organization_id
        and first_grants.first_day <= ledger.date
    left join {{ ref('int_openai__scoped_costs') }} as costs
        on first_grants.organization_id = costs.organization_id
        and costs.scope = 'organization'
        and first_grants.currency = costs.currency
        and ledger.date = costs.date
),

granted as (
    select
        days.organization_id,
        days.currency,
        days.date,
        days.unblended_cost,
        coalesce(sum(grants.amount), 0) as granted
    from days
    left join grants
        on days.organization_id = grants.organization_id
        and days.currency = grants.currency
        and days.date >= grants.granted_on
    group by days.organization_id, days.currency, days.date, days.unblended_cost
)

select
    organization_id,
    currency,
    date,
    unblended_cost,
    granted,
    sum(unblended_cost) over (
        partition by organization_id, currency order by date
        rows between unbounded preceding and current row
    ) as spent
from granted
