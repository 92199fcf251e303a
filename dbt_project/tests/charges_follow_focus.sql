{{ config(tags=['daily']) }}
-- The rules on rows of focus_costs that fail a build, in one scan. The official validator sees few of them:
-- its condition "ChargeClass is not Correction" does not fire on a null.
{% set never_null = [
    'BilledCost', 'EffectiveCost', 'ContractedCost', 'ListCost', 'PricingCurrencyEffectiveCost', 'BillingCurrency',
    'PricingCurrency', 'BillingAccountId', 'BillingAccountName', 'BillingAccountType', 'BillingPeriodStart',
    'BillingPeriodEnd', 'ChargePeriodStart', 'ChargePeriodEnd', 'ChargeCategory', 'ChargeFrequency', 'ServiceCategory',
    'ServiceSubcategory', 'ServiceName', 'ServiceProviderName', 'HostProviderName', 'InvoiceIssuerName', 'x_Service',
    'x_Attribution', 'x_GroupedBy',
] %}
{% set of_usage = [
    'SkuId', 'SkuMeter', 'SkuPriceId', 'PricingCategory', 'PricingQuantity', 'PricingUnit', 'ConsumedQuantity',
    'ConsumedUnit', 'ContractedUnitPrice', 'ListUnitPrice', 'PricingCurrencyContractedUnitPrice',
    'PricingCurrencyListUnitPrice', 'x_QuantitySource', 'x_ListPriceSource',
] %}
{% set known = {
    'ChargeCategory': ['Usage', 'Credit'], 'ChargeFrequency': ['Usage-Based', 'One-Time'],
    'x_Attribution': ['reported', 'key_owner', 'unattributed'], 'x_QuantitySource': ['reported', 'amount'],
    'x_UnattributedBecause': [
        'the owner of the key is not told', 'no API key', 'keys were not told on that day',
    ],
} %}

with judged as (
    select
        BillingAccountId,
        ChargePeriodStart,
        ChargeDescription,
        BilledCost,
        case
            {% for column in never_null %}
                when {{ column }} is null then '{{ column }} is null'
            {% endfor %}
            {% for column, values in known.items() %}
                when {{ column }} not in ('{{ values | join("', '") }}')  -- noqa: LT05
                    then '{{ column }} is none of its values'
            {% endfor %}
            when
                ChargePeriodEnd
                <> cast({{ dbt.dateadd('day', 1, 'ChargePeriodStart') }} as {{ timestamp_type() }})
                or ChargePeriodStart
                <> cast({{ dbt.date_trunc('day', 'ChargePeriodStart') }} as {{ timestamp_type() }})
                then 'the charge period is no day'
            when
                BillingPeriodEnd
                <> cast({{ dbt.dateadd('month', 1, 'BillingPeriodStart') }} as {{ timestamp_type() }})
                or BillingPeriodStart
                <> cast({{ dbt.date_trunc('month', 'BillingPeriodStart') }} as {{ timestamp_type() }})
                or ChargePeriodStart < BillingPeriodStart
                or ChargePeriodEnd > BillingPeriodEnd
                then 'the billing period is not the month of the day'
            -- OpenAI amortizes nothing and tells no negotiated price. Only the list may say otherwise.
            when
                EffectiveCost <> BilledCost
                or ContractedCost <> BilledCost
                or PricingCurrencyEffectiveCost <> BilledCost
                or (coalesce(x_ListPriceSource, 'derived') = 'derived' and ListCost <> BilledCost)
                then 'a cost is not what was billed'
            when
                ServiceProviderName <> 'OpenAI'
                or HostProviderName <> ServiceProviderName
                or InvoiceIssuerName <> ServiceProviderName
                then 'a provider is not OpenAI'
            when
                (SubAccountId is null and coalesce(SubAccountName, SubAccountType) is not null)
                or (SubAccountId is not null and (SubAccountName is null or SubAccountType is null))
                then 'the sub account is told in part'
            when
                PricingCurrency <> BillingCurrency or BillingCurrency <> upper(BillingCurrency)
                then 'a currency is not that of the bill, in capitals'
            when PricingCategory <> 'Standard' or ChargeClass is not null
                then 'a charge is not an ordinary one'
            when
                not (ServiceCategory = 'AI and Machine Learning' and ServiceSubcategory = 'Generative AI')
                then 'the subcategory is not one of its category'
            when
                ChargeCategory = 'Usage' and ({{ of_usage | join(' is null or ') }} is null)
                then 'usage lacks a SKU, a quantity or a price'
            when
                ChargeCategory = 'Credit'
                and coalesce(SkuId, SkuPriceId, PricingUnit, ConsumedUnit) is not null
                then 'a credit has a SKU or a unit'
            when
                ContractedUnitPrice < 0
                or ListUnitPrice < 0
                or PricingCurrencyContractedUnitPrice <> ContractedUnitPrice
                or PricingCurrencyListUnitPrice <> ListUnitPrice
                then 'a unit price is negative, or differs from itself'
            when
                x_QuantitySource = 'amount'
                and (ConsumedQuantity <> BilledCost or PricingQuantity <> BilledCost)
                then 'a quantity in dollars is not the amount'
        end as reason
    from {{ ref('openai__focus_costs') }}
    where {{ is_not_before_days_to_build('ChargePeriodStart', timestamp_type()) }}
)

select *
from judged
where reason is not null
