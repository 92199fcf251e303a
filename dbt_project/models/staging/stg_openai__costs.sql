select
    organization_id,
    date,
    -- An empty text is not an id.
    nullif(project_id, '') as project_id,
    project_name,
    nullif(user_id, '') as user_id,
    user_email,
    nullif(api_key_id, '') as api_key_id,
    nullif(line_item, '') as line_item,
    amount,
    -- A sum of larger quantities does not fit any decimal: see the test quantities_are_countable.
    case when abs(quantity) < 1000000000000000 then quantity end as quantity,
    quantity_unit,
    grouped_by,
    api_source,
    {{ currency_code() }} as currency
from {{ source('openai_raw', 'costs') }}
