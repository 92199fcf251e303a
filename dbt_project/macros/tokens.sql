{#
    A quantity in tokens; null if the unit is not a token unit. The decimal is narrowed, as the product of two wide
    decimals has no decimals on Spark.
#}
{% macro tokens(amount, unit) -%}
cast(
    {{ decimal(amount, 28, 9) }}
    * case {{ unit }} when 'tokens' then 1 when '1000_tokens' then 1000 end
    as {{ quantity() }}
)
{%- endmacro %}
