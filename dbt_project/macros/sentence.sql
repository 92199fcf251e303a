{# A text with apostrophes as a literal; engines escape them differently. #}
{% macro sentence(text) %}{{ dbt.string_literal(dbt.escape_single_quotes(text)) }}{% endmacro %}
