with facts as (
    {% for fact in facts() + ['tests'] %}
        select
            '{{ fact }}' as fact,
            '{{ fingerprint_of(fact) }}' as kind_of_fingerprint
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
        case facts.kind_of_fingerprint
            when 'built_by' then loaded.built_by
            else loaded.checked_by
        end as fingerprint
    from {{ ref('int_openai__loaded_days') }} as loaded
    cross join facts

    union all

    select
        fact,
        organization_id,
        date,
        kind,
        loaded_at,
        fingerprint
    from {{ ref('int_openai__built_days') }}
),

-- Days on one side only were loaded since the fact was built, or are no longer in the ledger.
changed as (
    select
        fact,
        organization_id,
        date
    from days
    group by fact, organization_id, date, kind, loaded_at, fingerprint
    having count(*) = 1
)

select distinct
    fact,
    organization_id,
    date
from changed
