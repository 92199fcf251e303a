-- Meters whose rows in the seed differ in more than their label.
select
    meter,
    'the rows of meter ' || meter || ' in dbt_project/seeds/token_meters.csv differ' as reason
from {{ ref('openai_costs', 'token_meters') }}
group by meter
having
    min(sku_meter) <> max(sku_meter)
    or min(token_direction) <> max(token_direction)
    or min(coalesce(cache_action, '')) <> max(coalesce(cache_action, ''))
