{# An e-mail address to show in place of a missing name; null if the column holds a hash of it. #}
{% macro readable_email(column) %}case when {{ column }} like '%@%' then {{ column }} end{% endmacro %}
