-- The owner of an API key is the owner in the last version of its listing.
with trimmed as (
    select
        *,
        max(case when is_by_user then 1 else 0 end) over (partition by organization_id, date) as has_users
    from {{ source_or_empty('trimmed_costs') }} as trimmed_costs
)

select
    trimmed.organization_id,
    trimmed.date,
    nullif(trimmed.project_id, '') as project_id,
    coalesce(nullif(trimmed.user_id, ''), keys.owner_id) as user_id,
    nullif(trimmed.api_key_id, '') as api_key_id,
    {{ currency_code('trimmed.currency') }} as currency,
    trimmed.amount,
    trimmed.is_complete,
    case when trimmed.is_by_user then 0 else 1 end as has_project,
    case when trimmed.is_by_user or trimmed.has_users = 0 then 1 else 0 end as has_user
from trimmed
left join {{ source_or_empty('api_keys') }} as keys
    on trimmed.organization_id = keys.organization_id
    and trimmed.api_key_id = keys.id
    and keys.valid_to is null
where not {{ is_day_of(source('openai_raw', 'cost_days'), 'trimmed.organization_id', 'trimmed.date') }}
