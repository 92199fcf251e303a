{{ config(severity='warn', tags=['daily']) }}
{% set told_by = [
    'BillingAccountId', 'ChargePeriodStart', 'SubAccountId', 'x_PrincipalId', 'x_Attribution', 'x_CredentialId',
    'x_LineItem', 'x_ApiSource', 'x_QuantityUnit', 'BillingCurrency',
] %}

-- It warns: the sums were compared with OpenAI's own, so it is OpenAI that told a row in two.
select
    {{ told_by | join(', ') }},
    count(*) as charges,
    {{ dbt.concat([
        "'OpenAI told '", "coalesce(x_LineItem, 'a charge')", "' more than once for the same day'"
    ]) }} as reason
from {{ ref('openai__focus_costs') }}
where {{ is_not_before_days_to_build('ChargePeriodStart', timestamp_type()) }}
group by {{ told_by | join(', ') }}
having count(*) > 1
