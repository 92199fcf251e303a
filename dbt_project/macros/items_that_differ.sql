{#
    Compares the sums of `expected` and `actual` by item: per check, organization, day and currency, one row for all
    items that are equal, with a null `item`, and one row for each item that differs. `both_sides` has a row per
    amount of either side; the amount of the other side is zero. The columns `items` identify an item. The comparison
    includes null items, as 'none'. With `has_tolerance`, `both_sides` has a column `tolerance`, which is added up too.
#}
{% macro items_that_differ(both_sides, period='date', items=['item'], has_tolerance=false) -%}
    {%- set grain = 'check_name, organization_id, ' ~ period ~ ', currency' -%}
    {%- set sums = ['expected', 'actual'] + (['tolerance'] if has_tolerance else []) -%}
    {%- set differs = 'abs(' ~ difference('actual', 'expected') ~ ') > tolerance' if has_tolerance
        else 'expected <> actual' -%}
    {%- set item = 'case when ' ~ differs ~ ' then ' ~ items | join(" || ' / ' || ") ~ ' end' -%}
    {%- set names = [] -%}
    {%- for column in items -%}
        {%- do names.append("coalesce(" ~ column ~ ", 'none')") -%}
    {%- endfor -%}
    select
        {{ grain }},
        {% for amount in sums %}
            cast(sum({{ amount }}) as {{ money() }}) as {{ amount }},
        {% endfor %}
        {{ item }} as item
    from (
        select
            {{ grain }},
            {% for column in items %}
                {{ names[loop.index0] }} as {{ column }},
            {% endfor %}
            {% for amount in sums %}
                cast(coalesce(sum({{ amount }}), 0) as {{ money() }}) as {{ amount }}{{ ',' if not loop.last }}
            {% endfor %}
        from {{ both_sides }}
        group by {{ grain }}, {{ names | join(', ') }}
    ) as items
    group by {{ grain }}, {{ item }}
{%- endmacro %}
