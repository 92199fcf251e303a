{{ config(materialized='table') }}

-- `int_built_days` is written at the end of a build, when all that reads this is done: no reference leads there.
{% set built = this.incorporate(path={'identifier': 'int_built_days'}) %}

with days as (
    {{ loaded_days() }}
    {% if execute and not flags.FULL_REFRESH and is_built_by_these_models() %}

    union all

    select
        organization_id,
        date,
        kind,
        loaded_at
    from {{ built }}
    {% endif %}
),

-- What is on one side only was loaded since, or is not kept any more.
changed as (
    select
        organization_id,
        date
    from days
    group by organization_id, date, kind, loaded_at
    having count(*) = 1
)

select distinct
    organization_id,
    date
from changed
