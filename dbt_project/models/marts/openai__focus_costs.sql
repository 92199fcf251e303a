{% set unused = [
    'AllocatedMethodDetails', 'AllocatedMethodId', 'AllocatedResourceId', 'AllocatedResourceName', 'AllocatedTags',
    'AvailabilityZone', 'CapacityReservationId', 'CapacityReservationStatus', 'ChargeClass',
    'CommitmentDiscountCategory', 'CommitmentDiscountId', 'CommitmentDiscountName', 'CommitmentDiscountStatus',
    'CommitmentDiscountType', 'CommitmentDiscountUnit', 'CommitmentProgramEligibilityDetails', 'ContractApplied',
    'InvoiceDetailId', 'InvoiceId', 'ResourceId', 'ResourceName', 'ResourceType',
] %}

with charges_in_focus as (
    select
        {% for cost in ['BilledCost', 'ContractedCost', 'EffectiveCost', 'PricingCurrencyEffectiveCost'] %}
            cast(charges.unblended_cost as {{ money() }}) as {{ cost }},
        {% endfor %}
        cast(charges.list_cost as {{ money() }}) as ListCost,
        charges.currency as BillingCurrency,
        charges.currency as PricingCurrency,
        charges.organization_id as BillingAccountId,
        organizations.organization_name as BillingAccountName,
        'Organization' as BillingAccountType,
        charges.project_id as SubAccountId,
        projects.name as SubAccountName,
        case when charges.project_id is not null then 'Project' end as SubAccountType,
        cast({{ dbt.date_trunc('month', 'charges.date') }} as {{ timestamp_type() }}) as BillingPeriodStart,
        cast({{ add_to_date('month', 1, dbt.date_trunc('month', 'charges.date')) }} as {{ timestamp_type() }})
            as BillingPeriodEnd,
        cast(charges.date as {{ timestamp_type() }}) as ChargePeriodStart,
        cast({{ add_to_date('day', 1, 'charges.date') }} as {{ timestamp_type() }}) as ChargePeriodEnd,
        case when charges.unblended_cost < 0 then 'Credit' else 'Usage' end as ChargeCategory,
        case
            when trim(charges.line_item) <> '' then charges.line_item
            when charges.unblended_cost < 0 then 'OpenAI API credit without a line item'
            else 'OpenAI API usage without a line item'
        end as ChargeDescription,
        case when charges.unblended_cost < 0 then 'One-Time' else 'Usage-Based' end as ChargeFrequency,
        'AI and Machine Learning' as ServiceCategory,
        'Generative AI' as ServiceSubcategory,
        'OpenAI API' as ServiceName,
        {% for who in ['ServiceProviderName', 'HostProviderName', 'InvoiceIssuerName'] %}
            'OpenAI' as {{ who }},
        {% endfor %}
        charges.sku_id as SkuId,
        charges.sku_meter as SkuMeter,
        charges.sku_price_id as SkuPriceId,
        charges.sku_price_details as SkuPriceDetails,
        cast(charges.consumed_quantity as {{ money() }}) as ConsumedQuantity,
        charges.consumed_unit as ConsumedUnit,
        case when charges.sku_price_id is not null then 'Standard' end as PricingCategory,
        cast(charges.pricing_quantity as {{ money() }}) as PricingQuantity,
        charges.pricing_unit as PricingUnit,
        {% for price in ['ContractedUnitPrice', 'PricingCurrencyContractedUnitPrice'] %}
            cast(charges.contracted_price as {{ money() }}) as {{ price }},
        {% endfor %}
        {% for price in ['ListUnitPrice', 'PricingCurrencyListUnitPrice'] %}
            cast(coalesce(charges.list_price, charges.contracted_price) as {{ money() }}) as {{ price }},
        {% endfor %}
        regions.region_id as RegionId,
        regions.region_name as RegionName,
        teams.assigned_tags as Tags,
        cast(null as {{ money() }}) as CommitmentDiscountQuantity,
        {% for column in unused %}
            cast(null as {{ dbt.type_string() }}) as {{ column }},
        {% endfor %}
        charges.api_source as x_ApiSource,
        charges.attribution as x_Attribution,
        charges.context as x_ContextWindow,
        charges.api_key_id as x_CredentialId,
        api_keys.name as x_CredentialName,
        charges.grouped_by as x_GroupedBy,
        charges.line_item as x_LineItem,
        charges.list_price_source as x_ListPriceSource,
        charges.meter as x_Meter,
        charges.modality as x_Modality,
        charges.model as x_Model,
        charges.model_family as x_ModelFamily,
        charges.owner_assumed_because as x_OwnerAssumedBecause,
        charges.user_id as x_PrincipalId,
        users.name as x_PrincipalName,
        cast(charges.quantity as {{ quantity() }}) as x_Quantity,
        charges.quantity_source as x_QuantitySource,
        charges.quantity_unit as x_QuantityUnit,
        regions.residency as x_Residency,
        charges.service as x_Service,
        charges.tier as x_ServiceTier,
        charges.unattributed_because as x_UnattributedBecause
    from {{ ref('int_openai__charges') }} as charges
    left join {{ ref('int_openai__organizations') }} as organizations
        on charges.organization_id = organizations.organization_id
    {% for kind in ['project', 'user', 'api_key'] %}
        left join {{ ref('int_openai__name_periods') }} as {{ kind }}s
            on charges.organization_id = {{ kind }}s.organization_id
            and {{ kind }}s.kind = '{{ kind }}'
            and charges.{{ kind }}_id = {{ kind }}s.id
            and charges.date >= {{ kind }}s.valid_from
            and charges.date < {{ kind }}s.valid_until
    {% endfor %}
    left join {{ ref('int_openai__projects') }} as regions
        on charges.organization_id = regions.organization_id
        and charges.project_id = regions.project_id
    left join {{ ref('int_openai__charge_teams') }} as teams on {{ is_team_of_charge('teams', 'charges') }}
)

-- In the order of the model's description: FOCUS's columns, then the custom ones.
select
    {{ model.columns | join(',\n    ') }}
from charges_in_focus
