{# The type of money, from the raw tables to the marts. #}
{% macro money() %}{{ adapter.dispatch('decimal_type', 'openai_costs')(38, 18) }}{% endmacro %}

{# The type of quantities, in the API's own units. #}
{% macro quantity() %}{{ adapter.dispatch('decimal_type', 'openai_costs')(38, 9) }}{% endmacro %}

{% macro default__decimal_type(digits, decimals) %}decimal({{ digits }}, {{ decimals }}){% endmacro %}

{# The type of ratios. #}
{% macro double() %}{{ adapter.dispatch('double', 'openai_costs')() }}{% endmacro %}

{% macro default__double() %}double precision{% endmacro %}

{# The type of timestamps in UTC, without a time zone if the engine has such a type. #}
{% macro timestamp_type() %}{{ adapter.dispatch('timestamp_type', 'openai_costs')() }}{% endmacro %}

{% macro default__timestamp_type() %}timestamp{% endmacro %}

{# The engine's name for a type that a yml file declares. #}
{% macro declared_type(name) -%}
    {{ {
        'decimal(38, 18)': money(), 'decimal(38, 9)': quantity(), 'double precision': double(),
        'timestamp': timestamp_type(),
    }.get(name | lower, api.Column.translate_type(name)) }}
{%- endmacro %}

{# dbt calls this to compare a contract with its model. #}
{% macro get_empty_schema_sql(columns) -%}
    select
        {%- for column in columns.values() %}
        cast(null as {{ declared_type(column['data_type']) }}) as {{ column['name'] }}{{ ',' if not loop.last }}
        {%- endfor %}
{%- endmacro %}
