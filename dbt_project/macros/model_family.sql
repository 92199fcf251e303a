{#
    The name that one model has everywhere: in lower case, without display spelling, without what
    fine-tuning puts around the base model (`ft-…` on the bill, `ft:…:organization::id` in usage)
    and without its date. Bill and usage write a model's date or leave it out, each as it pleases.
#}
{% macro model_family(model) -%}
{%- set spelled = "replace(lower(" ~ model ~ "), ' ', '-')" -%}
{%- set base -%}
case
    when {{ spelled }} like 'ft:%' then {{ dbt.split_part(spelled, "':'", 2) }}
    when {{ spelled }} like 'ft-%' then substr({{ spelled }}, 4)
    else {{ spelled }}
end
{%- endset -%}
case
    when {{ base }} like '%-20__-__-__' then substr({{ base }}, 1, length({{ base }}) - 11)
    else {{ base }}
end
{%- endmacro %}

{# The date that ends a model's name; null where none does. #}
{% macro model_version(model) -%}
case when {{ model }} like '%-20__-__-__' then substr({{ model }}, length({{ model }}) - 9) end
{%- endmacro %}
