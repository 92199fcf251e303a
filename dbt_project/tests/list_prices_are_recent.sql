-- The seed list_prices is older than the newest day by more than the allowed days: prices may have changed
-- since, and those of new models are missing.
{{ config(severity='warn', tags=['daily']) }}

with newest as (
    select max(date) as date
    from {{ ref('stg_openai__cost_days') }}
)

select
    date,
    'the public prices were checked on {{ var("list_prices_checked_on") }}, more than '
    || '{{ var("list_prices_days_allowed") }} days before ' || cast(date as {{ dbt.type_string() }})
    || ': upgrade this project, or add new prices to dbt_project/seeds/list_prices.csv and change '
    || 'list_prices_checked_on in dbt_project/dbt_project.yml' as reason
from newest
where date > {{ days_after(
    "cast('" ~ var('list_prices_checked_on') ~ "' as date)", var('list_prices_days_allowed')
) }}
