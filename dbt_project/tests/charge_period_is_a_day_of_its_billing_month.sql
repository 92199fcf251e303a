select
    BillingPeriodStart,
    BillingPeriodEnd,
    ChargePeriodStart,
    ChargePeriodEnd
from {{ ref('focus_costs') }}
where
    ChargePeriodEnd <> {{ dbt.dateadd('day', 1, 'ChargePeriodStart') }}
    or BillingPeriodEnd <> {{ dbt.dateadd('month', 1, 'BillingPeriodStart') }}
    or BillingPeriodStart <> {{ dbt.date_trunc('month', 'BillingPeriodStart') }}
    or ChargePeriodStart < BillingPeriodStart
    or ChargePeriodEnd > BillingPeriodEnd
    or ChargePeriodStart <> {{ dbt.date_trunc('day', 'ChargePeriodStart') }}
