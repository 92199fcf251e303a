{#
    A raw table, or an empty one with the columns that its source declares where none was loaded: a
    key may not read it, or nobody asked for it. Everything downstream works without it.
#}
{% macro raw(table) -%}
    {%- set relation = source('openai_raw', table) -%}
    {%- if not execute or load_relation(relation) -%}
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
