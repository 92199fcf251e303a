select
    organization_id,
    date,
    project_id,
    project_name,
    user_id,
    user_email,
    api_key_id,
    line_item,
    amount,
    quantity,
    quantity_unit,
    grouped_by,
    api_source,
    -- A row without an amount has no currency either; OpenAI bills in dollars.
    upper(coalesce(currency, 'usd')) as currency
from {{ source('openai_raw', 'costs') }}
