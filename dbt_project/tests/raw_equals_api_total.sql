-- Days on which the sum of the rows differs from the API's total by more than one rounding at the 18th
-- decimal per row. Days that had not ended when they were read are skipped, as the API's two responses are
-- seconds apart.
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
