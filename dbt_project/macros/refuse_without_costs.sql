{#
    Before a run or build of these models: one sentence if no costs are loaded, instead of an error for each model that
    reads them. Runs of other models, where this project is a package, are left alone.
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
