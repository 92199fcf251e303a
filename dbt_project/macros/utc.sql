{# A moment as a timestamp in UTC, whose date no session's time zone shifts. #}
{% macro utc(moment) %}{{ adapter.dispatch('utc', 'openai_costs')(moment) }}{% endmacro %}

{% macro default__utc(moment) %}cast({{ moment }} at time zone 'UTC' as timestamp){% endmacro %}

{% macro spark__utc(moment) %}to_utc_timestamp({{ moment }}, current_timezone()){% endmacro %}

{% macro snowflake__utc(moment) %}
    cast(convert_timezone('UTC', {{ moment }}) as timestamp_ntz)
{% endmacro %}

{# A BigQuery timestamp has no time zone but UTC. #}
{% macro bigquery__utc(moment) %}{{ moment }}{% endmacro %}

{% macro clickhouse__utc(moment) %}toTimeZone({{ moment }}, 'UTC'){% endmacro %}
