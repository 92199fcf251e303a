{{ config(materialized='table') }}

-- By kind of id: the sources of its name, the best first.
{% set sources = {
    'project': ['project'], 'user': ['user', 'service_account', 'key_owner'], 'api_key': ['api_key'],
} %}

with versions as (
    {% for kind, kinds in sources.items() %}
        {% for source in kinds %}
            select
                organization_id,
                '{{ kind }}' as kind,
                id,
                name,
                cast(valid_from as date) as listed_on,
                valid_from,
                {{ loop.index }} as source
            from {{ ref('int_openai__name_versions') }}
            where kind = '{{ source }}'

            union all
        {% endfor %}
    {% endfor %}

    -- The only name of an id that was never listed.
    {% for kind in sources %}
        select
            organization_id,
            '{{ kind }}' as kind,
            {{ kind }}_id as id,
            {{ kind }}_name as name,
            cast('{{ earliest_day() }}' as date) as listed_on,
            cast(null as {{ timestamp_type() }}) as valid_from,
            4 as source
        from {{ ref('int_openai__' ~ kind ~ 's') }}
        {{ 'union all' if not loop.last }}
    {% endfor %}
),

ranked as (
    select
        *,
        row_number() over (
            partition by organization_id, kind, id, source, listed_on order by valid_from desc, name desc
        ) as place,
        min(source) over (partition by organization_id, kind, id) as best_source
    from versions
),

periods as (
    select
        organization_id,
        kind,
        id,
        name,
        listed_on,
        row_number() over (partition by organization_id, kind, id order by listed_on) as period,
        {{ next_value('listed_on', 'partition by organization_id, kind, id order by listed_on') }}
            as next_listed_on
    from ranked
    where place = 1 and source = best_source
)

select
    organization_id,
    kind,
    id,
    name,
    case when period = 1 then cast('{{ earliest_day() }}' as date) else listed_on end as valid_from,
    coalesce(next_listed_on, cast('{{ latest_day() }}' as date)) as valid_until
from periods
