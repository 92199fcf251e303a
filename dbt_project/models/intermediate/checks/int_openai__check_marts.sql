-- By mart: its columns for day, organization, currency and amount, and whether it follows OpenAI's separate
-- response by user on days that have one.
{% set mart_columns = ('date', 'organization_id', 'currency', 'unblended_cost') %}
{% set marts = {
    'focus_costs': ('ChargePeriodStart', 'BillingAccountId', 'BillingCurrency', 'BilledCost', false),
    'daily_costs_by_project': mart_columns + (false,),
    'daily_costs_by_user': mart_columns + (true,),
    'daily_costs_by_model': mart_columns + (false,),
    'daily_costs_by_team': mart_columns + (false,),
} %}

with days_by_user as (
    select distinct
        organization_id,
        date
    from {{ source('openai_raw', 'costs_by_user') }}
),

raw_rows as (
    select
        costs.organization_id,
        costs.date,
        {{ currency_code('costs.currency') }} as currency,
        coalesce(costs.amount, 0) as amount,
        false as is_by_user,
        days_by_user.date is not null as has_rows_by_user
    from {{ source('openai_raw', 'costs') }} as costs
    left join days_by_user
        on costs.organization_id = days_by_user.organization_id
        and costs.date = days_by_user.date

    union all

    select
        organization_id,
        date,
        {{ currency_code() }} as currency,
        coalesce(amount, 0) as amount,
        true as is_by_user,
        true as has_rows_by_user
    from {{ source('openai_raw', 'costs_by_user') }}
),

both_sides as (
    {% for mart, (day, organization, currency, amount, follows_users) in marts.items() %}
        select
            '{{ mart }} equals raw' as check_name,
            organization_id,
            date,
            currency,
            amount as expected,
            cast(0 as {{ money() }}) as actual
        from raw_rows
        where {{ 'is_by_user = has_rows_by_user' if follows_users else 'not is_by_user' }}

        union all

        select
            '{{ mart }} equals raw' as check_name,
            {{ organization }} as organization_id,
            cast({{ day }} as date) as date,
            {{ currency }} as currency,
            cast(0 as {{ money() }}) as expected,
            {{ amount }} as actual
        from {{ ref('openai__' ~ mart) }}
        {{ 'union all' if not loop.last }}
    {% endfor %}
)

select
    check_name,
    organization_id,
    date,
    currency,
    cast(sum(expected) as {{ money() }}) as expected,
    cast(sum(actual) as {{ money() }}) as actual
from both_sides
group by check_name, organization_id, date, currency
