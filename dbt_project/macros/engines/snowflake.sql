{# Snowflake: macros that override the defaults. #}

{# The meaning of `timestamp` depends on a setting of the account. #}
{% macro snowflake__timestamp_type() %}timestamp_ntz{% endmacro %}

{% macro snowflake__utc(instant) %}
    cast(convert_timezone('UTC', {{ instant }}) as {{ timestamp_type() }})
{% endmacro %}

{# A product has twelve decimals, or as many as the factor with the most decimals if that is more. #}
{% macro snowflake__product(one, other) %}{{ decimal(one, 38, 18) }} * {{ other }}{% endmacro %}

{# Each statement commits by itself unless a transaction is started. #}
{% macro snowflake__replace_days(target, source, columns) -%}
    {{ snowflake_dml_explicit_transaction(default__replace_days(target, source, columns)) }}
{%- endmacro %}
