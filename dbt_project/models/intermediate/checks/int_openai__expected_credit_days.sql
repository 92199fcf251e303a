{{ config(enabled=var('plans_enabled'), materialized='table', tags=['whole_history']) }}

with known_days as (
    select
        organization_id,
        date,
        case when is_closed then 1 else 0 end as is_closed,
        1 as is_loaded
    from {{ source('openai_raw', 'cost_days') }}

    union all

    select distinct
        organization_id,
        date,
        1 as is_closed,
        0 as is_loaded
    from {{ ref('int_openai__expected_trimmed_costs') }}
    where is_complete
),

costs as (
    {% for costs, condition in [
        ('int_openai__expected_costs_by_day', '1 = 1'), ('int_openai__expected_trimmed_costs', 'has_project = 1')
    ] %}
        select
            organization_id,
            currency,
            date,
            sum(amount) as amount
        from {{ ref(costs) }}
        where {{ condition }}
        group by organization_id, currency, date
        {{ 'union all' if not loop.last }}
    {% endfor %}
),

granted as (
    select distinct
        organization_id,
        currency,
        first_day
    from {{ ref('int_openai__expected_grants') }}
)

select
    granted.organization_id,
    granted.currency,
    granted.first_day,
    known_days.date,
    known_days.is_closed,
    known_days.is_loaded,
    cast(coalesce(costs.amount, 0) as {{ money() }}) as amount
from granted
inner join known_days on granted.organization_id = known_days.organization_id
left join costs
    on granted.organization_id = costs.organization_id
    and granted.currency = costs.currency
    and known_days.date = costs.date
