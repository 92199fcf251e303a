{# The texts that are not null, joined with slashes. #}
{% macro slash_separated(parts) -%}
    {%- set tails = [] -%}
    {%- for part in parts -%}
        {%- do tails.append("coalesce(" ~ dbt.concat(["'/'", part]) ~ ", '')") -%}
    {%- endfor -%}
    substr({{ dbt.concat(tails) }}, 2)
{%- endmacro %}
