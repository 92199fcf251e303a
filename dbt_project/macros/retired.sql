{# Drops the tables and views that earlier versions built and this one does not: by schema, their names. #}
{% macro drop_retired() -%}
    {%- set retired = {'openai_intermediate': ['int_lost_credits']} -%}
    {%- for schema, names in retired.items() if execute -%}
        {%- for name in names -%}
            {%- set relation = adapter.get_relation(target.get('database'), schema, name) -%}
            {%- if relation -%}{%- do adapter.drop_relation(relation) -%}{%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
{%- endmacro %}
