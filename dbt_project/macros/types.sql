{# Dollars, from the API's literal to the mart: never a float. #}
{% macro money() %}{{ adapter.dispatch('decimal_type', 'openai_costs')(38, 18) }}{% endmacro %}

{# How much was used, in the API's own unit. #}
{% macro quantity() %}{{ adapter.dispatch('decimal_type', 'openai_costs')(38, 9) }}{% endmacro %}

{% macro default__decimal_type(digits, decimals) %}decimal({{ digits }}, {{ decimals }}){% endmacro %}

{# A ratio. #}
{% macro double() %}{{ adapter.dispatch('double', 'openai_costs')() }}{% endmacro %}

{% macro default__double() %}double precision{% endmacro %}

{# A moment in UTC, without a time zone where the engine has such a type. #}
{% macro moment() %}{{ adapter.dispatch('moment', 'openai_costs')() }}{% endmacro %}

{% macro default__moment() %}timestamp{% endmacro %}

{# A type that a yml file declares, as this engine names it. #}
{% macro declared_type(name) -%}
    {{ {
        'decimal(38, 18)': money(), 'decimal(38, 9)': quantity(), 'double precision': double(),
        'timestamp': moment(),
    }.get(name | lower, api.Column.translate_type(name)) }}
{%- endmacro %}

{# dbt calls this to compare a contract with its model. #}
{% macro get_empty_schema_sql(columns) -%}
    select
        {%- for column in columns.values() %}
        cast(null as {{ declared_type(column['data_type']) }}) as {{ column['name'] }}{{ ',' if not loop.last }}
        {%- endfor %}
{%- endmacro %}
