{#
    A raw table; if it was not loaded, an empty relation with the columns that the source declares. A raw table is
    missing if the API key lacks the permission, or if no load selected the table; all models work without it.
#}
{% macro source_or_empty(table) -%}
    {%- set relation = source('openai_raw', table) -%}
    {#- A unit test replaces the table. -#}
    {%- if not execute or relation.is_cte or load_relation(relation) -%}
        {{ relation }}
    {%- else -%}
        {%- set declared = graph.sources.values()
            | selectattr('source_name', 'equalto', 'openai_raw')
            | selectattr('name', 'equalto', table) | first -%}
        (
            select *
            from (
                select
                    {%- for column in declared.columns.values() %}
                        cast(null as {{ declared_type(column.data_type) }})
                        as {{ column.name }}{{ ',' if not loop.last }}
                    {%- endfor %}
            ) as nothing
            where 1 = 0
        )
    {%- endif -%}
{%- endmacro %}
