{{ config(materialized='table') }}

-- A version without an owner changes nothing: OpenAI returns no owner to a key that may not list users.
with versions as (
    select
        organization_id,
        api_key_id,
        owner_id,
        cast(valid_from as date) as listed_on,
        row_number() over (
            partition by organization_id, api_key_id, cast(valid_from as date)
            order by valid_from desc, owner_id desc
        ) as place
    from {{ ref('stg_openai__api_keys') }}
    where owner_id is not null
),

periods as (
    select
        organization_id,
        api_key_id,
        owner_id,
        listed_on,
        {{ previous_value('listed_on', 'partition by organization_id, api_key_id order by listed_on') }}
            as previously_listed_on,
        {{ next_value('listed_on', 'partition by organization_id, api_key_id order by listed_on') }}
            as next_listed_on
    from versions
    where place = 1
)

select
    organization_id,
    api_key_id,
    owner_id,
    listed_on,
    case
        when previously_listed_on is null then cast('{{ earliest_day() }}' as date)
        else listed_on
    end as valid_from,
    coalesce(next_listed_on, cast('{{ latest_day() }}' as date)) as valid_until
from periods
