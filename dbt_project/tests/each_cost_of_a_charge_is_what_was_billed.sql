-- OpenAI amortizes nothing and tells no negotiated price. Only the list may say otherwise.
select
    BilledCost,
    EffectiveCost,
    ContractedCost,
    PricingCurrencyEffectiveCost,
    ListCost
from {{ ref('focus_costs') }}
where
    EffectiveCost <> BilledCost
    or ContractedCost <> BilledCost
    or PricingCurrencyEffectiveCost <> BilledCost
    or (coalesce(x_ListPriceSource, 'derived') = 'derived' and ListCost <> BilledCost)
