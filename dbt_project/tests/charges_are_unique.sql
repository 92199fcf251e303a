{{ config(severity='warn', tags=['daily']) }}
{% set dimensions = [
    'BillingAccountId', 'ChargePeriodStart', 'SubAccountId', 'x_PrincipalId', 'x_Attribution', 'x_CredentialId',
    'x_LineItem', 'x_ApiSource', 'x_QuantityUnit', 'BillingCurrency',
] %}

-- Only a warning, as the sums still equal OpenAI's totals: OpenAI itself returned one charge as two rows.
select
    {{ dimensions | join(', ') }},
    count(*) as charges,
    {{ dbt.concat([
        "'OpenAI returned '", "coalesce(x_LineItem, 'a charge')", "' more than once for the same day'"
    ]) }} as reason
from {{ ref('openai__focus_costs') }}
where {{ is_not_before_days_to_build('ChargePeriodStart', timestamp_type()) }}
group by {{ dimensions | join(', ') }}
having count(*) > 1
