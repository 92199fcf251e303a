-- Differences between two responses of OpenAI or between a response and an invoice, and missing days. You
-- may have to ask OpenAI for the reason.
{{ config(severity=var('reconciliation_severity'), tags=['daily']) }}

select
    organization_id,
    period_start,
    currency,
    check_name,
    item,
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
