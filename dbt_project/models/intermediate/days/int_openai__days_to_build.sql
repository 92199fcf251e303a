with facts as (
    {% for fact in facts() + ['tests'] %}
        select '{{ fact }}' as fact
        {{ 'union all' if not loop.last }}
    {% endfor %}
),

days as (
    select
        facts.fact,
        loaded.organization_id,
        loaded.date,
        loaded.kind,
        loaded.loaded_at,
        loaded.built_by
    from {{ ref('int_openai__loaded_days') }} as loaded
    cross join facts

    union all

    select
        fact,
        organization_id,
        date,
        kind,
        loaded_at,
        built_by
    from {{ ref('int_openai__built_days') }}
),

-- Days on one side only were loaded since the fact was built, or are no longer in the ledger.
changed as (
    select
        fact,
        organization_id,
        date
    from days
    group by fact, organization_id, date, kind, loaded_at, built_by
    having count(*) = 1
)

select distinct
    fact,
    organization_id,
    date
from changed
