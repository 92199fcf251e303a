{#
    For each organization, day and currency the mart's sum equals that of the raw rows, to the last
    digit. Returns the days on which it does not. With `users_apart`, raw is the answer by user on
    the days that have one.
#}
{% test every_dollar_arrives_once(
    model, amount='unblended_cost', day='date', organization='organization_id', currency='currency',
    users_apart=false
) %}
with both_sides as (
    select
        organization_id,
        date as day,
        upper(coalesce(currency, 'usd')) as currency,
        amount as raw_amount,
        cast(0 as {{ money() }}) as mart_amount
    from {{ source('openai_raw', 'costs') }}
    {% if users_apart %}
    where not exists (
        select 1
        from {{ source('openai_raw', 'costs_by_user') }} as apart
        where apart.organization_id = costs.organization_id and apart.date = costs.date
    )

    union all

    select
        organization_id,
        date as day,
        upper(coalesce(currency, 'usd')) as currency,
        amount as raw_amount,
        cast(0 as {{ money() }}) as mart_amount
    from {{ source('openai_raw', 'costs_by_user') }}
    {% endif %}

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
