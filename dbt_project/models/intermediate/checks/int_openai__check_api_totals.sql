-- OpenAI's ungrouped figure of a day against the rows of each of its grouped answers.
{% set answers = {
    'costs': "rows equal the API's daily total",
    'costs_by_user': "users' rows equal the API's daily total",
} %}

with answers as (
    {% for table, check_name in answers.items() %}
        select
            {{ text_literal(check_name) }} as check_name,
            organization_id,
            date,
            count(*) as row_count,
            sum(coalesce(amount, 0)) as row_amount,
            count(distinct {{ currency_code() }}) as currencies,
            min({{ currency_code() }}) as currency
        from {{ source('openai_raw', table) }}
        group by organization_id, date
        {{ 'union all' if not loop.last }}
    {% endfor %}
),

answered as (
    select
        check_name,
        organization_id,
        date,
        row_count,
        row_amount,
        currencies,
        currency
    from answers

    union all

    -- A day without rows is compared too: the API may tell an amount for it.
    select
        {{ text_literal(answers['costs']) }} as check_name,
        days.organization_id,
        days.date,
        0 as row_count,
        0 as row_amount,
        0 as currencies,
        cast(null as {{ dbt.type_string() }}) as currency
    from {{ source('openai_raw', 'cost_days') }} as days
    where not {{ is_day_of(source('openai_raw', 'costs'), 'days.organization_id', 'days.date') }}
)

select
    answered.check_name,
    answered.organization_id,
    answered.date,
    case when answered.currencies = 1 then answered.currency end as currency,
    days.api_amount as expected,
    cast(answered.row_amount as {{ money() }}) as actual,
    greatest(
        -- Each row is rounded once, at the 18th decimal, and so is the total.
        cast(
            {{ product(
                decimal('answered.row_count + 1', 18, 0), decimal("'0.000000000000000001'", 18, 18)
            ) }} as {{ money() }}
        ),
        -- OpenAI's own sum holds the noise of doubles.
        cast(
            {{ product(
                decimal('abs(coalesce(days.api_amount, 0))', 26, 6), decimal("'0.000000000001'", 12, 12)
            ) }}
            as {{ money() }}
        )
    ) as tolerance,
    case
        when days.date is null then 'the day is not in the ledger'
        when not days.is_closed then 'the day is not closed'
        when days.api_amount is null then 'the API told no total'
        when answered.currencies > 1 then 'the total is of several currencies'
    end as not_comparable_because
from answered
left join {{ source('openai_raw', 'cost_days') }} as days
    on answered.organization_id = days.organization_id
    and answered.date = days.date
