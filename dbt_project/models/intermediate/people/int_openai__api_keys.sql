{{ config(materialized='table') }}

with charged as (
    select
        organization_id,
        api_key_id,
        max(project_id) as project_id
    from (
        {% for costs in ('int_openai__daily_costs_by_identity', 'stg_openai__trimmed_costs') %}
            select
                organization_id,
                api_key_id,
                project_id
            from {{ ref(costs) }}
            {{ 'union all' if not loop.last }}
        {% endfor %}
    ) as costs
    where api_key_id is not null
    group by organization_id, api_key_id
),

listed as (
    select
        keys.organization_id,
        keys.api_key_id,
        keys.project_id,
        owners.owner_id,
        keys.created_at,
        names.name,
        names.former_name,
        names.renamed_on
    from {{ ref('stg_openai__api_keys') }} as keys
    left join {{ ref('int_openai__latest_names') }} as names
        on keys.organization_id = names.organization_id
        and keys.api_key_id = names.id
        and names.kind = 'api_key'
    left join {{ ref('int_openai__key_owner_periods') }} as owners
        on keys.organization_id = owners.organization_id
        and keys.api_key_id = owners.api_key_id
        and owners.valid_until = cast('{{ latest_day() }}' as date)
    where keys.is_latest
)

select
    coalesce(listed.organization_id, charged.organization_id) as organization_id,
    coalesce(listed.api_key_id, charged.api_key_id) as api_key_id,
    coalesce(listed.name, listed.api_key_id, charged.api_key_id) as api_key_name,
    listed.former_name,
    listed.renamed_on,
    coalesce(listed.project_id, charged.project_id) as project_id,
    listed.owner_id,
    listed.created_at
from listed
full outer join charged
    on listed.organization_id = charged.organization_id
    and listed.api_key_id = charged.api_key_id
