{{ config(enabled=var('plans_enabled'), materialized='table', tags=['whole_history']) }}

-- By check: its value.
{% set values = {
    'credit_balance equals the grants less raw': 'balance',
    'credit_balance is known where raw days are complete': 'is_known',
    'credit_balance has the daily cost of raw': 'daily_cost',
    'credit_balance runs out on the first day below 0': 'days',
} %}
{% set in_order = 'partition by organization_id, currency order by date' %}

with first_grants as (
    select distinct
        organization_id,
        currency,
        first_day
    from {{ ref('int_openai__expected_grants') }}
),

in_turn as (
    select
        *,
        {{ previous_value('balance', in_order) }} as balance_before,
        (cast(balance as {{ double() }}) - remaining_cost) / nullif(daily_cost, 0) as days_left
    from {{ ref('int_openai__expected_credits') }}
),

-- The day that begins the days below 0 up to this one.
with_first_day_below as (
    select
        *,
        max(case when balance < 0 and coalesce(balance_before, 0) >= 0 then date end) over (
            {{ in_order }} rows between unbounded preceding and current row
        ) as first_day_below
    from in_turn
),

-- `days` are those from the first grant to the day on which the credits run out, both included.
both_sides as (
    select
        organization_id,
        currency,
        date,
        daily_cost,
        balance,
        case when balance is not null then 1 else 0 end as is_known,
        case
            when balance < 0 then {{ dbt.datediff('first_day', 'first_day_below', 'day') }} + 1  -- noqa: LT05
            when daily_cost > 0 and days_left < 3650
                then
                    {{ dbt.datediff('first_day', 'date', 'day') }} + 2  -- noqa: LT05
                    + floor(days_left + 0.000000001)
        end as days,
        1 as is_expected
    from with_first_day_below
    where is_loaded = 1

    union all

    select
        mart.organization_id,
        mart.currency,
        mart.date,
        mart.daily_cost,
        mart.balance,
        case when mart.unknown_because is null then 1 else 0 end as is_known,
        {{ dbt.datediff('first_grants.first_day', 'mart.runs_out_on', 'day') }} + 1 as days,  -- noqa: LT05
        0 as is_expected
    from {{ ref('openai__credit_balance') }} as mart
    left join first_grants
        on mart.organization_id = first_grants.organization_id
        and mart.currency = first_grants.currency
),

by_month as (
    {% for check_name, value in values.items() %}
        {% set amount = nearest_decimal(value, 38, 18) if value == 'daily_cost'
            else 'cast(' ~ value ~ ' as ' ~ money() ~ ')' %}
        select
            '{{ check_name }}' as check_name,
            organization_id,
            currency,
            cast({{ dbt.date_trunc('month', 'date') }} as date) as month,
            cast(date as {{ dbt.type_string() }}) as item,
            case when is_expected = 1 then {{ amount }} else 0 end as expected,
            case when is_expected = 0 then {{ amount }} else 0 end as actual
        from both_sides
        {{ 'union all' if not loop.last }}
    {% endfor %}
),

-- The daily cost is a double.
with_tolerance as (
    select
        *,
        case when check_name like '% daily cost %' then 0.000000001 * abs(expected) else 0 end as tolerance
    from by_month
)

{{ items_that_differ('with_tolerance', period='month', has_tolerance=true) }}
