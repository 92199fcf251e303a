{{ config(tags=['daily']) }}
-- The row count and amount of a day in the ledger equal those of its raw rows, and each raw row is one
-- charge: a free charge that occurs twice changes no sum of money. Sums over currencies are only compared,
-- never shown as money.
with all_sides as (
    select
        organization_id,
        date,
        0 as ledger_rows,
        count(*) as raw_rows,
        0 as charges,
        cast(0 as {{ money() }}) as ledger_amount,
        cast(sum(coalesce(amount, 0)) as {{ money() }}) as raw_amount
    from {{ source('openai_raw', 'costs') }}
    where {{ is_not_before_days_to_build('date') }}
    group by organization_id, date

    union all

    select
        organization_id,
        date,
        coalesce(row_count, -1) as ledger_rows,
        0 as raw_rows,
        0 as charges,
        coalesce(row_amount, 0) as ledger_amount,
        cast(0 as {{ money() }}) as raw_amount
    from {{ source('openai_raw', 'cost_days') }}
    where {{ is_not_before_days_to_build('date') }}

    union all

    -- The amounts of days with several currencies.
    select
        organization_id,
        date,
        0 as ledger_rows,
        0 as raw_rows,
        0 as charges,
        row_amount as ledger_amount,
        cast(0 as {{ money() }}) as raw_amount
    from {{ source_or_empty('cost_days_by_currency') }} as by_currency
    where {{ is_not_before_days_to_build('date') }}

    union all

    select
        BillingAccountId as organization_id,
        cast(ChargePeriodStart as date) as date,
        0 as ledger_rows,
        0 as raw_rows,
        count(*) as charges,
        cast(0 as {{ money() }}) as ledger_amount,
        cast(0 as {{ money() }}) as raw_amount
    from {{ ref('openai__focus_costs') }}
    where {{ is_not_before_days_to_build('ChargePeriodStart', timestamp_type()) }}
    group by BillingAccountId, cast(ChargePeriodStart as date)
)

select
    organization_id,
    date,
    sum(ledger_rows) as ledger_rows,
    sum(raw_rows) as raw_rows,
    sum(charges) as charges,
    sum(ledger_amount) as ledger_amount,
    sum(raw_amount) as raw_amount
from all_sides
group by organization_id, date
having
    sum(ledger_rows) <> sum(raw_rows)
    or sum(raw_rows) <> sum(charges)
    or sum(ledger_amount) <> sum(raw_amount)
