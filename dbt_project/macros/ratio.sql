{#
    A price or a share: the ratio of two exact numbers as a double, null if the denominator is null or 0. Ratios are not
    money: engines differ in the last digits of a division.
#}
{% macro ratio(numerator, denominator) -%}
    cast({{ numerator }} as {{ double() }})
    / nullif(cast({{ denominator }} as {{ double() }}), 0)
{%- endmacro %}

{#
    A price as a decimal: rounded to nine decimals if the rounded price times the quantity equals the cost exactly, as
    for a list price; else the decimal nearest to the double. `price` is a double for `units` of `quantity`, a
    decimal(24, 9). `units` multiply the cost, as engines are slow at rescaling a wide decimal.
#}
{% macro exact_price(price, cost, quantity, units) -%}
case
    when
        {{ product(nearest_decimal('case when ' ~ price ~ ' < 1000 then ' ~ price ~ ' end', 13, 9), quantity) }}
        = {{ decimal('case when ' ~ cost ~ ' < 1000000000 then ' ~ cost ~ ' end', 27, 18) }} * {{ units }}
        then cast({{ nearest_decimal(price, 13, 9) }} as {{ money() }})
    else {{ nearest_decimal(price, 38, 18) }}
end
{%- endmacro %}

{# True if a cost differs from price times quantity by more than the error of a division; all are doubles. #}
{% macro differs_from_product(cost, price, quantity) -%}
    abs({{ price }} * {{ quantity }} - {{ cost }}) > 0.000000001 * greatest(1, abs({{ cost }}))
{%- endmacro %}
