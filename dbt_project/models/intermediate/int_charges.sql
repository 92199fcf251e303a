select
    costs.organization_id,
    costs.date,
    costs.project_id,
    costs.api_key_id,
    costs.line_item,
    skus.model,
    skus.model_family,
    skus.meter,
    skus.tier,
    skus.modality,
    skus.context,
    costs.currency,
    costs.quantity,
    costs.quantity_unit,
    costs.grouped_by,
    costs.api_source,
    -- A row without an amount tells usage, not money.
    coalesce(costs.amount, 0) as unblended_cost,
    coalesce(skus.service, 'Other') as service,
    coalesce(costs.user_id, keys.owner_id) as user_id,
    case
        when costs.user_id is not null then 'reported'
        when keys.owner_id is not null then 'key_owner'
        else 'unattributed'
    end as attribution,
    case
        when coalesce(costs.user_id, keys.owner_id) is not null then null
        when costs.api_key_id is not null then 'the owner of the key is not told'
        when costs.grouped_by like '%api_key_id%' then 'no API key'
        else 'keys were not told on that day'
    end as unattributed_because
from {{ ref('stg_costs') }} as costs
left join {{ ref('int_skus') }} as skus on costs.line_item = skus.line_item
left join {{ ref('int_api_keys') }} as keys
    on costs.organization_id = keys.organization_id
    and costs.api_key_id = keys.api_key_id
