{# True if a text can be the name of a model: not empty, without stray blanks, commas or pipes. #}
{% macro is_model_name(text) -%}
    {{ text }} <> '' and {{ text }} = trim({{ text }})
    and {{ text }} not like '%  %' and {{ text }} not like '%,%' and {{ text }} not like '%|%'
{%- endmacro %}
