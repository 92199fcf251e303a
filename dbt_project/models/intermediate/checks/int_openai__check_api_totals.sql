-- Compares OpenAI's ungrouped total of a day with the rows of each of its grouped responses.
{% set responses = {
    'costs': "rows equal the API's daily total",
    'costs_by_user': "users' rows equal the API's daily total",
} %}

with responses as (
    {% for table, check_name in responses.items() %}
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

summed as (
    select
        check_name,
        organization_id,
        date,
        row_count,
        row_amount,
        currencies,
        currency
    from responses

    union all

    -- A day without rows is compared too: the API may return a total for it.
    select
        {{ text_literal(responses['costs']) }} as check_name,
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
    summed.check_name,
    summed.organization_id,
    summed.date,
    case when summed.currencies = 1 then summed.currency end as currency,
    days.api_amount as expected,
    cast(summed.row_amount as {{ money() }}) as actual,
    greatest(
        -- Each row is rounded once, at the 18th decimal, and so is the total.
        cast(
            {{ product(
                decimal('summed.row_count + 1', 18, 0), decimal("'0.000000000000000001'", 18, 18)
            ) }} as {{ money() }}
        ),
        -- OpenAI's own sum has the rounding errors of doubles.
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
        when days.api_amount is null then 'the API returned no total'
        when summed.currencies > 1 then 'the total has several currencies'
    end as not_comparable_because
from summed
left join {{ source('openai_raw', 'cost_days') }} as days
    on summed.organization_id = days.organization_id
    and summed.date = days.date
