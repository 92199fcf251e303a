{# Trino: macros that override the defaults. #}

{# Without a precision, `timestamp` has milliseconds. #}
{% macro trino__timestamp_type() %}timestamp(6){% endmacro %}
