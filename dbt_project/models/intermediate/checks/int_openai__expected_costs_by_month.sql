{% set of_charge %}
organization_id, date, project_id, user_id, api_key_id, currency, has_project, has_user
{% endset %}

with days_by_user as (
    select distinct
        organization_id,
        date
    from {{ source('openai_raw', 'costs_by_user') }}
),

costs as (
    select
        costs.organization_id,
        costs.date,
        nullif(costs.project_id, '') as project_id,
        nullif(costs.user_id, '') as user_id,
        nullif(costs.api_key_id, '') as api_key_id,
        {{ currency_code('costs.currency') }} as currency,
        coalesce(costs.amount, 0) as amount,
        true as has_project,
        days_by_user.date is null as has_user
    from {{ source('openai_raw', 'costs') }} as costs
    left join days_by_user
        on costs.organization_id = days_by_user.organization_id
        and costs.date = days_by_user.date

    union all

    select
        organization_id,
        date,
        null as project_id,
        nullif(user_id, '') as user_id,
        null as api_key_id,
        {{ currency_code() }} as currency,
        coalesce(amount, 0) as amount,
        false as has_project,
        true as has_user
    from {{ source('openai_raw', 'costs_by_user') }}
),

daily as (
    select
        {{ of_charge }},
        sum(amount) as amount
    from costs
    group by {{ of_charge }}
),

with_owners as (
    select
        daily.*,
        coalesce(daily.user_id, owners.owner_id) as user_or_owner_id
    from daily
    left join {{ ref('int_openai__expected_owners') }} as owners
        on daily.organization_id = owners.organization_id
        and daily.api_key_id = owners.id
        and daily.date >= owners.valid_from
        and daily.date < owners.valid_until
)

select
    charges.organization_id,
    cast({{ dbt.date_trunc('month', 'charges.date') }} as date) as month,
    charges.project_id,
    charges.user_or_owner_id as user_id,
    charges.api_key_id,
    coalesce(keys.team, people.team, projects.team, 'Unassigned') as team,
    charges.currency,
    charges.has_project,
    charges.has_user,
    cast(sum(charges.amount) as {{ money() }}) as amount
from with_owners as charges
{% for name, kind, id in [
    ('keys', 'api_key', 'api_key_id'), ('people', 'user', 'user_or_owner_id'), ('projects', 'project', 'project_id')
] %}
    left join {{ ref('int_openai__expected_teams') }} as {{ name }}
        on charges.organization_id = {{ name }}.organization_id
        and {{ name }}.kind = '{{ kind }}'
        and charges.{{ id }} = {{ name }}.id
        and charges.date between {{ name }}.first_day and {{ name }}.last_day
{% endfor %}
group by
    charges.organization_id, cast({{ dbt.date_trunc('month', 'charges.date') }} as date), charges.project_id,
    charges.user_or_owner_id, charges.api_key_id,
    coalesce(keys.team, people.team, projects.team, 'Unassigned'), charges.currency, charges.has_project,
    charges.has_user
