{{ config(materialized='table') }}

-- `int_built_days` is written at the end of a build, when all that reads this is done: no reference leads
-- there.
{% set built = this.incorporate(path={'identifier': 'int_built_days'}) %}
{% set is_by_these = execute and not flags.FULL_REFRESH and is_built_by_these_models(built) %}

with days as (
    {{ loaded_days() }}
    {% if is_by_these %}

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
    date,
    {{ 'false' if is_by_these else 'true' }} as is_by_other_models
from changed
