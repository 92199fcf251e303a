{{ config(enabled=var('usage_enabled'), materialized='table', tags=['whole_history']) }}

select
    organization_id,
    cast(charge_period_start as date) as date,
    cast({{ dbt.date_trunc('month', 'charge_period_start') }} as date) as month,
    currency,
    model,
    meter,
    tier,
    modality,
    context,
    {{ model_family('model') }} as model_family,
    sum(cast(priced_cost as {{ double() }})) as cost,
    sum(
        cast(priced_quantity as {{ double() }})
        * case quantity_unit when 'tokens' then 1 when '1000_tokens' then 1000 end
    ) as tokens
from {{ ref('int_openai__expected_models') }}
where
    priced_quantity > 0
    and quantity_unit in ('tokens', '1000_tokens')
    and model is not null
    and meter in ('input', 'cached input', 'cache write', 'output')
group by organization_id, charge_period_start, currency, model, meter, tier, modality, context
