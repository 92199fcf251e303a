select
    spend.organization_id,
    spend.date,
    spend.project_id,
    spend.api_key_id,
    spend.currency,
    spend.unblended_cost,
    {{ attribution('spend', 'keys') }}
from {{ ref('int_openai__daily_costs_by_identity') }} as spend
left join {{ ref('int_openai__api_keys') }} as keys
    on spend.organization_id = keys.organization_id
    and spend.api_key_id = keys.api_key_id
