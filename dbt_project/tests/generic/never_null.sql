{#
    No row lacks any of these columns: one scan for all of them. Returns the rows that do. Of a table that
    has a `day`, the days that the build replaced are looked at.
#}
{% test never_null(model, columns, day=none) %}
select {{ columns | join(', ') }}
from {{ model }}
where
    ({{ columns | join(' is null or ') }} is null)
    {% if day %}and {{ is_not_before_days_to_build(day) }}{% endif %}
{% endtest %}
