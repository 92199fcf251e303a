select
    organization_id,
    date,
    {{ currency_code(optional_column(source('openai_raw', 'cost_restatements'), 'currency')) }} as currency,
    was_amount,
    is_amount,
    was_row_count,
    is_row_count,
    seen_on,
    seen_us
from {{ source('openai_raw', 'cost_restatements') }}
