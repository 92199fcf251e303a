{# The texts that are not null, with slashes between them. #}
{% macro path(parts) -%}
    {%- set tails = [] -%}
    {%- for part in parts -%}
        {%- do tails.append("coalesce(" ~ dbt.concat(["'/'", part]) ~ ", '')") -%}
    {%- endfor -%}
    substr({{ dbt.concat(tails) }}, 2)
{%- endmacro %}
