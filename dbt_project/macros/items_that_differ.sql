{#
    Compares the sums of `expected` and `actual` by item: per check, organization, day and currency, one row for all
    items that are equal, with a null `item`, and one row for each item that differs. `both_sides` has a row per
    amount of either side; the amount of the other side is zero. The comparison includes null items, as 'none'.
#}
{% macro items_that_differ(both_sides, period='date') -%}
    {%- set grain = 'check_name, organization_id, ' ~ period ~ ', currency' -%}
    select
        {{ grain }},
        case when expected <> actual then item end as item,
        cast(sum(expected) as {{ money() }}) as expected,
        cast(sum(actual) as {{ money() }}) as actual
    from (
        select {{ grain }}, coalesce(item, 'none') as item, sum(expected) as expected, sum(actual) as actual
        from {{ both_sides }}
        group by {{ grain }}, coalesce(item, 'none')
    ) as items
    group by {{ grain }}, case when expected <> actual then item end
{%- endmacro %}
