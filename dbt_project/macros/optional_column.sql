{# A text column that a relation of an earlier version does not have; null there. #}
{% macro optional_column(relation, column) -%}
    {%- set names = [column] -%}
    {%- if execute and not relation.is_cte and load_relation(relation) -%}
        {%- set names = run_query('select * from ' ~ relation ~ ' where 1 = 0').column_names | map('lower') | list -%}
    {%- endif -%}
    {{ column if column in names else 'cast(null as ' ~ dbt.type_string() ~ ')' }}
{%- endmacro %}
