{#
    BI tools rely on the schema names, so they are used as configured, without the target's schema as a
    prefix. In a project that installs this one as a package, that project's macro decides or, if it has none,
    dbt's.
#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- if project_name == 'openai_costs' -%}
        {{ custom_schema_name or target.schema }}
    {%- else -%}
        {%- set macros = context.get(project_name, {}) -%}
        {{ macros.get('generate_schema_name', dbt.generate_schema_name)(custom_schema_name, node) }}
    {%- endif -%}
{%- endmacro %}
