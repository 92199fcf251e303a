{# Values that a person wrote in a seed: parsed, or null if they are invalid; never an error. #}

{% macro without_digits(text) -%}
{%- set remaining = namespace(text=text) -%}
{%- for digit in range(10) -%}
    {%- set remaining.text = "replace(" ~ remaining.text ~ ", '" ~ digit ~ "', '')" -%}
{%- endfor -%}
{{ remaining.text }}
{%- endmacro %}

{# A month such as 2026-10 as its first day. #}
{% macro parse_month(text) -%}
case
    when {{ text }} like '20__-__' and {{ without_digits(text) }} = '-'
        and substr({{ text }}, 6) between '01' and '12'
        then cast({{ text }} || '-01' as date)
end
{%- endmacro %}

{# An amount such as 1234.56 or -5: an optional minus sign, digits and a decimal point. #}
{% macro parse_amount(text) -%}
case
    when length({{ text }}) <= 20 and length({{ text }}) > length({{ without_digits(text) }})
        and (
            {{ without_digits(text) }} in ('', '.')
            or ({{ without_digits(text) }} in ('-', '-.') and {{ text }} like '-%')
        )
        then cast({{ text }} as {{ money() }})
end
{%- endmacro %}

{# A day such as 2026-10-31, from 2000 to 2099, as a date; null for a day that does not exist. #}
{% macro parse_day(text) -%}
case
    when {{ text }} like '20__-__-__' and {{ without_digits(text) }} = '--'
        and substr({{ text }}, 6, 2) between '01' and '12'
        and substr({{ text }}, 9, 2) between '01' and '31'
        and not (substr({{ text }}, 6, 2) in ('04', '06', '09', '11') and substr({{ text }}, 9, 2) = '31')
        and not (substr({{ text }}, 6, 2) = '02' and substr({{ text }}, 9, 2) > '29')
        and not (
            substr({{ text }}, 6, 5) = '02-29'
            and mod(cast({{ digits_of_year(text) }} as {{ dbt.type_int() }}), 4) <> 0
        )
        then cast({{ text }} as date)
end
{%- endmacro %}

{# The last two digits of a year; `00` if they are invalid, so that a cast never fails. #}
{% macro digits_of_year(text) -%}
case
    when {{ text }} like '20__-%' and {{ without_digits('substr(' ~ text ~ ', 3, 2)') }} = ''
        then substr({{ text }}, 3, 2)
    else '00'
end
{%- endmacro %}
