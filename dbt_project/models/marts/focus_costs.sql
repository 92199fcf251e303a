with charges as (
    select
        *,
        -- A decimal(38, 9) times another would leave Spark no room for the decimals.
        cast(quantity as decimal(30, 9)) as countable,
        cast(
            case quantity_unit when 'tokens' then '0.000001' when '1000_tokens' then '0.001' else '1' end
            as decimal(7, 6)
        ) as pricing_units_in_one,
        case
            when quantity_unit in ('tokens', '1000_tokens') then '1000000 Tokens'
            when quantity_unit = 'duration_seconds' then 'Seconds'
            when quantity_unit = 'duration_minutes' then 'Minutes'
            when quantity_unit = 'duration_hours' then 'Hours'
            when quantity_unit = 'gibibyte_hours' then 'GiB-Hours'
            when quantity_unit = 'images' then 'Images'
            when quantity_unit = 'characters' then 'Characters'
            else quantity_unit
        end as pricing_unit,
        quantity is not null and quantity_unit is not null as has_quantity
    from {{ ref('int_charges') }}
)

select
    -- What it cost
    cast(charges.unblended_cost as {{ money() }}) as BilledCost,
    cast(charges.unblended_cost as {{ money() }}) as EffectiveCost,
    cast(charges.unblended_cost as {{ money() }}) as ContractedCost,
    cast(charges.unblended_cost as {{ money() }}) as ListCost,
    charges.currency as BillingCurrency,
    -- Who is billed, and for which of its projects
    charges.organization_id as BillingAccountId,
    organizations.organization_name as BillingAccountName,
    'Organization' as BillingAccountType,
    charges.project_id as SubAccountId,
    projects.project_name as SubAccountName,
    case when charges.project_id is not null then 'Project' end as SubAccountType,
    -- When
    cast({{ dbt.date_trunc('month', 'charges.date') }} as timestamp) as BillingPeriodStart,
    cast({{ dbt.dateadd('month', 1, dbt.date_trunc('month', 'charges.date')) }} as timestamp)
        as BillingPeriodEnd,
    cast(charges.date as timestamp) as ChargePeriodStart,
    cast({{ dbt.dateadd('day', 1, 'charges.date') }} as timestamp) as ChargePeriodEnd,
    -- What kind of charge
    case when charges.unblended_cost < 0 then 'Credit' else 'Usage' end as ChargeCategory,
    cast(null as {{ dbt.type_string() }}) as ChargeClass,
    charges.line_item as ChargeDescription,
    case when charges.unblended_cost < 0 then 'One-Time' else 'Usage-Based' end as ChargeFrequency,
    -- How much of what; a row that tells no quantity is priced by the dollar
    case
        when not charges.has_quantity then cast(charges.unblended_cost as {{ money() }})
        else cast(charges.countable * charges.pricing_units_in_one as {{ money() }})
    end as PricingQuantity,
    case when charges.has_quantity then charges.pricing_unit else 'Dollars' end as PricingUnit,
    'AI and Machine Learning' as ServiceCategory,
    'Generative AI' as ServiceSubcategory,
    'OpenAI API' as ServiceName,
    'OpenAI' as ServiceProviderName,
    'OpenAI' as HostProviderName,
    'OpenAI' as InvoiceIssuerName,
    -- What FOCUS has no column for
    charges.line_item as x_LineItem,
    charges.service as x_Service,
    charges.model as x_Model,
    charges.model_family as x_ModelFamily,
    charges.meter as x_Meter,
    charges.tier as x_ServiceTier,
    charges.modality as x_Modality,
    charges.context as x_ContextWindow,
    charges.user_id as x_PrincipalId,
    users.user_name as x_PrincipalName,
    charges.api_key_id as x_CredentialId,
    api_keys.api_key_name as x_CredentialName,
    charges.attribution as x_Attribution,
    charges.unattributed_because as x_UnattributedBecause,
    case when charges.has_quantity then 'reported' else 'amount' end as x_QuantitySource,
    charges.grouped_by as x_GroupedBy
from charges
left join {{ ref('int_organizations') }} as organizations
    on charges.organization_id = organizations.organization_id
left join {{ ref('int_projects') }} as projects
    on charges.organization_id = projects.organization_id
    and charges.project_id = projects.project_id
left join {{ ref('int_users') }} as users
    on charges.organization_id = users.organization_id
    and charges.user_id = users.user_id
left join {{ ref('int_api_keys') }} as api_keys
    on charges.organization_id = api_keys.organization_id
    and charges.api_key_id = api_keys.api_key_id
