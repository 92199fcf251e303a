{{ config(enabled=var('plans_enabled')) }}

with budgets as (
    select
        organization_id,
        scope,
        scope_id,
        currency
    from {{ ref('stg_openai__budgets') }}
    where reason is null

    union all

    select
        organization_id,
        case when project_id is null then 'organization' else 'project' end as scope,
        coalesce(project_id, organization_id) as scope_id,
        currency
    from {{ ref('int_openai__spend_limits') }}
),

families as (
    select model_family from {{ ref('int_openai__line_item_dimensions') }}
    union all
    select {{ model_family(nth_part('sku_price_id', "'/'", 1)) }} as model_family
    from {{ ref('openai_costs', 'list_prices') }}
),

found as (
    {% for kind, id, table, condition in [
        ('organization', 'organization_id', ref('int_openai__organizations'), '1 = 1'),
        ('project', 'project_id', ref('int_openai__projects'), '1 = 1'),
        ('project', 'project_id', ref('int_openai__spend_limits'), '1 = 1'),
        ('user', 'user_id', ref('int_openai__users'), '1 = 1'),
        ('team', 'team', ref('stg_openai__teams'), 'reason is null'),
        ('team', "'Unassigned'", ref('int_openai__organizations'), '1 = 1'),
        ('currency', 'currency', ref('int_openai__daily_costs_by_identity'), '1 = 1'),
    ] %}
        select
            organization_id,
            '{{ kind }}' as kind,
            {{ id }} as id
        from {{ table }}
        where {{ condition }}

        union all
    {% endfor %}

    select
        organizations.organization_id,
        'model' as kind,
        families.model_family as id
    from {{ ref('int_openai__organizations') }} as organizations
    cross join families
),

known as (
    select distinct * from found
),

with_reason as (
    select distinct
        budgets.organization_id,
        budgets.scope,
        budgets.scope_id,
        budgets.currency,
        case
            when organizations.id is null
                then {{ dbt.concat(["'no organization has the id '", 'budgets.organization_id']) }}
            when ids.id is null and budgets.scope = 'team'
                then {{ dbt.concat(["'no row of teams.csv has the team '", 'budgets.scope_id']) }}
            when ids.id is null and budgets.scope = 'model'
                then {{ dbt.concat(["'no charge or list price has the model '", 'budgets.scope_id']) }}
            when ids.id is null
                then {{ dbt.concat(["'no '", 'budgets.scope', "' has the id '", 'budgets.scope_id']) }}
            when currencies.id is null
                then {{ dbt.concat(["'the organization is not billed in '", 'budgets.currency']) }}
        end as unknown_because
    from budgets
    {% for name, kind, id in [
        ('organizations', "'organization'", 'organization_id'), ('ids', 'budgets.scope', 'scope_id'),
        ('currencies', "'currency'", 'currency'),
    ] %}
        left join known as {{ name }}
            on budgets.organization_id = {{ name }}.organization_id
            and {{ kind }} = {{ name }}.kind
            and budgets.{{ id }} = {{ name }}.id
    {% endfor %}
)

select *
from with_reason
where unknown_because is not null
