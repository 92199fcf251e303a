{{ config(tags=['daily']) }}
-- Rules for the rows of focus_costs that fail a build, checked in one scan. The official validator applies
-- few of them: its condition "ChargeClass is not Correction" is not true for a null.
{% set required = [
    'BilledCost', 'EffectiveCost', 'ContractedCost', 'ListCost', 'PricingCurrencyEffectiveCost', 'BillingCurrency',
    'PricingCurrency', 'BillingAccountId', 'BillingAccountName', 'BillingAccountType', 'BillingPeriodStart',
    'BillingPeriodEnd', 'ChargePeriodStart', 'ChargePeriodEnd', 'ChargeCategory', 'ChargeDescription', 'ChargeFrequency',
    'ServiceCategory', 'ServiceSubcategory', 'ServiceName', 'ServiceProviderName', 'HostProviderName',
    'InvoiceIssuerName', 'x_Service', 'x_Attribution', 'x_GroupedBy',
] %}
{% set required_for_usage = [
    'SkuId', 'SkuMeter', 'SkuPriceId', 'PricingCategory', 'PricingQuantity', 'PricingUnit', 'ConsumedQuantity',
    'ConsumedUnit', 'ContractedUnitPrice', 'ListUnitPrice', 'PricingCurrencyContractedUnitPrice',
    'PricingCurrencyListUnitPrice', 'x_QuantitySource', 'x_ListPriceSource',
] %}
{% set allowed_values = {
    'ChargeCategory': ['Usage', 'Credit'], 'ChargeFrequency': ['Usage-Based', 'One-Time'],
    'x_Attribution': ['reported', 'key_owner', 'unattributed'], 'x_QuantitySource': ['reported', 'amount'],
    'x_UnattributedBecause': [
        'the API returned no owner of the key', 'no API key', 'the API returned no keys for that day',
    ],
} %}
{% set patterns_of_models = [
    ('%embedding%', 'Embeddings'), ('%moderation%', 'Moderation'), ('%image%', 'Images'), ('dall-e%', 'Images'),
    ('sora%', 'Video'), ('%audio%', 'Audio'), ('%realtime%', 'Audio'), ('%transcribe%', 'Audio'), ('%tts%', 'Audio'),
    ('whisper%', 'Audio'),
] %}
{% set services_of_models = patterns_of_models | map(attribute=1) | unique | list %}

with checked as (
    select
        BillingAccountId,
        ChargePeriodStart,
        ChargeDescription,
        BilledCost,
        case
            {% for column in required %}
                when {{ column }} is null then '{{ column }} is null'
            {% endfor %}
            {% for column, values in allowed_values.items() %}
                when {{ column }} not in ('{{ values | join("', '") }}')  -- noqa: LT05
                    then '{{ column }} has a value that is not allowed'
            {% endfor %}
            when
                ChargePeriodEnd
                <> cast({{ add_to_date('day', 1, 'ChargePeriodStart') }} as {{ timestamp_type() }})
                or ChargePeriodStart
                <> cast({{ dbt.date_trunc('day', 'ChargePeriodStart') }} as {{ timestamp_type() }})
                then 'the charge period is not a day'
            when
                BillingPeriodEnd
                <> cast({{ add_to_date('month', 1, 'BillingPeriodStart') }} as {{ timestamp_type() }})
                or BillingPeriodStart
                <> cast({{ dbt.date_trunc('month', 'BillingPeriodStart') }} as {{ timestamp_type() }})
                or ChargePeriodStart < BillingPeriodStart
                or ChargePeriodEnd > BillingPeriodEnd
                then 'the billing period is not the month of the day'
            -- OpenAI amortizes nothing and returns no negotiated prices. Only the list cost may differ.
            when
                EffectiveCost <> BilledCost
                or ContractedCost <> BilledCost
                or PricingCurrencyEffectiveCost <> BilledCost
                or (coalesce(x_ListPriceSource, 'derived') = 'derived' and ListCost <> BilledCost)
                then 'a cost differs from the billed cost'
            when
                ServiceProviderName <> 'OpenAI'
                or HostProviderName <> ServiceProviderName
                or InvoiceIssuerName <> ServiceProviderName
                then 'a provider is not OpenAI'
            when
                (SubAccountId is null and coalesce(SubAccountName, SubAccountType) is not null)
                or (SubAccountId is not null and (SubAccountName is null or SubAccountType is null))
                then 'the sub account is incomplete'
            when
                (RegionId is null and RegionName is not null)
                or (RegionId is not null and (RegionName is null or x_Residency not like RegionId || '_%'))
                then 'the region is incomplete, or not that of the residency'
            when
                PricingCurrency <> BillingCurrency or BillingCurrency <> upper(BillingCurrency)
                then 'a currency is not the billing currency in capitals'
            when PricingCategory <> 'Standard' or ChargeClass is not null
                then 'a charge is not an ordinary one'
            when
                not (ServiceCategory = 'AI and Machine Learning' and ServiceSubcategory = 'Generative AI')
                then 'the subcategory is not one of its category'
            when
                ChargeCategory = 'Usage' and ({{ required_for_usage | join(' is null or ') }} is null)
                then 'usage has no SKU, quantity or price'
            when
                ChargeCategory = 'Credit'
                and coalesce(SkuId, SkuPriceId, PricingUnit, ConsumedUnit) is not null
                then 'a credit has a SKU or a unit'
            when
                ContractedUnitPrice < 0
                or ListUnitPrice < 0
                or PricingCurrencyContractedUnitPrice <> ContractedUnitPrice
                or PricingCurrencyListUnitPrice <> ListUnitPrice
                then 'a unit price is negative, or differs between its two columns'
            when
                x_QuantitySource = 'amount'
                and (ConsumedQuantity <> BilledCost or PricingQuantity <> BilledCost)
                then 'a quantity in dollars is not the amount'
            when
                x_ServiceTier is not null
                and SkuPriceId <> SkuId || '/' || x_ServiceTier
                || case x_ContextWindow when 'long' then '/long-context' else '' end
                then 'the SKU price is not that of the tier and the context window'
            when
                x_Service in ('Chat and completions', '{{ services_of_models | join("', '") }}')  -- noqa: LT05
                and x_Service <> case
                    {% for pattern, service in patterns_of_models %}
                        when lower(x_Model) like '{{ pattern }}' then '{{ service }}'
                    {% endfor %}
                    else 'Chat and completions'
                end
                then 'the service is not that of the model'
        end as reason
    from {{ ref('openai__focus_costs') }}
    where {{ is_not_before_days_to_build('ChargePeriodStart', timestamp_type()) }}
)

select *
from checked
where reason is not null
