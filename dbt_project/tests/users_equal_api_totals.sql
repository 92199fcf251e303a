-- On days on which OpenAI tells users in an answer of their own, each user's sum is that of the answer.
select
    organization_id,
    date,
    user_id,
    currency,
    expected,
    actual
from {{ ref('int_openai__check_users') }}
where expected <> actual
