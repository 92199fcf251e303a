-- On days on which OpenAI tells users in an answer of their own, each user's sum is that of the answer.
with days_apart as (
    select distinct
        organization_id,
        date
    from {{ source('openai_raw', 'costs_by_user') }}
),

both_sides as (
    select
        organization_id,
        date,
        user_id,
        upper(coalesce(currency, 'usd')) as currency,
        coalesce(amount, 0) as told,
        cast(0 as {{ money() }}) as arrived
    from {{ source('openai_raw', 'costs_by_user') }}

    union all

    select
        costs.organization_id,
        costs.date,
        costs.user_id,
        costs.currency,
        cast(0 as {{ money() }}) as told,
        costs.unblended_cost as arrived
    from {{ ref('daily_costs_by_user') }} as costs
    inner join days_apart
        on costs.organization_id = days_apart.organization_id
        and costs.date = days_apart.date
)

select
    organization_id,
    date,
    user_id,
    currency,
    sum(told) as told,
    sum(arrived) as arrived
from both_sides
group by organization_id, date, user_id, currency
having sum(told) <> sum(arrived)
