{#
    A price or a share: a ratio of two exact numbers as a double, null where there is nothing to
    divide by. Ratios are not money; engines differ in the last digits of a division.
#}
{% macro ratio(numerator, denominator) -%}
    cast({{ numerator }} as double precision)
    / nullif(cast({{ denominator }} as double precision), 0)
{%- endmacro %}
