{# Databricks: macros that override the defaults; it also uses the macros in spark.sql. #}

{% macro databricks__utc(instant) %}to_utc_timestamp({{ instant }}, current_timezone()){% endmacro %}

{# Narrowed, because subtraction reserves a digit for the carry and would drop the last decimal. #}
{% macro databricks__difference(one, other) %}{{ decimal(one, 37, 18) }} - {{ decimal(other, 37, 18) }}{% endmacro %}

{# dbt's version reads past the end of an array, which Databricks rejects. #}
{% macro databricks__nth_part(text, delimiter, number) -%}
    split_part({{ text }}, {{ delimiter }}, {{ number }})
{%- endmacro %}

{# One statement, as no transaction spans several. #}
{% macro databricks__replace_days(target, source, columns) -%}
    insert into {{ target }}
    replace where {{ is_to_build_as_literals() }}
    select {{ columns }}
    from {{ source }}
{%- endmacro %}

{# One statement, as no transaction spans several. #}
{% macro databricks__replace_built_days(built, loaded, fact, is_built) -%}
    insert into {{ built }}
    replace where fact = '{{ fact }}'
    {{ built_days(loaded, fact, is_built) }}
{%- endmacro %}
