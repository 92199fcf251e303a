-- One row per column of FOCUS that is missing in the table, per column that is neither FOCUS's nor starts
-- with x_, and per column of another type. Engines name types differently, so only decimal, timestamp and
-- text are distinguished.
{% set decimals = [
    'BilledCost', 'CommitmentDiscountQuantity', 'ConsumedQuantity', 'ContractedCost', 'ContractedUnitPrice',
    'EffectiveCost', 'ListCost', 'ListUnitPrice', 'PricingCurrencyContractedUnitPrice',
    'PricingCurrencyEffectiveCost', 'PricingCurrencyListUnitPrice', 'PricingQuantity',
] %}
{% set timestamps = ['BillingPeriodEnd', 'BillingPeriodStart', 'ChargePeriodEnd', 'ChargePeriodStart'] %}
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
{% set wrong_columns = [] %}
{% if execute %}
    {% set kinds = {} %}
    {% for column in adapter.get_columns_in_relation(ref('openai__focus_costs')) %}
        {% set type = column.dtype.lower() %}
        {% set kind = 'decimal' if 'dec' in type or 'num' in type
            else 'text' if 'char' in type or 'text' in type or 'string' in type
            else 'timestamp' if 'time' in type else type %}
        {% do kinds.update({column.name.lower(): kind}) %}
    {% endfor %}
    {% for kind, columns in {'decimal': decimals, 'timestamp': timestamps, 'text': texts}.items() %}
        {% for column in columns if kinds.pop(column.lower(), 'missing') != kind %}
            {% do wrong_columns.append(column) %}
        {% endfor %}
    {% endfor %}
    {% for column in kinds if not column.startswith('x_') %}
        {% do wrong_columns.append(column) %}
    {% endfor %}
{% endif %}

{% for column in wrong_columns %}
    select '{{ column }}' as column_name
    {{ 'union all' if not loop.last }}
{% else %}
    select 'none' as column_name
    from {{ ref('openai__focus_costs') }}
    where 1 = 0
{% endfor %}
