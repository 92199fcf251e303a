{#
    Compares the sums of `expected` and `actual` by item: per check, organization, day and currency, one row for all
    items that are equal, with a null `item`, and one row for each item that differs. `both_sides` has a row per
    amount of either side; the amount of the other side is zero. The columns `items` identify an item. The comparison
    includes null items, as 'none'. `tolerance` is an expression over the sums of an item.
#}
{% macro items_that_differ(both_sides, period='date', items=['item'], tolerance=none) -%}
    {%- set grain = 'check_name, organization_id, ' ~ period ~ ', currency' -%}
    {%- set differs = 'abs(' ~ difference('actual', 'expected') ~ ') > ' ~ tolerance if tolerance
        else 'expected <> actual' -%}
    {%- set item = 'case when ' ~ differs ~ ' then ' ~ items | join(" || ' / ' || ") ~ ' end' -%}
    {%- set names = [] -%}
    {%- for column in items -%}
        {%- do names.append("coalesce(" ~ column ~ ", 'none')") -%}
    {%- endfor -%}
    select
        {{ grain }},
        {{ item }} as item,
        {{ 'cast(sum(' ~ tolerance ~ ') as ' ~ money() ~ ') as tolerance,' if tolerance }}
        cast(sum(expected) as {{ money() }}) as expected,
        cast(sum(actual) as {{ money() }}) as actual
    from (
        select
            {{ grain }},
            {% for column in items %}
                {{ names[loop.index0] }} as {{ column }},
            {% endfor %}
            cast(coalesce(sum(expected), 0) as {{ money() }}) as expected,
            cast(coalesce(sum(actual), 0) as {{ money() }}) as actual
        from {{ both_sides }}
        group by {{ grain }}, {{ names | join(', ') }}
    ) as items
    group by {{ grain }}, {{ item }}
{%- endmacro %}
