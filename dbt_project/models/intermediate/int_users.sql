-- Who a user id is: the listing knows best, then the owner named by a key, then the cost rows.
with mentions as (
    select
        organization_id,
        id as user_id,
        coalesce(name, email) as user_name,
        case when is_service_account then 'service_account' else 'user' end as user_type,
        1 as preference
    from {{ source('openai_raw', 'users') }}

    union all

    select
        organization_id,
        owner_id as user_id,
        max(coalesce(owner_name, owner_email)) as user_name,
        max(owner_type) as user_type,
        2 as preference
    from {{ source('openai_raw', 'api_keys') }}
    where owner_id is not null
    group by organization_id, owner_id

    union all

    select
        organization_id,
        user_id,
        max(user_email) as user_name,
        'user' as user_type,
        3 as preference
    from {{ ref('stg_costs') }}
    where user_id is not null
    group by organization_id, user_id
),

ranked as (
    select
        *,
        row_number() over (
            partition by organization_id, user_id order by preference
        ) as place
    from mentions
)

select
    organization_id,
    user_id,
    coalesce(user_name, user_id) as user_name,
    user_type
from ranked
where place = 1
