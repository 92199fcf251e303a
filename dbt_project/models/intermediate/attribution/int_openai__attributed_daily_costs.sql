select
    spend.organization_id,
    spend.date,
    spend.project_id,
    spend.api_key_id,
    spend.currency,
    spend.unblended_cost,
    {{ attribution('spend', 'owners') }}
from {{ ref('int_openai__daily_costs_by_identity') }} as spend
left join {{ ref('int_openai__key_owner_periods') }} as owners on {{ is_owner_of_charge('owners', 'spend') }}
