-- A changed attribute also creates a version: a name changed where it differs from the name in the version
-- before.
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
),

named as (
    select
        *,
        {{ previous_value('name', 'partition by organization_id, kind, id order by valid_from, name') }}
            as former_name
    from versions
    where id is not null and name is not null
),

changes as (
    select
        *,
        row_number() over (
            partition by organization_id, kind, id order by valid_from desc, name desc
        ) as place
    from named
    where former_name is null or former_name <> name
)

select
    organization_id,
    kind,
    id,
    name,
    former_name,
    case when former_name is not null then cast(valid_from as date) end as renamed_on
from changes
where place = 1
