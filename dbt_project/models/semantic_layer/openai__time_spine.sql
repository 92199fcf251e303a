{{ config(enabled=var('semantic_layer_enabled') and is_our_time_spine_needed()) }}

select distinct date as date_day
from {{ ref('stg_openai__cost_days') }}
