-- Service accounts are of the kind `user`: costs have both in one column.
{% set in_costs = [
    ('project', 'project_id', 'int_openai__attributed_daily_costs', ''),
    ('project', 'project_id', 'int_openai__trimmed_costs', 'and has_project'),
    ('user', 'user_id', 'int_openai__user_charges', ''),
    ('user', 'user_id', 'int_openai__trimmed_costs', 'and has_user'),
    ('api_key', 'api_key_id', 'int_openai__attributed_daily_costs', ''),
    ('api_key', 'api_key_id', 'int_openai__trimmed_costs', 'and has_project'),
] %}
{% set in_listings = [
    ('project', 'project_id', 'stg_openai__projects'),
    ('user', 'user_id', 'stg_openai__users'),
    ('user', 'user_id', 'stg_openai__service_accounts'),
    ('api_key', 'api_key_id', 'stg_openai__api_keys'),
    ('user', 'owner_id', 'stg_openai__api_keys'),
] %}

with seen as (
    {% for kind, id, costs, condition in in_costs %}
        select
            organization_id,
            '{{ kind }}' as kind,
            {{ id }} as id,
            min(date) as first_seen,
            max(date) as last_seen,
            currency,
            sum(unblended_cost) as unblended_cost,
            cast(null as {{ timestamp_type() }}) as last_used_at,
            cast(null as {{ dbt.type_int() }}) as is_listed
        from {{ ref(costs) }}
        where {{ id }} is not null {{ condition }}
        group by organization_id, {{ id }}, currency

        union all
    {% endfor %}

    {% for kind, id, versions in in_listings %}
        select
            organization_id,
            '{{ kind }}' as kind,
            {{ id }} as id,
            cast(valid_from as date) as first_seen,
            cast(valid_from as date) as last_seen,
            null as currency,
            0 as unblended_cost,
            null as last_used_at,
            null as is_listed
        from {{ ref(versions) }}
        where {{ id }} is not null

        union all
    {% endfor %}

    select
        organization_id,
        case when kind = 'service_account' then 'user' else kind end as kind,
        id,
        last_listed_on as first_seen,
        last_listed_on as last_seen,
        null as currency,
        0 as unblended_cost,
        last_used_at,
        case when is_deleted then 0 else 1 end as is_listed
    from {{ ref('int_openai__listed') }}
    where kind not in ('spend_limit', 'spend_alert')
)

select
    organization_id,
    kind,
    id,
    min(first_seen) as first_seen,
    max(last_seen) as last_seen,
    max(is_listed) = 0 as is_deleted,
    max(last_used_at) as last_used_at,
    case when min(currency) = max(currency) then min(currency) end as currency,
    cast(
        case when count(distinct currency) <= 1 then sum(unblended_cost) end as {{ money() }}
    ) as unblended_cost
from seen
group by organization_id, kind, id
