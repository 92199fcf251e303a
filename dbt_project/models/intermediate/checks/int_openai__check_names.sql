-- By mart: the column of the day and, for each of its names, the kind, the column of the id and that of the
-- name.
{% set organization = ('organization', 'organization_id', 'organization_name') %}
{% set project = ('project', 'project_id', 'project_name') %}
{% set user = ('user', 'user_id', 'user_name') %}
{% set account = ('organization', 'BillingAccountId', 'BillingAccountName') %}
{% set sub_account = ('project', 'SubAccountId', 'SubAccountName') %}
{% set marts = {
    'focus_costs': ('ChargePeriodStart', [
        account, sub_account, ('user', 'x_PrincipalId', 'x_PrincipalName'),
        ('api_key', 'x_CredentialId', 'x_CredentialName'),
    ]),
    'daily_costs_by_project': ('date', [organization, project]),
    'daily_costs_by_user': ('date', [organization, user]),
    'daily_costs_by_team': ('date', [organization]),
    'daily_costs_by_model': ('date', [organization]),
} %}
{% if var('usage_enabled') %}
    {% do marts.update({
        'daily_usage': ('date', [organization, project, user, ('api_key', 'api_key_id', 'api_key_name')]),
    }) %}
{% endif %}
{% set names_of = {'focus_costs': 'names of the day'} %}

with named as (
    {% for mart, (day, names) in marts.items() %}
        select
            '{{ mart }} has the {{ names_of.get(mart, 'latest names') }}' as check_name,
            mart.{{ names[0][1] }} as organization_id,  -- noqa: AL09
            cast(mart.{{ day }} as {{ timestamp_type() }}) as charge_period_start,
            -- Where nothing is known but the id, the name is the id.
            case
                {% for kind, id, name in names %}
                    when coalesce(mart.{{ name }}, '') <> coalesce({{ kind }}s.name, mart.{{ id }}, '')
                        then '{{ kind }} ' || coalesce(mart.{{ id }}, 'none')
                {% endfor %}
            end as wrong
        from {{ ref('openai__' ~ mart) }} as mart
        {% for kind, id, name in names %}
            left join {{ ref('int_openai__expected_names') }} as {{ kind }}s
                on mart.{{ names[0][1] }} = {{ kind }}s.organization_id
                and {{ kind }}s.kind = '{{ kind }}'
                and mart.{{ id }} = {{ kind }}s.id
                {% if mart == 'focus_costs' and kind != 'organization' %}
                    and cast(mart.{{ day }} as date) >= {{ kind }}s.valid_from
                    and cast(mart.{{ day }} as date) < {{ kind }}s.valid_until
                {% else %}
                    and {{ kind }}s.is_latest
                {% endif %}
        {% endfor %}
        {{ 'union all' if not loop.last }}
    {% endfor %}
)

select
    check_name,
    organization_id,
    charge_period_start,
    min(wrong) as item,
    count(*) as expected,
    count(*) - count(wrong) as actual
from named
group by check_name, organization_id, charge_period_start
