{{ config(enabled=var('plans_enabled')) }}

with first_grants as (
    select
        organization_id,
        currency,
        min(granted_on) as first_day
    from {{ ref('stg_openai__credit_grants') }}
    where reason is null
    group by organization_id, currency
),

days as (
    select
        organization_id,
        date,
        is_closed,
        false as is_trimmed
    from {{ ref('stg_openai__cost_days') }}

    union all

    select distinct
        organization_id,
        date,
        true as is_closed,
        true as is_trimmed
    from {{ ref('stg_openai__trimmed_costs') }}
    where is_complete
),

costs as (
    select
        organization_id,
        currency,
        date,
        unblended_cost
    from {{ ref('int_openai__scoped_costs') }}
    where scope = 'organization'

    union all

    select
        organization_id,
        currency,
        date,
        cast(sum(amount) as {{ money() }}) as unblended_cost
    from {{ ref('stg_openai__trimmed_costs') }}
    where not is_by_user
    group by organization_id, currency, date
)

select
    first_grants.organization_id,
    first_grants.currency,
    first_grants.first_day,
    days.date,
    days.is_closed,
    days.is_trimmed,
    cast(coalesce(costs.unblended_cost, 0) as {{ money() }}) as unblended_cost
from first_grants
inner join days
    on first_grants.organization_id = days.organization_id
left join costs
    on first_grants.organization_id = costs.organization_id
    and first_grants.currency = costs.currency
    and days.date = costs.date
