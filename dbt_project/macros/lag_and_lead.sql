{#
    The value in the previous or next row of the window `over`, which is written without parentheses; null if there is
    no such row.
#}
{% macro previous_value(value, over) -%}
    lag({{ adapter.dispatch('nullable', 'openai_costs')(value) }}) over ({{ over }})
{%- endmacro %}

{% macro next_value(value, over) -%}
    lead({{ adapter.dispatch('nullable', 'openai_costs')(value) }}) over ({{ over }})
{%- endmacro %}

{% macro default__nullable(value) %}{{ value }}{% endmacro %}
