{# An e-mail address that may stand for a name; null where a hash is stored in its place. #}
{% macro address(column) %}case when {{ column }} like '%@%' then {{ column }} end{% endmacro %}
