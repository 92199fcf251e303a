-- Line items in a new form keep their money and their text, as service 'Other'. Where they come to
-- more than the share allowed, the parser needs a new rule: the rows name them.
{{ config(severity='warn') }}

with spend as (
    select
        charges.line_item,
        skus.is_parsed,
        sum(charges.unblended_cost) as unblended_cost,
        sum(sum(charges.unblended_cost)) over () as total_cost,
        sum(sum(case when not skus.is_parsed then charges.unblended_cost end)) over ()
            as unparsed_cost
    from {{ ref('int_charges') }} as charges
    inner join {{ ref('int_skus') }} as skus on charges.line_item = skus.line_item
    group by charges.line_item, skus.is_parsed
)

select
    line_item,
    unblended_cost
from spend
where
    not is_parsed
    and unparsed_cost > total_cost * {{ var('unparsed_share_allowed') }}
order by unblended_cost desc
