with charges as (
    select
        organization_id,
        date,
        {{ currency_code() }} as currency,
        nullif(line_item, '') as line_item,
        quantity_unit,
        coalesce(amount, 0) as amount,
        -- Larger quantities are ignored: see the test quantities_are_countable.
        case when abs(quantity) < 1000000000000000 then quantity end as quantity
    from {{ source('openai_raw', 'costs') }}
),

with_usable_quantities as (
    select
        *,
        -- A quantity that implies a price of a billion or more for one unit is not usable. Most rows need no
        -- division.
        case
            when amount < 0 or quantity <= 0 then null
            when quantity >= 1 and amount < 1000000000 then quantity
            when {{ ratio('amount', 'quantity') }} < 1000000000 then quantity
        end as usable_quantity
    from charges
)

select
    organization_id,
    date,
    currency,
    line_item,
    quantity_unit,
    sum(amount) as cost,
    sum(quantity) as quantity,
    sum(case when quantity is not null then amount end) as cost_of_quantity,
    sum(case when quantity > 0 and amount > 0 then amount end) as priced_cost,
    sum(case when quantity > 0 and amount > 0 then quantity end) as priced_quantity,
    sum(case when quantity > 0 and amount = 0 then quantity end) as free_quantity,
    min(case when quantity > 0 and amount > 0 then {{ ratio('amount', 'quantity') }} end) as lowest_price,
    max(case when quantity > 0 and amount > 0 then {{ ratio('amount', 'quantity') }} end) as highest_price,
    sum(usable_quantity) as usable_quantity,
    sum(case when usable_quantity is not null then amount end) as cost_of_usable_quantity
from with_usable_quantities
group by organization_id, date, currency, line_item, quantity_unit
