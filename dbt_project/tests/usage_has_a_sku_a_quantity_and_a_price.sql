-- The official validator never looks: its condition "ChargeClass is not Correction" does not fire on a null.
{% set of_usage = [
    'SkuId', 'SkuMeter', 'SkuPriceId', 'PricingCategory', 'PricingQuantity', 'PricingUnit', 'ConsumedQuantity',
    'ConsumedUnit', 'ContractedUnitPrice', 'ListUnitPrice', 'PricingCurrencyContractedUnitPrice',
    'PricingCurrencyListUnitPrice', 'x_QuantitySource', 'x_ListPriceSource',
] %}

select
    ChargeCategory,
    ChargeDescription,
    {{ of_usage | join(', ') }}
from {{ ref('focus_costs') }}
where
    (ChargeCategory = 'Usage' and ({{ of_usage | join(' is null or ') }} is null))
    or (ChargeCategory = 'Credit' and coalesce(SkuId, SkuPriceId, PricingUnit, ConsumedUnit) is not null)
    or ContractedUnitPrice < 0
    or ListUnitPrice < 0
    or PricingCurrencyContractedUnitPrice <> ContractedUnitPrice
    or PricingCurrencyListUnitPrice <> ListUnitPrice
    or (x_QuantitySource = 'amount' and (ConsumedQuantity <> BilledCost or PricingQuantity <> BilledCost))
