-- Who a user id is: the listing of users knows best, then that of service accounts, then a key's owner,
-- then the cost rows.
{% set text = dbt.type_string() %}

with mentions as (
    select
        organization_id,
        user_id,
        user_type as listed_type,
        cast(null as {{ text }}) as account_type,
        cast(null as {{ text }}) as owner_type,
        cast(null as {{ text }}) as project_id,
        role,
        created_at,
        cast(null as {{ text }}) as email
    from {{ ref('stg_users') }}
    where is_latest

    union all

    select organization_id, user_id, null, 'service_account', null, project_id, role, created_at, null
    from {{ ref('stg_service_accounts') }}
    where is_latest

    union all

    select
        organization_id, owner_id, null, null, owner_type,
        case when owner_type = 'service_account' then project_id end, null, null, null
    from {{ ref('stg_api_keys') }}
    where owner_id is not null

    union all

    {% for table in (ref('stg_costs'), source('openai_raw', 'costs_by_user')) %}
        select distinct
            organization_id, user_id, null, null, null, null, null,
            cast(null as timestamp), {{ address('user_email') }}
        from {{ table }}
        where user_id is not null
        {{ 'union all' if not loop.last }}
    {% endfor %}
),

names as (
    select
        *,
        row_number() over (
            partition by organization_id, id
            order by case kind when 'user' then 1 when 'service_account' then 2 else 3 end
        ) as place
    from {{ ref('int_names') }}
    where kind in ('user', 'service_account', 'key_owner')
),

users as (
    select
        organization_id,
        user_id,
        coalesce(max(listed_type), max(account_type), max(owner_type), 'user') as user_type,
        max(project_id) as project_id,
        max(role) as role,
        max(created_at) as created_at,
        max(email) as email
    from mentions
    group by organization_id, user_id
)

select
    users.organization_id,
    users.user_id,
    coalesce(names.name, users.email, users.user_id) as user_name,
    names.former_name,
    names.renamed_on,
    users.user_type,
    users.project_id,
    users.role,
    users.created_at
from users
left join names
    on users.organization_id = names.organization_id
    and users.user_id = names.id
    and names.place = 1
