-- Line items in a new form keep their money and their text, as service 'Other'. Where they come to
-- more than the share allowed, the parser needs a new rule: the rows name them. Credits count as
-- much as charges.
{{ config(severity='warn') }}

with spend as (
    select
        charges.currency,
        charges.line_item,
        skus.is_parsed,
        sum(abs(charges.unblended_cost)) as turnover
    from {{ ref('int_charges') }} as charges
    inner join {{ ref('int_skus') }} as skus on charges.line_item = skus.line_item
    group by charges.currency, charges.line_item, skus.is_parsed
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
