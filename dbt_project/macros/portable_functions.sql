{#
    dbt's functions that are wrong on some engines. Macros that override dbt's own, such as `spark__dateadd`, would only
    apply if this project is the root, not if it is installed as a package.
#}

{# The part of a text with this number, starting at 1; an empty text or null if there are fewer parts. #}
{% macro nth_part(text, delimiter, number) -%}
    {{ adapter.dispatch('nth_part', 'openai_costs')(text, delimiter, number) }}
{%- endmacro %}

{% macro default__nth_part(text, delimiter, number) -%}
    {{ dbt.split_part(text, delimiter, number) }}
{%- endmacro %}

{# A date or timestamp plus a number of days or months. #}
{% macro add_to_date(unit, number, date) -%}
    {{ adapter.dispatch('add_to_date', 'openai_costs')(unit, number, date) }}
{%- endmacro %}

{% macro default__add_to_date(unit, number, date) %}{{ dbt.dateadd(unit, number, date) }}{% endmacro %}
