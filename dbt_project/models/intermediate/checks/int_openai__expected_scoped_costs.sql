select
    organization_id,
    date,
    'project' as scope,
    project_id as scope_id,
    currency,
    amount
from {{ ref('int_openai__expected_costs_by_day') }}

union all

select
    organization_id,
    date,
    'user' as scope,
    user_id as scope_id,
    currency,
    sum(amount) as amount
from {{ ref('int_openai__expected_user_charges') }}
where user_id is not null
group by organization_id, date, user_id, currency
