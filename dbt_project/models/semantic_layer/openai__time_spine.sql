select distinct date as date_day
from {{ source('openai_raw', 'cost_days') }}
