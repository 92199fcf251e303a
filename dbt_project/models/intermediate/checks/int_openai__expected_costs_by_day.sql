{{ config(materialized='table', tags=['whole_history']) }}

select
    organization_id,
    date,
    project_id,
    currency,
    cast(sum(amount) as {{ money() }}) as amount
from (
    select
        organization_id,
        date,
        coalesce(project_id, '') as project_id,
        {{ currency_code() }} as currency,
        coalesce(amount, 0) as amount
    from {{ source('openai_raw', 'costs') }}
) as costs
group by organization_id, date, project_id, currency
