{# A text as a literal; engines escape apostrophes differently. #}
{% macro text_literal(text) %}{{ dbt.string_literal(dbt.escape_single_quotes(text)) }}{% endmacro %}
