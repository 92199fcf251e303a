{#
    For each organization, day and currency the mart's sum equals that of the raw rows, to the last
    digit. Returns the days on which it does not.
#}
{% test every_dollar_arrives_once(
    model, amount='unblended_cost', day='date', organization='organization_id', currency='currency'
) %}
with both_sides as (
    select
        organization_id,
        date as day,
        upper(coalesce(currency, 'usd')) as currency,
        amount as raw_amount,
        cast(0 as {{ money() }}) as mart_amount
    from {{ source('openai_raw', 'costs') }}

    union all

    select
        {{ organization }},
        cast({{ day }} as date),
        {{ currency }},
        cast(0 as {{ money() }}),
        {{ amount }}
    from {{ model }}
)

select
    organization_id,
    day,
    currency,
    sum(raw_amount) as raw_amount,
    sum(mart_amount) as mart_amount
from both_sides
group by organization_id, day, currency
having sum(raw_amount) <> sum(mart_amount)
{% endtest %}
