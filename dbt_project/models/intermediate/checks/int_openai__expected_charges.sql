select
    costs.organization_id,
    costs.date,
    {{ currency_code('costs.currency') }} as currency,
    nullif(costs.project_id, '') as project_id,
    coalesce(nullif(costs.user_id, ''), owners.owner_id) as user_id,
    case
        when costs.user_id <> '' then 'reported'
        when owners.owner_id is not null then 'key_owner'
        else 'unattributed'
    end as attribution,
    nullif(costs.api_key_id, '') as api_key_id,
    coalesce(costs.amount, 0) as amount
from {{ source('openai_raw', 'costs') }} as costs
left join {{ ref('int_openai__expected_owners') }} as owners
    on costs.organization_id = owners.organization_id
    and costs.api_key_id = owners.id
    and costs.date >= owners.valid_from
    and costs.date < owners.valid_until
