-- A changed attribute also creates a version: a name changed where it differs from the name in the version
-- before.
with named as (
    select
        *,
        {{ previous_value('name', 'partition by organization_id, kind, id order by valid_from, name') }}
            as former_name
    from {{ ref('int_openai__name_versions') }}
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
