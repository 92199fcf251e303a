-- Days on which the sum of the rows differs from the API's total by more than one rounding at the 18th
-- decimal per row, by currency. Days that had not ended when they were read are skipped, as the API's two
-- responses are seconds apart.
{{ config(severity='warn') }}

with sums as (
    select
        organization_id,
        date,
        currency,
        row_count,
        row_amount,
        api_amount
    from {{ source_or_empty('cost_days_by_currency') }} as by_currency

    union all

    -- The amounts of a day with several currencies are null.
    select
        organization_id,
        date,
        cast(null as {{ dbt.type_string() }}) as currency,
        row_count,
        row_amount,
        api_amount
    from {{ source('openai_raw', 'cost_days') }}
)

select sums.*
from sums
inner join {{ source('openai_raw', 'cost_days') }} as days
    on sums.organization_id = days.organization_id
    and sums.date = days.date
where
    days.is_closed
    and abs({{ difference('sums.row_amount', 'sums.api_amount') }})
    > {{ product(decimal('sums.row_count + 1', 18, 0), decimal("'0.000000000000000001'", 18, 18)) }}
