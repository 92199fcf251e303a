{{ config(tags=['openai']) }}

select costs.date, costs.team, costs.unblended_cost
from {{ ref('openai_costs', 'openai__daily_costs_by_team') }} as costs
