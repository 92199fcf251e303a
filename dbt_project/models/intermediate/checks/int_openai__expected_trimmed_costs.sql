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
    coalesce(nullif(trimmed.user_id, ''), owners.owner_id) as user_id,
    nullif(trimmed.api_key_id, '') as api_key_id,
    {{ currency_code('trimmed.currency') }} as currency,
    trimmed.amount,
    trimmed.is_complete,
    case when trimmed.is_by_user then 0 else 1 end as has_project,
    case when trimmed.is_by_user or trimmed.has_users = 0 then 1 else 0 end as has_user
from trimmed
left join {{ ref('int_openai__expected_owners') }} as owners
    on trimmed.organization_id = owners.organization_id
    and trimmed.api_key_id = owners.id
    and trimmed.date >= owners.valid_from
    and trimmed.date < owners.valid_until
where not {{ is_day_of(source('openai_raw', 'cost_days'), 'trimmed.organization_id', 'trimmed.date') }}
