-- Who a user id is: the listing knows best, then the owner named by a key, then the cost rows.
with mentions as (
    select
        organization_id,
        id as user_id,
        coalesce(nullif(name, ''), {{ address('email') }}) as listed_name,
        case when is_service_account then 'service_account' else 'user' end as listed_type,
        cast(null as {{ dbt.type_string() }}) as owner_name,
        cast(null as {{ dbt.type_string() }}) as owner_type,
        cast(null as {{ dbt.type_string() }}) as email
    from {{ source('openai_raw', 'users') }}

    union all

    select
        organization_id,
        owner_id as user_id,
        null as listed_name,
        null as listed_type,
        coalesce(nullif(owner_name, ''), {{ address('owner_email') }}) as owner_name,
        case when owner_type = 'service_account' then 'service_account' else 'user' end as owner_type,
        null as email
    from {{ source('openai_raw', 'api_keys') }}
    where owner_id is not null

    union all

    {% for table in ('costs', 'costs_by_user') %}
        select distinct
            organization_id,
            user_id,
            null as listed_name,
            null as listed_type,
            null as owner_name,
            null as owner_type,
            {{ address('user_email') }} as email
        from {{ source('openai_raw', table) }}
        where user_id is not null
        {{ 'union all' if not loop.last }}
    {% endfor %}
)

select
    organization_id,
    user_id,
    coalesce(max(listed_name), max(owner_name), max(email), user_id) as user_name,
    coalesce(max(listed_type), max(owner_type), 'user') as user_type
from mentions
group by organization_id, user_id
