select
    costs.organization_id,
    costs.date,
    costs.project_id,
    costs.api_key_id,
    keys.name as api_key_name,
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
    -- A row without an amount tells usage, not money.
    coalesce(costs.amount, 0) as unblended_cost,
    coalesce(skus.service, 'Other') as service,
    coalesce(costs.user_id, keys.owner_id) as user_id,
    case
        when costs.user_id is not null then 'reported'
        when keys.owner_id is not null then 'key_owner'
        else 'unattributed'
    end as attribution
from {{ ref('stg_costs') }} as costs
left join {{ ref('int_skus') }} as skus on costs.line_item = skus.line_item
left join {{ source('openai_raw', 'api_keys') }} as keys
    on costs.organization_id = keys.organization_id
    and costs.api_key_id = keys.id
