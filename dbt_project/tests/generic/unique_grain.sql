{#
    No two rows share these columns; nulls count as equal. Of a table that has a `day`, the days that the
    build replaced are looked at.
#}
{% test unique_grain(model, columns, day=none) %}
select
    {{ columns | join(', ') }},
    count(*) as row_count
from {{ model }}
{% if day %}where {{ is_not_before_days_to_build(day) }}{% endif %}
group by {{ columns | join(', ') }}
having count(*) > 1
{% endtest %}
