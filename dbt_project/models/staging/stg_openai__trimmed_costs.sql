-- A day that was loaded again is in the ledger, and no longer counts as trimmed.
select
    trimmed.organization_id,
    trimmed.date,
    nullif(trimmed.project_id, '') as project_id,
    nullif(trimmed.user_id, '') as user_id,
    nullif(trimmed.api_key_id, '') as api_key_id,
    trimmed.amount,
    trimmed.is_by_user,
    trimmed.is_complete,
    {{ currency_code('trimmed.currency') }} as currency
from {{ source_or_empty('trimmed_costs') }} as trimmed
left join {{ source('openai_raw', 'cost_days') }} as ledger
    on trimmed.organization_id = ledger.organization_id
    and trimmed.date = ledger.date
where ledger.date is null
