-- On days with a separate response by user, each user's sum equals the sum in that response.
select
    organization_id,
    date,
    user_id,
    currency,
    expected,
    actual
from {{ ref('int_openai__check_users') }}
where expected <> actual
