{#
    A price or a share: a ratio of two exact numbers as a double, null where there is nothing to
    divide by. Ratios are not money; engines differ in the last digits of a division.
#}
{% macro ratio(numerator, denominator) -%}
    cast({{ numerator }} as double precision)
    / nullif(cast({{ denominator }} as double precision), 0)
{%- endmacro %}

{#
    A price as a decimal: of at most nine decimals where that gives the very cost, as what is told of a
    list does, else the nearest that a double holds.
#}
{% macro exact_price(cost, quantity) -%}
{%- set price = ratio(cost, quantity) -%}
case
    when
        cast(case when {{ price }} < 1000 then {{ price }} end as decimal(13, 9))
        * cast({{ quantity }} as decimal(24, 9)) = {{ cost }}
        then cast(cast({{ price }} as decimal(13, 9)) as {{ money() }})
    else cast({{ price }} as {{ money() }})
end
{%- endmacro %}
