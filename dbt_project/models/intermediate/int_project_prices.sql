with prices as (
    select
        {{ priced_by() }},
        project_id,
        date,
        is_free,
        quantity,
        priced_quantity,
        unblended_cost,
        case when not is_free then {{ ratio('unblended_cost', 'priced_quantity') }} end as price
    from {{ ref('int_priced_charges') }}
),

in_order as (
    select
        *,
        {{ is_usual('priced_quantity', priced_by() ~ ', project_id, date, is_free', 'price') }} as is_usual
    from prices
)

select
    {{ priced_by() }},
    project_id,
    date,
    sum(unblended_cost) as unblended_cost,
    sum(case when not is_free then quantity end) as quantity,
    sum(case when is_free then quantity end) as free_quantity,
    coalesce(sum(case when not is_free then priced_quantity end), 0) as priced_quantity,
    max(case when is_usual then price end) as usual_price
from in_order
group by {{ priced_by() }}, project_id, date
