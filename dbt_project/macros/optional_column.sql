{# A column of a seed, as text; null where the file has no such column, as it was written for an earlier version. #}
{% macro optional_column(seed, column) -%}
    {%- set relation = ref(seed) -%}
    {%- set names = [column] -%}
    {%- if execute and not relation.is_cte and load_relation(relation) -%}
        {%- set names = run_query('select * from ' ~ relation ~ ' where 1 = 0').column_names | map('lower') | list -%}
    {%- endif -%}
    {{ column if column in names else 'cast(null as ' ~ dbt.type_string() ~ ')' }}
{%- endmacro %}
