{#
    Before `dbt run` or `dbt build`: stops with one message if no costs are loaded, instead of an error per model. Does
    nothing if no model of this project is selected, as in a project that uses it as a package.
#}
{% macro refuse_without_costs() -%}
    {%- set ledger = source('openai_raw', 'cost_days') -%}
    {%- set models = [] -%}
    {%- for id in selected_resources if id.startswith('model.openai_costs.') -%}
        {%- do models.append(id) -%}
    {%- endfor -%}
    {%- if execute and flags.WHICH in ('run', 'build') and models and not load_relation(ledger) -%}
        {%- do exceptions.raise_compiler_error(
            'No costs are loaded in the schema ' ~ var('raw_schema')
            ~ ': load them with python pipeline.py load, or set the variable raw_schema.'
        ) -%}
    {%- endif -%}
{%- endmacro %}
