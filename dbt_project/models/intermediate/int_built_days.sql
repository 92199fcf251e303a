{{ config(materialized='table') }}

{% set facts = [
    'int_focus_charges', 'int_daily_spend', 'int_daily_sales', 'int_daily_usage', 'int_project_prices',
    'int_daily_checks',
] %}
{% for fact in facts %}
-- depends_on: {{ ref(fact) }}
{% endfor %}
-- A day whose tests fail is not done.
-- depends_on: {{ ref('focus_costs') }}
-- depends_on: {{ ref('reconciliation') }}

select
    organization_id,
    date,
    kind,
    loaded_at,
    '{{ models_fingerprint() }}' as built_by
from (
    {{ loaded_days() }}
) as days
