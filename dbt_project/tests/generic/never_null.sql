{#
    Returns the rows in which one of these columns is null, in one scan. With `day`, the column of the day,
    only the days that the build replaced are tested.
#}
{% test never_null(model, columns, day=none) %}
select {{ columns | join(', ') }}
from {{ model }}
where
    ({{ columns | join(' is null or ') }} is null)
    {% if day %}and {{ is_not_before_days_to_build(day) }}{% endif %}
{% endtest %}
