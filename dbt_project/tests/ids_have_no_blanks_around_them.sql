{{ config(severity='warn') }}
{% set ids = ['BillingAccountId', 'SubAccountId', 'SkuId', 'SkuPriceId', 'x_PrincipalId', 'x_CredentialId'] %}

{% for id in ids %}
    select distinct
        '{{ id }}' as column_name,
        {{ id }} as id,
        {{ dbt.concat(["'" ~ id ~ " of '", id, "' begins or ends with a blank'"]) }} as reason
    from {{ ref('focus_costs') }}
    where {{ id }} <> trim({{ id }})
    {{ 'union all' if not loop.last }}
{% endfor %}
