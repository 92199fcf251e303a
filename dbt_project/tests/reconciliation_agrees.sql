-- Two answers of OpenAI, or its answer and its invoice, tell the same, and no day lacks. Where they do
-- not, OpenAI may have to be asked.
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
