{#
    Whether MetricFlow reads our time spine. It supports one per granularity, so ours is disabled if the project that
    installs this one has a model `metricflow_time_spine`, or declares another model as a time spine in YAML. The
    variable `time_spine_enabled` overrides this.

    dbt has no documented way to ask for models of other projects while it parses. It parses the root project's models
    first, and reads all YAML files before; `ref` knows both. If a later version of dbt differs, ours is enabled.
#}
{% macro is_our_time_spine_needed() -%}
    {%- set others = [] -%}
    {%- if project_name != 'openai_costs' and ref.manifest is defined -%}
        {%- for id in ref.manifest.nodes if id == 'model.' ~ project_name ~ '.metricflow_time_spine' -%}
            {%- do others.append(id) -%}
        {%- endfor -%}
        {%- for file in ref.manifest.files.values() if file.project_name != 'openai_costs' -%}
            {%- for model in (file.dict_from_yaml or {}).get('models') or [] if model.get('time_spine') -%}
                {%- do others.append(model.name) -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endif -%}
    {%- do return(not others if var('time_spine_enabled') is none else var('time_spine_enabled')) -%}
{%- endmacro %}
