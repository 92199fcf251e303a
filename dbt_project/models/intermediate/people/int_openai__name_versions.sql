with versions as (
    select
        organization_id,
        'project' as kind,
        project_id as id,
        project_name as name,
        valid_from
    from {{ ref('stg_openai__projects') }}

    union all

    select
        organization_id,
        'api_key' as kind,
        api_key_id as id,
        api_key_name as name,
        valid_from
    from {{ ref('stg_openai__api_keys') }}

    union all

    select
        organization_id,
        'user' as kind,
        user_id as id,
        user_name as name,
        valid_from
    from {{ ref('stg_openai__users') }}

    union all

    select
        organization_id,
        'service_account' as kind,
        user_id as id,
        user_name as name,
        valid_from
    from {{ ref('stg_openai__service_accounts') }}

    union all

    select
        organization_id,
        'key_owner' as kind,
        owner_id as id,
        owner_name as name,
        valid_from
    from {{ ref('stg_openai__api_keys') }}
)

select *
from versions
where id is not null and name is not null
