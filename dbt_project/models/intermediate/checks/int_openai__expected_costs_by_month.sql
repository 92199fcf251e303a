with days_by_user as (
    select distinct
        organization_id,
        date
    from {{ source('openai_raw', 'costs_by_user') }}
),

costs as (
    select
        costs.organization_id,
        cast({{ dbt.date_trunc('month', 'costs.date') }} as date) as month,
        nullif(costs.project_id, '') as project_id,
        nullif(costs.user_id, '') as user_id,
        nullif(costs.api_key_id, '') as api_key_id,
        {{ currency_code('costs.currency') }} as currency,
        coalesce(costs.amount, 0) as amount,
        true as has_project,
        days_by_user.date is null as has_user
    from {{ source('openai_raw', 'costs') }} as costs
    left join days_by_user
        on costs.organization_id = days_by_user.organization_id
        and costs.date = days_by_user.date

    union all

    select
        organization_id,
        cast({{ dbt.date_trunc('month', 'date') }} as date) as month,
        null as project_id,
        nullif(user_id, '') as user_id,
        null as api_key_id,
        {{ currency_code() }} as currency,
        coalesce(amount, 0) as amount,
        false as has_project,
        true as has_user
    from {{ source('openai_raw', 'costs_by_user') }}
),

monthly as (
    select
        organization_id,
        month,
        project_id,
        user_id,
        api_key_id,
        currency,
        has_project,
        has_user,
        sum(amount) as amount,
        min(amount) as lowest_amount
    from costs
    group by organization_id, month, project_id, user_id, api_key_id, currency, has_project, has_user
)

select
    monthly.organization_id,
    monthly.month,
    monthly.project_id,
    coalesce(monthly.user_id, keys.owner_id) as user_id,
    monthly.api_key_id,
    monthly.currency,
    monthly.has_project,
    monthly.has_user,
    cast(monthly.amount as {{ money() }}) as amount,
    cast(monthly.lowest_amount as {{ money() }}) as lowest_amount
from monthly
left join {{ source_or_empty('api_keys') }} as keys
    on monthly.organization_id = keys.organization_id
    and monthly.api_key_id = keys.id
    and keys.valid_to is null
