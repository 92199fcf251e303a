{#
    No two rows share these columns, nulls counted as equal, and no row lacks any of `never_null`: one scan
    for both. Of a table that has a `day`, the days that the build replaced are looked at.
#}
{% test unique_grain(model, columns, never_null=none, day=none) %}
select
    {{ columns | join(', ') }},
    count(*) as row_count
from {{ model }}
{% if day %}where {{ is_not_before_days_to_build(day) }}{% endif %}
group by {{ columns | join(', ') }}
having
    count(*) > 1
    {% if never_null %}or max(case when {{ never_null | join(' is null or ') }} is null then 1 else 0 end) = 1{% endif %}
{% endtest %}
