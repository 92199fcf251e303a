{#
    Before a run or build of these models: without loaded costs, one sentence in place of an error for each model that
    reads them. Runs of other models, where this project is a package, are left alone.
#}
{% macro refuse_without_costs() -%}
    {%- if execute and flags.WHICH in ('run', 'build') -%}
        {%- set models = [] -%}
        {%- for id in selected_resources if id.startswith('model.openai_costs.') -%}
            {%- do models.append(id) -%}
        {%- endfor -%}
        {%- set ledger = api.Relation.create(
            database=target.get('database'), schema=var('raw_schema'), identifier='cost_days'
        ) -%}
        {%- if models and not load_relation(ledger) -%}
            {%- do exceptions.raise_compiler_error(
                'There are no loaded costs in the schema ' ~ var('raw_schema')
                ~ ': load them with python pipeline.py load, or set the variable raw_schema.'
            ) -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
