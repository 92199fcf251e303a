{# dbt's own reads past the end of an array, which Databricks refuses. #}
{% macro databricks__split_part(string_text, delimiter_text, part_number) -%}
    split_part({{ string_text }}, {{ delimiter_text }}, {{ part_number }})
{%- endmacro %}

{# dbt's own makes an array of what may be null, which ClickHouse refuses. #}
{% macro clickhouse__split_part(string_text, delimiter_text, part_number) -%}
    case
        when {{ string_text }} is not null
            then splitByString({{ delimiter_text }}, assumeNotNull({{ string_text }}))[{{ part_number }}]
    end
{%- endmacro %}
