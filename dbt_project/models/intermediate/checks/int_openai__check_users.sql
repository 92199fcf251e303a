with days_by_user as (
    select distinct
        organization_id,
        date
    from {{ source('openai_raw', 'costs_by_user') }}
),

both_sides as (
    select
        organization_id,
        date,
        nullif(user_id, '') as user_id,
        {{ currency_code() }} as currency,
        coalesce(amount, 0) as expected,
        cast(0 as {{ money() }}) as actual
    from {{ source('openai_raw', 'costs_by_user') }}

    union all

    select
        mart.organization_id,
        mart.date,
        mart.user_id,
        mart.currency,
        cast(0 as {{ money() }}) as expected,
        mart.unblended_cost as actual
    from {{ ref('openai__daily_costs_by_user') }} as mart
    inner join days_by_user
        on mart.organization_id = days_by_user.organization_id
        and mart.date = days_by_user.date
)

select
    organization_id,
    date,
    user_id,
    currency,
    cast(sum(expected) as {{ money() }}) as expected,
    cast(sum(actual) as {{ money() }}) as actual
from both_sides
group by organization_id, date, user_id, currency
