{# What Trino does in its own way. #}

{# Without a precision, `timestamp` has milliseconds. #}
{% macro trino__timestamp_type() %}timestamp(6){% endmacro %}
