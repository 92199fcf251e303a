select distinct date as date_day
from {{ ref('stg_openai__cost_days') }}
