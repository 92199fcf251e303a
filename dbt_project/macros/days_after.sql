{# The date `days` days after `day`, or before it if `days` is negative. #}
{% macro days_after(day, days) -%}
    cast({{ add_to_date('day', 'cast(' ~ days ~ ' as ' ~ dbt.type_int() ~ ')', day) }} as date)
{%- endmacro %}
