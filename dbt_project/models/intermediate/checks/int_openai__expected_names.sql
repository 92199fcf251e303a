{{ config(materialized='table') }}

-- The name in the last version that has one, else the name of the next source: a listing precedes the owners
-- of API keys, and these precede cost rows.
{% set listings = [
    ('projects', 'project', 'id', "nullif(name, '')", 1),
    ('api_keys', 'api_key', 'id', "nullif(name, '')", 1),
    ('users', 'user', 'id', "coalesce(nullif(name, ''), " ~ readable_email('email') ~ ")", 1),
    ('service_accounts', 'user', 'id', "nullif(name, '')", 2),
    ('api_keys', 'user', 'owner_id', "coalesce(nullif(owner_name, ''), " ~ readable_email('owner_email') ~ ")", 3),
] %}

with charged as (
    select
        organization_id,
        project_id,
        user_id,
        max(project_name) as project_name,
        max({{ readable_email('user_email') }}) as email
    from {{ source('openai_raw', 'costs') }}
    group by organization_id, project_id, user_id
),

names as (
    {% for table, kind, id, name, source in listings %}
        select
            organization_id,
            '{{ kind }}' as kind,
            {{ id }} as id,
            {{ name }} as name,
            {{ source }} as source,
            {{ utc('valid_from') }} as valid_from
        from {{ source_or_empty(table) }} as {{ table }}

        union all
    {% endfor %}

    select
        organization_id,
        'organization' as kind,
        organization_id as id,
        organization_name as name,
        1 as source,
        cast(date as {{ timestamp_type() }}) as valid_from
    from {{ source('openai_raw', 'cost_days') }}

    {% for relation, kind, id, name in [
        ('charged', 'project', 'project_id', 'project_name'),
        ('charged', 'user', 'user_id', 'email'),
        (source('openai_raw', 'costs_by_user'), 'user', 'user_id', readable_email('user_email')),
    ] %}
        union all

        select
            organization_id,
            '{{ kind }}' as kind,
            {{ id }} as id,
            {{ name }} as name,
            4 as source,
            cast(null as {{ timestamp_type() }}) as valid_from
        from {{ relation }}
    {% endfor %}
),

in_order as (
    select
        *,
        row_number() over (
            partition by organization_id, kind, id order by source asc, valid_from desc, name desc
        ) as place
    from names
    where id <> '' and name is not null
)

select
    organization_id,
    kind,
    id,
    name
from in_order
where place = 1
