{# The columns that identify a price within a day. #}
{% macro price_dimensions() -%}
organization_id, service, model, model_family, meter, tier, modality, context, quantity_unit, priced_per,
currency
{%- endmacro %}

{#
    True for the row with the median price, weighted by quantity. The price of a row that exists has no rounding errors
    of other rows' divisions, as an average would have.
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
