-- Line items in a new form keep their money and their text, as service 'Other'. Where they come to
-- more than the share allowed, the parser needs a new rule: the rows name them. Credits count as
-- much as charges.
{{ config(severity='warn', tags=['daily']) }}

with spend as (
    select
        sales.currency,
        sales.line_item,
        skus.is_parsed,
        sum(sales.turnover) as turnover
    from {{ ref('int_openai__daily_costs_by_line_item') }} as sales
    inner join {{ ref('int_openai__line_item_dimensions') }} as skus on sales.line_item = skus.line_item
    group by sales.currency, sales.line_item, skus.is_parsed
),

shares as (
    select
        currency,
        line_item,
        is_parsed,
        turnover,
        sum(turnover) over (partition by currency) as total,
        sum(case when is_parsed then 0 else turnover end) over (partition by currency) as unparsed
    from spend
)

select
    currency,
    line_item,
    turnover
from shares
where
    not is_parsed
    and unparsed > total * {{ var('unparsed_share_allowed') }}
order by turnover desc
