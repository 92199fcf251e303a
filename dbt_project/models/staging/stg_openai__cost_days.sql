select
    organization_id,
    organization_name,
    date,
    -- Not cast: facts compare it with the load that they were built from.
    loaded_at,
    is_closed,
    grouped_by,
    row_count,
    row_amount,
    api_amount
from {{ source('openai_raw', 'cost_days') }}
