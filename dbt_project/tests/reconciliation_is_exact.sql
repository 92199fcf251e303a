{{ config(tags=['daily']) }}
-- Every mart has all money that OpenAI returned, and no more.
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
    and check_name not in {{ checks_that_may_differ() }}
