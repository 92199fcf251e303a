{{ config(severity='warn') }}
-- As far as a division is exact; the official validator allows as much.
{% set factors = {'ContractedCost': 'ContractedUnitPrice', 'ListCost': 'ListUnitPrice'} %}

select
    ChargePeriodStart,
    ChargeDescription,
    {% for cost, price in factors.items() %}
        {{ cost }},
        {{ price }},
    {% endfor %}
    PricingQuantity,
    {{ dbt.concat([
        "coalesce(ChargeDescription, 'a charge')", "' does not cost its price times its quantity'"
    ]) }} as reason
from {{ ref('focus_costs') }}
where
    {% for cost, price in factors.items() %}
        {{ 'or' if not loop.first }}
        abs(
            cast({{ price }} as double precision) * cast(PricingQuantity as double precision)
            - cast({{ cost }} as double precision)
        ) > 0.000000001 * greatest(1, abs(cast({{ cost }} as double precision)))
    {% endfor %}
