with days_by_user as (
    select distinct
        organization_id,
        date
    from {{ source('openai_raw', 'costs_by_user') }}
),

both_sides as (
    select
        {{ text_literal("users equal the API's own per-user answer") }} as check_name,
        organization_id,
        date,
        nullif(user_id, '') as item,
        {{ currency_code() }} as currency,
        coalesce(amount, 0) as expected,
        cast(0 as {{ money() }}) as actual
    from {{ source('openai_raw', 'costs_by_user') }}

    union all

    select
        {{ text_literal("users equal the API's own per-user answer") }} as check_name,
        mart.organization_id,
        mart.date,
        mart.user_id as item,
        mart.currency,
        cast(0 as {{ money() }}) as expected,
        mart.unblended_cost as actual
    from {{ ref('openai__daily_costs_by_user') }} as mart
    inner join days_by_user
        on mart.organization_id = days_by_user.organization_id
        and mart.date = days_by_user.date
)

{{ items_that_differ('both_sides') }}
