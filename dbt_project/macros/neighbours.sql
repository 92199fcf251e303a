{#
    A value of the row before or after this one, null where there is none. `over` is the window, without
    its parentheses.
#}
{% macro value_before(value, over) -%}
    lag({{ adapter.dispatch('nullable', 'openai_costs')(value) }}) over ({{ over }})
{%- endmacro %}

{% macro value_after(value, over) -%}
    lead({{ adapter.dispatch('nullable', 'openai_costs')(value) }}) over ({{ over }})
{%- endmacro %}

{% macro default__nullable(value) %}{{ value }}{% endmacro %}
