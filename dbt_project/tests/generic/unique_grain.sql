{#
    Returns the values of these columns that occur in more than one row (nulls are equal) or that have a
    null in a column of `never_null`, in one scan. With `day`, the column of the day, only the days that the
    build replaced are tested.
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
    {% if never_null %}
        or max(case when {{ never_null | join(' is null or ') }} is null then 1 else 0 end) = 1
    {% endif %}
{% endtest %}
