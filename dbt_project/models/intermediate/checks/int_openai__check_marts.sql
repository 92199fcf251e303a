-- Each mart with the names of its day, organization, currency and amount, and whether it follows
-- OpenAI's answer by user on days that have one.
{% set own_names = ('date', 'organization_id', 'currency', 'unblended_cost') %}
{% set marts = {
    'focus_costs': ('ChargePeriodStart', 'BillingAccountId', 'BillingCurrency', 'BilledCost', false),
    'daily_costs_by_project': own_names + (false,),
    'daily_costs_by_user': own_names + (true,),
    'daily_costs_by_model': own_names + (false,),
    'daily_costs_by_team': own_names + (false,),
} %}

with days_apart as (
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
        false as is_of_users_apart,
        days_apart.date is not null as has_users_apart
    from {{ source('openai_raw', 'costs') }} as costs
    left join days_apart
        on costs.organization_id = days_apart.organization_id
        and costs.date = days_apart.date

    union all

    select
        organization_id,
        date,
        {{ currency_code() }} as currency,
        coalesce(amount, 0) as amount,
        true as is_of_users_apart,
        true as has_users_apart
    from {{ source('openai_raw', 'costs_by_user') }}
),

both_sides as (
    {% for mart, (day, organization, currency, amount, users_apart) in marts.items() %}
        select
            '{{ mart }} equals raw' as check_name,
            organization_id,
            date,
            currency,
            amount as expected,
            cast(0 as {{ money() }}) as actual
        from raw_rows
        where {{ 'is_of_users_apart = has_users_apart' if users_apart else 'not is_of_users_apart' }}

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
