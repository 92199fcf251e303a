{#
    dbt calls this when it has loaded a seed. Its own version also writes the SQL to a file under
    `target`, at the seed's path: where that is absolute, as in a folder that OPENAI_COSTS_SEEDS names,
    it is the seed itself, and what a person filled in would be gone.
#}
{% macro noop_statement(name=none, message=none, code=none, rows_affected=none, res=none) -%}
    {%- do caller() -%}
    {%- do store_raw_result(
        name, message=message, code=code, rows_affected=rows_affected, agate_table=res
    ) -%}
{%- endmacro %}
