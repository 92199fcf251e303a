{#
    dbt calls this after it loads a seed. dbt's own version also writes the SQL to a file under `target` at the seed's
    path. If that path is absolute, as for a folder in OPENAI_COSTS_SEEDS, this file is the seed itself, and its rows
    would be lost.
#}
{% macro noop_statement(name=none, message=none, code=none, rows_affected=none, res=none) -%}
    {%- do caller() -%}
    {%- do store_raw_result(
        name, message=message, code=code, rows_affected=rows_affected, agate_table=res
    ) -%}
{%- endmacro %}
