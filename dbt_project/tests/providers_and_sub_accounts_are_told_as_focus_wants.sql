select distinct
    ServiceProviderName,
    HostProviderName,
    InvoiceIssuerName,
    SubAccountId,
    SubAccountName,
    SubAccountType,
    PricingCategory,
    PricingCurrency,
    ChargeClass
from {{ ref('focus_costs') }}
where
    ServiceProviderName <> 'OpenAI'
    or HostProviderName <> ServiceProviderName
    or InvoiceIssuerName <> ServiceProviderName
    or (SubAccountId is null and coalesce(SubAccountName, SubAccountType) is not null)
    or (SubAccountId is not null and (SubAccountName is null or SubAccountType is null))
    or PricingCategory <> 'Standard'
    or PricingCurrency <> BillingCurrency
    or BillingCurrency <> upper(BillingCurrency)
    or ChargeClass is not null
