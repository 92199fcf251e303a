{# True where a text can be a model's name: something, without stray blanks, commas or pipes. #}
{% macro is_name(text) -%}
    {{ text }} <> '' and {{ text }} = trim({{ text }})
    and {{ text }} not like '%  %' and {{ text }} not like '%,%' and {{ text }} not like '%|%'
{%- endmacro %}
