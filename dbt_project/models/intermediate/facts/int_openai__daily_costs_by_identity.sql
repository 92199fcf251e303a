select
    organization_id,
    date,
    project_id,
    user_id,
    api_key_id,
    currency,
    grouped_by,
    cast(sum(coalesce(amount, 0)) as {{ money() }}) as unblended_cost
from {{ ref('stg_openai__costs') }}
where {{ is_to_build('organization_id', 'date') }}
group by organization_id, date, project_id, user_id, api_key_id, currency, grouped_by
