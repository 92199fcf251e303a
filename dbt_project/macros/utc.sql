{# A timestamp in UTC, with a date that does not depend on the session's time zone. #}
{% macro utc(instant) %}{{ adapter.dispatch('utc', 'openai_costs')(instant) }}{% endmacro %}

{% macro default__utc(instant) %}cast({{ instant }} at time zone 'UTC' as {{ timestamp_type() }}){% endmacro %}
