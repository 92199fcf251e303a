{{ config(materialized='table') }}

-- The names in the versions that have one, else those of the next source: a listing precedes the owners of
-- API keys, and these precede cost rows.
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

best as (
    select
        *,
        cast(valid_from as date) as listed_on,
        min(source) over (partition by organization_id, kind, id) as best_source
    from names
    where id <> '' and name is not null
),

last_of_day as (
    select
        *,
        row_number() over (
            partition by organization_id, kind, id, listed_on order by valid_from desc, name desc
        ) as place
    from best
    where source = best_source
)

select
    organization_id,
    kind,
    id,
    name,
    -- The first name also holds for the days before.
    coalesce(
        {{ next_value('listed_on', 'partition by organization_id, kind, id order by listed_on') }},
        cast('{{ latest_day() }}' as date)
    ) as valid_until,
    case
        when row_number() over (partition by organization_id, kind, id order by listed_on) > 1 then listed_on
        else cast('{{ earliest_day() }}' as date)
    end as valid_from,
    row_number() over (partition by organization_id, kind, id order by listed_on desc) = 1 as is_latest
from last_of_day
where place = 1
