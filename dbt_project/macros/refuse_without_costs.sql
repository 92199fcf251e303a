{#
    Before `dbt run` or `dbt build`: stops with one message if no costs are loaded, instead of an error per model. In a
    project that installs this one as a package, the message is a warning, so that other models are built.
#}
{% macro refuse_without_costs() -%}
    {%- set ledger = source('openai_raw', 'cost_days') -%}
    {%- if execute and flags.WHICH in ('run', 'build') and is_selected('model') and not load_relation(ledger) -%}
        {%- set refuse = exceptions.raise_compiler_error if project_name == 'openai_costs' else exceptions.warn -%}
        {%- do refuse(
            'No costs are loaded in the schema ' ~ var('raw_schema') ~ (' of ' ~ ledger.database if ledger.database)
            ~ ': load them with python pipeline.py load, or set the variable raw_schema.'
        ) -%}
    {%- endif -%}
{%- endmacro %}

{#
    True if nodes of this project are selected, or such nodes of one type. The hooks of a package also run if only other
    nodes of the project that installs it are selected.
#}
{% macro is_selected(type=none) -%}
    {%- set selected = [] -%}
    {%- for id in selected_resources if id.split('.')[1] == 'openai_costs' and type in (none, id.split('.')[0]) -%}
        {%- do selected.append(id) -%}
    {%- endfor -%}
    {%- do return(selected | length > 0) -%}
{%- endmacro %}
