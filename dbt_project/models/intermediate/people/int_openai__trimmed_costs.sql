-- As in int_openai__user_charges, a separate response by user determines the users of its days.
with days_by_user as (
    select distinct
        organization_id,
        date
    from {{ ref('stg_openai__trimmed_costs') }}
    where is_by_user
)

select
    trimmed.organization_id,
    trimmed.date,
    trimmed.project_id,
    coalesce(trimmed.user_id, owners.owner_id) as user_id,
    trimmed.api_key_id,
    trimmed.currency,
    trimmed.amount as unblended_cost,
    not trimmed.is_by_user as has_project,
    trimmed.is_by_user or days_by_user.date is null as has_user
from {{ ref('stg_openai__trimmed_costs') }} as trimmed
left join days_by_user
    on trimmed.organization_id = days_by_user.organization_id
    and trimmed.date = days_by_user.date
left join {{ ref('int_openai__key_owner_periods') }} as owners
    on {{ is_owner_of_charge('owners', 'trimmed') }}
