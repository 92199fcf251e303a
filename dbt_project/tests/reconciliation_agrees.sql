-- Two responses of OpenAI, or a response and an invoice, agree, and no day is missing. If they differ, OpenAI
-- may have to explain it.
{{ config(severity=var('reconciliation_severity'), tags=['daily']) }}

select
    organization_id,
    period_start,
    currency,
    check_name,
    user_id,
    model_family,
    meter,
    expected,
    actual,
    difference,
    {{ difference_message() }} as reason
from {{ ref('openai__reconciliation') }}
where
    status = 'differs'
    and check_name in {{ checks_that_may_differ() }}
