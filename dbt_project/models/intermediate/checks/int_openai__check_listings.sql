{{ config(materialized='table', tags=['whole_history']) }}

-- By kind: the mart, its id and its name.
{% set marts = {
    'project': ('projects', 'project_id', 'project_name'),
    'user': ('users', 'user_id', 'user_name'),
    'api_key': ('api_keys', 'api_key_id', 'api_key_name'),
} %}

with compared as (
    {% for kind, (mart, id, name) in marts.items() %}
        select
            '{{ mart }} has the latest names' as check_name,
            names.organization_id,
            names.id,
            case when mart.{{ name }} = names.name then 1 else 0 end as is_right
        from {{ ref('int_openai__expected_names') }} as names
        left join {{ ref('openai__' ~ mart) }} as mart
            on names.organization_id = mart.organization_id
            and names.id = mart.{{ id }}
        where names.kind = '{{ kind }}' and names.is_latest

        union all
    {% endfor %}

    select
        'api_keys has the latest owners' as check_name,
        listed.organization_id,
        listed.id,
        case when coalesce(mart.owner_id, '') = coalesce(owners.owner_id, '') then 1 else 0 end as is_right
    from {{ source_or_empty('api_keys') }} as listed
    left join {{ ref('openai__api_keys') }} as mart
        on listed.organization_id = mart.organization_id
        and listed.id = mart.api_key_id
    left join {{ ref('int_openai__expected_owners') }} as owners
        on listed.organization_id = owners.organization_id
        and listed.id = owners.id
        and owners.valid_until = cast('{{ latest_day() }}' as date)
    where listed.valid_to is null

    union all

    -- A person belongs to no project, a service account to one.
    select
        'users has the service accounts and their projects' as check_name,
        users.organization_id,
        users.user_id as id,
        case
            when users.user_type = 'user' and coalesce(users.project_id, accounts.id) is not null then 0
            when users.user_type <> 'user' and users.project_id <> accounts.project_id then 0
            else 1
        end as is_right
    from {{ ref('openai__users') }} as users
    left join {{ source_or_empty('service_accounts') }} as accounts
        on users.organization_id = accounts.organization_id
        and users.user_id = accounts.id
        and accounts.valid_to is null
),

ledger as (
    select
        organization_id,
        min(date) as first_day
    from {{ source('openai_raw', 'cost_days') }}
    group by organization_id
)

select
    compared.check_name,
    compared.organization_id,
    ledger.first_day,
    min(case when compared.is_right = 0 then compared.id end) as item,
    count(*) as expected,
    sum(compared.is_right) as actual
from compared
inner join ledger on compared.organization_id = ledger.organization_id
group by compared.check_name, compared.organization_id, ledger.first_day
