-- Line items in an unknown format keep their amount and their text, as service 'Other'. If their share of
-- the gross amount exceeds the allowed share, the parser needs a new rule for the line items that the
-- reasons name. Credits count like charges.
{{ config(severity='warn', tags=['daily']) }}

with spend as (
    select
        costs.currency,
        costs.line_item,
        skus.is_parsed,
        sum(costs.unblended_cost) as unblended_cost,
        sum(costs.gross_amount) as gross_amount
    from {{ ref('int_openai__daily_costs_by_line_item') }} as costs
    inner join {{ ref('int_openai__line_item_dimensions') }} as skus on costs.line_item = skus.line_item
    group by costs.currency, costs.line_item, skus.is_parsed
),

shares as (
    select
        currency,
        line_item,
        is_parsed,
        unblended_cost,
        gross_amount,
        sum(gross_amount) over (partition by currency) as total,
        sum(case when is_parsed then 0 else gross_amount end) over (partition by currency) as unparsed
    from spend
)

select
    currency,
    line_item,
    gross_amount,
    line_item || ': '
    || cast({{ decimal('unblended_cost', 38, 2) }} as {{ dbt.type_string() }}) || ' ' || currency as reason
from shares
where
    not is_parsed
    and unparsed > total * {{ var('unparsed_share_allowed') }}
order by gross_amount desc, line_item asc
