select
    spend.organization_id,
    spend.date,
    spend.project_id,
    spend.api_key_id,
    spend.currency,
    spend.unblended_cost,
    {{ attribution('spend', 'keys') }}
from {{ ref('int_daily_spend') }} as spend
left join {{ ref('int_api_keys') }} as keys
    on spend.organization_id = keys.organization_id
    and spend.api_key_id = keys.api_key_id
