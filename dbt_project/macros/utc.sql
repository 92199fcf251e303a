{# A moment as a timestamp in UTC, whose date no session's time zone shifts. #}
{% macro utc(told) %}{{ adapter.dispatch('utc', 'openai_costs')(told) }}{% endmacro %}

{% macro default__utc(told) %}cast({{ told }} at time zone 'UTC' as {{ moment() }}){% endmacro %}
