{% set amounts = ('amount_before_tax', 'credits', 'tax') %}

with filled as (
    select
        trim(coalesce(organization_id, '')) as organization_id,
        trim(coalesce(month, '')) as month,
        trim(coalesce(amount_before_tax, '')) as amount_before_tax,
        trim(coalesce(credits, '0')) as credits,
        trim(coalesce(tax, '0')) as tax,
        upper(trim(coalesce(currency, ''))) as currency
    from {{ ref('invoices') }}
    where trim(coalesce(organization_id, '')) not like '#%'
),

taken as (
    select
        organization_id,
        month,
        currency,
        {% for amount in amounts %}
            {{ amount }} as {{ amount }}_written,
            {{ parse_amount(amount) }} as {{ amount }},
        {% endfor %}
        {{ parse_month('month') }} as month_start,
        count(*) over (partition by organization_id, month, currency) as invoices
    from filled
),

known as (
    select distinct organization_id
    from {{ ref('stg_openai__cost_days') }}
)

select
    taken.organization_id,
    taken.month,
    taken.month_start,
    taken.amount_before_tax,
    taken.credits,
    taken.tax,
    taken.currency,
    case
        when known.organization_id is null
            then 'organization_id is not in the warehouse: ' || taken.organization_id
        when taken.month_start is null
            then 'month is no month such as 2026-10: ' || taken.month
        {% for amount in amounts %}
            when taken.{{ amount }} is null
                then '{{ amount }} is no number such as 1234.56: ' || taken.{{ amount }}_written
        {% endfor %}
        when length(taken.currency) <> 3
            then 'currency is no code such as USD: ' || taken.currency
        when taken.invoices > 1
            then 'the organization has this month and currency more than once: add its invoices up'
    end as reason
from taken
left join known on taken.organization_id = known.organization_id
