{# What a person wrote in a seed: read where it can be read, null where not, never an error. #}

{% macro without_digits(text) -%}
{%- set left = namespace(text=text) -%}
{%- for digit in range(10) -%}
    {%- set left.text = "replace(" ~ left.text ~ ", '" ~ digit ~ "', '')" -%}
{%- endfor -%}
{{ left.text }}
{%- endmacro %}

{# A month such as 2026-10, as its first day. #}
{% macro written_month(text) -%}
case
    when {{ text }} like '20__-__' and {{ without_digits(text) }} = '-'
        and substr({{ text }}, 6) between '01' and '12'
        then cast({{ text }} || '-01' as date)
end
{%- endmacro %}

{# An amount such as 1234.56 or -5: a sign, digits and a point, and no other mark. #}
{% macro written_amount(text) -%}
case
    when length({{ text }}) <= 20 and length({{ text }}) > length({{ without_digits(text) }})
        and (
            {{ without_digits(text) }} in ('', '.')
            or ({{ without_digits(text) }} in ('-', '-.') and {{ text }} like '-%')
        )
        then cast({{ text }} as {{ money() }})
end
{%- endmacro %}
