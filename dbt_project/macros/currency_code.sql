{#
    The currency of a cost row as an upper-case ISO code. The API returns no currency, or an empty one, for a row
    without an amount; OpenAI bills in dollars.
#}
{% macro currency_code(currency='currency') %}upper(coalesce(nullif(trim({{ currency }}), ''), 'usd')){% endmacro %}
