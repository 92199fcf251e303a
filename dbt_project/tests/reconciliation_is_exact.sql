{{ config(tags=['daily']) }}
-- Differences between a mart and the costs that OpenAI returned, which must be equal to the last digit.
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
    and check_name not in {{ checks_that_may_differ() }}
