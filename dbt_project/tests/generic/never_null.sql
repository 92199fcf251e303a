{# No row lacks any of these columns: one scan for all of them. Returns the rows that do. #}
{% test never_null(model, columns) %}
select {{ columns | join(', ') }}
from {{ model }}
where {{ columns | join(' is null or ') }} is null
{% endtest %}
