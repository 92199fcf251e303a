-- Rows of the seed `budgets` that a person has to correct, and why. They are ignored.
{{ config(enabled=var('plans_enabled'), severity='warn') }}

select
    organization_id,
    reason
from {{ ref('stg_openai__budgets') }}
where reason is not null
order by reason
