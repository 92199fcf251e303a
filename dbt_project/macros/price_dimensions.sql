{# The columns that identify a price within a day. #}
{% macro price_dimensions() -%}
organization_id, service, model, model_family, meter, tier, modality, context, quantity_unit, priced_per,
currency
{%- endmacro %}

{#
    True for the row with the median price, weighted by quantity. This is the price of an existing row, so unlike an
    average it has no rounding errors from other rows' divisions.
#}
{% macro is_weighted_median(quantity, partition, order) -%}
sum({{ quantity }}) over (
    partition by {{ partition }} order by {{ order }} rows between unbounded preceding and current row
) * 2 >= sum({{ quantity }}) over (partition by {{ partition }})
and (
    sum({{ quantity }}) over (
        partition by {{ partition }} order by {{ order }} rows between unbounded preceding and current row
    ) - {{ quantity }}
) * 2 < sum({{ quantity }}) over (partition by {{ partition }})
{%- endmacro %}
