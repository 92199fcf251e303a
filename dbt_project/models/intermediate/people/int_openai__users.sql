{{ config(materialized='table') }}
{% set in_listings = [
    ref('stg_openai__users'), ref('stg_openai__service_accounts'), ref('int_openai__key_owners'),
] %}

-- The name and type of a user id come from the listing of users, else from that of service accounts, else
-- from the owners of API keys, else from the cost rows.
with known_ids as (
    {% for table in (ref('stg_openai__costs'), ref('stg_openai__costs_by_user')) %}
        select
            organization_id,
            user_id,
            max({{ readable_email('user_email') }}) as email
        from {{ table }}
        where user_id is not null
        group by organization_id, user_id

        union all
    {% endfor %}

    select distinct
        organization_id,
        user_id,
        null as email
    from {{ ref('stg_openai__trimmed_costs') }}
    where user_id is not null

    {% for table in in_listings %}
        union all

        select
            organization_id,
            user_id,
            null as email
        from {{ table }}
    {% endfor %}
),

ids as (
    select
        organization_id,
        user_id,
        max(email) as email
    from known_ids
    group by organization_id, user_id
),

names as (
    select
        *,
        row_number() over (
            partition by organization_id, id
            order by case kind when 'user' then 1 when 'service_account' then 2 else 3 end
        ) as place
    from {{ ref('int_openai__latest_names') }}
    where kind in ('user', 'service_account', 'key_owner')
)

select
    ids.organization_id,
    ids.user_id,
    coalesce(names.name, ids.email, ids.user_id) as user_name,
    names.former_name,
    names.renamed_on,
    coalesce(
        users.user_type,
        case when accounts.user_id is not null then 'service_account' end,
        owners.user_type,
        'user'
    ) as user_type,
    coalesce(accounts.project_id, owners.project_id) as project_id,
    coalesce(users.role, accounts.role) as role,
    coalesce(users.created_at, accounts.created_at) as created_at
from ids
left join names
    on ids.organization_id = names.organization_id
    and ids.user_id = names.id
    and names.place = 1
left join {{ ref('stg_openai__users') }} as users
    on ids.organization_id = users.organization_id
    and ids.user_id = users.user_id
    and users.is_latest
left join {{ ref('stg_openai__service_accounts') }} as accounts
    on ids.organization_id = accounts.organization_id
    and ids.user_id = accounts.user_id
    and accounts.is_latest
left join {{ ref('int_openai__key_owners') }} as owners
    on ids.organization_id = owners.organization_id
    and ids.user_id = owners.user_id
