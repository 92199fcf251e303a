{#
    A literal: the day 28 days before the latest day in the ledger. As a literal, it lets engines skip stored data and
    evaluate a mart for recent days only.
#}
{% macro first_recent_day() -%}
    {%- set ledger = source('openai_raw', 'cost_days') -%}
    {%- set day = namespace(first=latest_day()) -%}
    {%- if execute and load_relation(ledger) -%}
        {%- set result = run_query('select ' ~ days_after('max(date)', -28) ~ ' from ' ~ ledger) -%}
        {%- set day.first = result.columns[0].values()[0] or latest_day() -%}
    {%- endif -%}
    cast('{{ day.first }}' as date)
{%- endmacro %}
