-- One rounding at the 18th decimal for each row is all that may differ. Days that were not over when
-- they were read are left out: the API's two answers are seconds apart.
{{ config(severity='warn') }}

select
    organization_id,
    date,
    row_amount,
    api_amount
from {{ source('openai_raw', 'cost_days') }}
where
    is_closed
    and abs({{ difference('row_amount', 'api_amount') }})
    > {{ product(decimal('row_count + 1', 18, 0), decimal("'0.000000000000000001'", 18, 18)) }}
