{#
    The name of a model that the bill and usage have in common: in lower case, with hyphens for blanks, without the
    parts that fine-tuning adds to the base model (`ft-…` in the bill, `ft:…:organization::id` in usage) and without
    the date, which either of the two may include or omit.
#}
{% macro model_family(model) -%}
{%- set spelled = "replace(lower(" ~ model ~ "), ' ', '-')" -%}
{%- set base -%}
case
    when {{ spelled }} like 'ft:%' then {{ nth_part(spelled, "':'", 2) }}
    when {{ spelled }} like 'ft-%' then substr({{ spelled }}, 4)
    else {{ spelled }}
end
{%- endset -%}
case
    when {{ base }} like '%-20__-__-__' then substr({{ base }}, 1, length({{ base }}) - 11)
    else {{ base }}
end
{%- endmacro %}

{# The date at the end of a model's name; null if there is none. #}
{% macro model_version(model) -%}
case when {{ model }} like '%-20__-__-__' then substr({{ model }}, length({{ model }}) - 9) end
{%- endmacro %}
