-- JSON objects with a value that is not a text: the colon after a key is not followed by a quote.
{% set backslash = character(92) %}
{% set escaped_quote = dbt.concat([backslash, text_literal('"')]) %}

with objects as (
    select sku_price_details as json from {{ ref('int_openai__focus_skus') }}
    union all
    select assigned_tags as json from {{ ref('int_openai__charge_teams') }}
),

unquoted as (
    select
        json,
        replace(replace(json, {{ dbt.concat([backslash, backslash]) }}, ''), {{ escaped_quote }}, '') as text
    from objects
    where json is not null
)

select distinct json
from unquoted
where
    text not like '{"%":"%"}'
    {% for start in [' ', '{', '[', 'null'] %}
        or text like '%":{{ start }}%'
    {% endfor %}
