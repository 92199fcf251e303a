select
    organization_id,
    date,
    -- An empty text is not an id.
    nullif(user_id, '') as user_id,
    user_email,
    nullif(line_item, '') as line_item,
    amount,
    grouped_by,
    {{ currency_code() }} as currency
from {{ source('openai_raw', 'costs_by_user') }}
