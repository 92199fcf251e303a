-- Users whose sum differs from the sum in OpenAI's separate response by user, on days that have one.
select
    organization_id,
    date,
    item,
    currency,
    expected,
    actual
from {{ ref('int_openai__check_users') }}
where expected <> actual
