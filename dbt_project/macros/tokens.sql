{#
    A quantity in tokens; null where it counts something else. Narrowed, as Spark leaves the product
    of two wide decimals no decimals.
#}
{% macro tokens(counted, unit) -%}
cast(
    {{ decimal(counted, 28, 9) }}
    * case {{ unit }} when 'tokens' then 1 when '1000_tokens' then 1000 end
    as {{ quantity() }}
)
{%- endmacro %}
