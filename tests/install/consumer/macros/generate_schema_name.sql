{% macro generate_schema_name(custom_schema_name, node) -%}
    analytics_{{ custom_schema_name or target.schema }}
{%- endmacro %}
