{% set amounts = ('amount_before_tax', 'credits', 'tax') %}

with filled as (
    select
        trim(coalesce(organization_id, '')) as organization_id,
        trim(coalesce(month, '')) as month,
        trim(coalesce(amount_before_tax, '')) as amount_before_tax,
        trim(coalesce(credits, '0')) as credits,
        trim(coalesce(tax, '0')) as tax,
        upper(trim(coalesce(currency, ''))) as currency
    from {{ ref('openai_costs', 'invoices') }}
    where trim(coalesce(organization_id, '')) not like '#%'
),

parsed as (
    select
        organization_id,
        month,
        currency,
        {% for amount in amounts %}
            {{ amount }} as {{ amount }}_written,
            {{ parse_amount(amount) }} as {{ amount }},
        {% endfor %}
        {{ parse_month('month') }} as month_start
    from filled
)

select
    organization_id,
    month,
    month_start,
    amount_before_tax,
    credits,
    tax,
    currency,
    case
        when month_start is null
            then 'month is not a month such as 2026-10: ' || month
        {% for amount in amounts %}
            when {{ amount }} is null
                then '{{ amount }} is not a number such as 1234.56: ' || {{ amount }}_written
        {% endfor %}
        when length(currency) <> 3
            then 'currency is not a code such as USD: ' || currency
    end as reason
from parsed
