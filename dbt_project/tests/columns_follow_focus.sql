-- One row per column that FOCUS has and the table lacks, that the table has and neither FOCUS nor we named, or
-- that is of another type. Engines name types differently: what counts is what kind a type is.
{% set decimals = [
    'BilledCost', 'CommitmentDiscountQuantity', 'ConsumedQuantity', 'ContractedCost', 'ContractedUnitPrice',
    'EffectiveCost', 'ListCost', 'ListUnitPrice', 'PricingCurrencyContractedUnitPrice',
    'PricingCurrencyEffectiveCost', 'PricingCurrencyListUnitPrice', 'PricingQuantity',
] %}
{% set moments = ['BillingPeriodEnd', 'BillingPeriodStart', 'ChargePeriodEnd', 'ChargePeriodStart'] %}
{% set texts = [
    'AllocatedMethodDetails', 'AllocatedMethodId', 'AllocatedResourceId', 'AllocatedResourceName', 'AllocatedTags',
    'AvailabilityZone', 'BillingAccountId', 'BillingAccountName', 'BillingAccountType', 'BillingCurrency',
    'CapacityReservationId', 'CapacityReservationStatus', 'ChargeCategory', 'ChargeClass', 'ChargeDescription',
    'ChargeFrequency', 'CommitmentDiscountCategory', 'CommitmentDiscountId', 'CommitmentDiscountName',
    'CommitmentDiscountStatus', 'CommitmentDiscountType', 'CommitmentDiscountUnit',
    'CommitmentProgramEligibilityDetails', 'ConsumedUnit', 'ContractApplied', 'HostProviderName', 'InvoiceDetailId',
    'InvoiceId', 'InvoiceIssuerName', 'PricingCategory', 'PricingCurrency', 'PricingUnit', 'RegionId', 'RegionName',
    'ResourceId', 'ResourceName', 'ResourceType', 'ServiceCategory', 'ServiceName', 'ServiceProviderName',
    'ServiceSubcategory', 'SkuId', 'SkuMeter', 'SkuPriceDetails', 'SkuPriceId', 'SubAccountId', 'SubAccountName',
    'SubAccountType', 'Tags',
] %}
{% set wrong = [] %}
{% if execute %}
    {% set found = {} %}
    {% for column in adapter.get_columns_in_relation(ref('openai__focus_costs')) %}
        {% set type = column.dtype.lower() %}
        {% set kind = 'decimal' if 'dec' in type or 'num' in type
            else 'text' if 'char' in type or 'text' in type or 'string' in type
            else 'moment' if 'time' in type else type %}
        {% do found.update({column.name.lower(): kind}) %}
    {% endfor %}
    {% for kind, columns in {'decimal': decimals, 'moment': moments, 'text': texts}.items() %}
        {% for column in columns if found.pop(column.lower(), 'missing') != kind %}
            {% do wrong.append(column) %}
        {% endfor %}
    {% endfor %}
    {% for column in found if not column.startswith('x_') %}
        {% do wrong.append(column) %}
    {% endfor %}
{% endif %}

{% for column in wrong %}
    select '{{ column }}' as column_name
    {{ 'union all' if not loop.last }}
{% else %}
    select 'none' as column_name
    from {{ ref('openai__focus_costs') }}
    where 1 = 0
{% endfor %}
