{# What Trino does in its own way. #}

{# Without a precision, `timestamp` has milliseconds. #}
{% macro trino__moment() %}timestamp(6){% endmacro %}
