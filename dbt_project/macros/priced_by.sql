{# What has a price of its own on a day. #}
{% macro priced_by() -%}
organization_id, service, model, model_family, meter, tier, modality, context, quantity_unit, priced_per,
currency
{%- endmacro %}

{#
    True for the row at which, in order of price, half of the quantity of the day is reached: its
    price is that of most of the quantity, and is free of the noise of other rows' divisions.
#}
{% macro is_usual(quantity, partition, order) -%}
sum({{ quantity }}) over (
    partition by {{ partition }} order by {{ order }} rows between unbounded preceding and current row
) * 2 >= sum({{ quantity }}) over (partition by {{ partition }})
and (
    sum({{ quantity }}) over (
        partition by {{ partition }} order by {{ order }} rows between unbounded preceding and current row
    ) - {{ quantity }}
) * 2 < sum({{ quantity }}) over (partition by {{ partition }})
{%- endmacro %}
