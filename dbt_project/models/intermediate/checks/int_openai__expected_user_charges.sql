-- On days with OpenAI's separate response by user, the charges of users are the rows of that response.
{% set by_user = source('openai_raw', 'costs_by_user') %}

select
    organization_id,
    date,
    currency,
    user_id,
    attribution,
    amount
from {{ ref('int_openai__expected_charges') }} as charges
where not {{ is_day_of(by_user, 'charges.organization_id', 'charges.date') }}

union all

select
    organization_id,
    date,
    {{ currency_code() }} as currency,
    nullif(user_id, '') as user_id,
    case when user_id <> '' then 'reported' else 'unattributed' end as attribution,
    coalesce(amount, 0) as amount
from {{ by_user }}
