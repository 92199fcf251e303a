select
    organization_id,
    date,
    line_item,
    currency,
    quantity_unit,
    cast(sum(coalesce(amount, 0)) as {{ money() }}) as unblended_cost,
    cast(sum(abs(amount)) as {{ money() }}) as gross_amount,
    cast(sum(quantity) as {{ quantity() }}) as quantity,
    cast(sum(case when quantity is not null then coalesce(amount, 0) end) as {{ money() }})
        as cost_of_quantity,
    sum(case when quantity is null then 1 else 0 end) as charges_without_quantity
from {{ ref('stg_openai__costs') }}
where {{ is_to_build('organization_id', 'date') }}
group by organization_id, date, line_item, currency, quantity_unit
