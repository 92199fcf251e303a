-- By mart: the mart's columns for organization, day, currency, project and amount.
{% set by_project = {
    'daily_costs_by_project': 'organization_id, date, currency, project_id, unblended_cost',
    'unblended_costs_all_providers': 'BillingAccountId, ChargePeriodStart, BillingCurrency, SubAccountId, BilledCost',
} %}
{% set check_of_users = "'daily_costs_by_user equals raw by user and attribution' as check_name" %}
{% set user = "attribution || coalesce(' ' || user_id, '')" %}
{% set nothing = 'cast(0 as ' ~ money() ~ ')' %}

with charges as (
    select
        organization_id,
        date,
        currency,
        project_id,
        sum(amount) as amount
    from {{ ref('int_openai__expected_charges') }}
    group by organization_id, date, currency, project_id
),

both_sides as (
    {% for mart, columns in by_project.items() %}
        {% set check_name = "'" ~ mart ~ " equals raw by project' as check_name" %}
        select
            {{ check_name }},
            organization_id,
            date,
            currency,
            project_id as item,
            amount as expected,
            {{ nothing }} as actual
        from charges

        union all

        {% set organization, day, currency, project, amount = columns.split(', ') %}
        select
            {{ check_name }},
            {{ organization }} as organization_id,
            {{ day }} as date,
            {{ currency }} as currency,
            {{ project }} as item,
            {{ nothing }} as expected,
            {{ amount }} as actual
        from {{ ref('openai__' ~ mart) }}
        {% if mart == 'unblended_costs_all_providers' %}
            where x_FocusTable = '{{ name_of_focus_table() }}'
        {% endif %}

        union all
    {% endfor %}

    select
        {{ check_of_users }},
        organization_id,
        date,
        currency,
        {{ user }} as item,
        amount as expected,
        {{ nothing }} as actual
    from {{ ref('int_openai__expected_user_charges') }}

    union all

    select
        {{ check_of_users }},
        organization_id,
        date,
        currency,
        {{ user }} as item,
        {{ nothing }} as expected,
        unblended_cost as actual
    from {{ ref('openai__daily_costs_by_user') }}
)

{{ items_that_differ('both_sides') }}
