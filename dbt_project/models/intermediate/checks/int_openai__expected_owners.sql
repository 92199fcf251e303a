-- The owner on a day is the last one listed until its end, and before the first listing, the first one.
with versions as (
    select
        organization_id,
        id,
        owner_id,
        cast({{ utc('valid_from') }} as date) as listed_on,
        row_number() over (
            partition by organization_id, id, cast({{ utc('valid_from') }} as date)
            order by valid_from desc, owner_id desc
        ) as place
    from {{ source_or_empty('api_keys') }} as api_keys
    where owner_id is not null
)

select
    organization_id,
    id,
    owner_id,
    case
        when listed_on > min(listed_on) over (partition by organization_id, id) then listed_on
        else cast('{{ earliest_day() }}' as date)
    end as valid_from,
    coalesce(
        {{ next_value('listed_on', 'partition by organization_id, id order by listed_on') }},
        cast('{{ latest_day() }}' as date)
    ) as valid_until
from versions
where place = 1
