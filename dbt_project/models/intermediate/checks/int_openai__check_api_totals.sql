-- Compares OpenAI's ungrouped total of a day in each currency with the rows of each of its grouped responses.
{% set responses = {
    'costs': "rows equal the API's daily total",
    'costs_by_user': "users' rows equal the API's daily total",
} %}
{% set by_currency = source_or_empty('cost_days_by_currency') %}

with amounts as (
    {% for table, check_name in responses.items() %}
        select
            {{ text_literal(check_name) }} as check_name,
            organization_id,
            date,
            {{ currency_code() }} as currency,
            count(*) as row_count,
            sum(coalesce(amount, 0)) as row_amount
        from {{ source('openai_raw', table) }}
        group by organization_id, date, {{ currency_code() }}

        union all

        -- A currency without rows is compared too: the API may return a total for it.
        select
            {{ text_literal(check_name) }} as check_name,
            totals.organization_id,
            totals.date,
            {{ currency_code('totals.currency') }} as currency,
            0 as row_count,
            0 as row_amount
        from {{ by_currency }} as totals
        {% if table != 'costs' %}
            where {{ is_day_of(source('openai_raw', table), 'totals.organization_id', 'totals.date') }}
        {% endif %}

        union all
    {% endfor %}

    -- So is a day without rows.
    select
        {{ text_literal(responses['costs']) }} as check_name,
        days.organization_id,
        days.date,
        cast(null as {{ dbt.type_string() }}) as currency,
        0 as row_count,
        0 as row_amount
    from {{ source('openai_raw', 'cost_days') }} as days
    where
        not {{ is_day_of(source('openai_raw', 'costs'), 'days.organization_id', 'days.date') }}
        and not {{ is_day_of(by_currency, 'days.organization_id', 'days.date') }}
),

summed as (
    select
        check_name,
        organization_id,
        date,
        currency,
        sum(row_count) as row_count,
        sum(row_amount) as row_amount,
        count(*) over (partition by check_name, organization_id, date) as currencies
    from amounts
    group by check_name, organization_id, date, currency
),

with_totals as (
    select
        summed.*,
        case
            when totals.currency is not null then totals.api_amount
            when summed.currencies = 1 then days.api_amount
        end as api_amount,
        days.date is not null as is_in_ledger,
        days.is_closed
    from summed
    left join {{ source('openai_raw', 'cost_days') }} as days
        on summed.organization_id = days.organization_id
        and summed.date = days.date
    left join {{ by_currency }} as totals
        on summed.organization_id = totals.organization_id
        and summed.date = totals.date
        and summed.currency = {{ currency_code('totals.currency') }}
)

select
    check_name,
    organization_id,
    date,
    currency,
    api_amount as expected,
    cast(row_amount as {{ money() }}) as actual,
    greatest(
        -- Each row is rounded once, at the 18th decimal, and so is the total.
        cast(
            {{ product(
                decimal('row_count + 1', 18, 0), decimal("'0.000000000000000001'", 18, 18)
            ) }} as {{ money() }}
        ),
        -- OpenAI's own sum has the rounding errors of doubles.
        cast(
            {{ product(
                decimal('abs(coalesce(api_amount, 0))', 26, 6), decimal("'0.000000000001'", 12, 12)
            ) }}
            as {{ money() }}
        )
    ) as tolerance,
    case
        when not is_in_ledger then 'the day is not in the ledger'
        when not is_closed then 'the day is not closed'
        when api_amount is null and currencies > 1 then 'the API returned no total by currency'
        when api_amount is null then 'the API returned no total'
    end as not_comparable_because
from with_totals
