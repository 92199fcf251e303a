{# The day so many days after another; before it, where `days` is negative. #}
{% macro days_after(day, days) -%}
    cast({{ dbt.dateadd('day', 'cast(' ~ days ~ ' as ' ~ dbt.type_int() ~ ')', day) }} as date)
{%- endmacro %}
