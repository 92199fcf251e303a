-- Credits and rows without a quantity have no price.
select
    organization_id,
    date,
    project_id,
    service,
    model,
    model_family,
    meter,
    tier,
    modality,
    context,
    currency,
    quantity_unit,
    quantity,
    unblended_cost,
    -- The product of two decimal(38, 9) would lose its decimals on Spark.
    {{ product(decimal('quantity', 28, 9), decimal(
        "case quantity_unit when 'tokens' then '0.000001' when '1000_tokens' then '0.001' else '1' end", 7, 6
    )) }} as priced_quantity,
    case
        when quantity_unit in ('tokens', '1000_tokens') then 'million tokens'
        else coalesce(quantity_unit, meter)
    end as priced_per,
    unblended_cost = 0 as is_free
from {{ ref('int_openai__focus_charges') }}
where quantity > 0 and unblended_cost >= 0
