{#
    A price or a share: a ratio of two exact numbers as a double, null where there is nothing to
    divide by. Ratios are not money; engines differ in the last digits of a division.
#}
{% macro ratio(numerator, denominator) -%}
    cast({{ numerator }} as {{ double() }})
    / nullif(cast({{ denominator }} as {{ double() }}), 0)
{%- endmacro %}

{#
    A price as a decimal: of at most nine decimals where that gives the very cost, as what is told of a
    list does, else the nearest that a double holds. `price` is a double, for `units` of what `quantity`,
    a decimal(24, 9), counts. Engines take long to lessen a wide decimal's digits: so units multiply the cost.
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

{# True where a cost is further from price times quantity than a division is exact. #}
{% macro is_not_the_product(cost, price, quantity) -%}
    abs(
        cast({{ price }} as {{ double() }}) * cast({{ quantity }} as {{ double() }})
        - cast({{ cost }} as {{ double() }})
    ) > 0.000000001 * greatest(1, abs(cast({{ cost }} as {{ double() }})))
{%- endmacro %}
