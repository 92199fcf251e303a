{# A moment as a timestamp in UTC, whose date no session's time zone shifts. #}
{% macro utc(told) %}{{ adapter.dispatch('utc', 'openai_costs')(told) }}{% endmacro %}

{% macro default__utc(told) %}cast({{ told }} at time zone 'UTC' as {{ moment() }}){% endmacro %}

{% macro spark__utc(told) %}
    cast('1970-01-01' as timestamp_ntz)
    + make_dt_interval(0, 0, 0, cast(unix_micros({{ told }}) as decimal(18, 0)) * 0.000001)
{% endmacro %}

{% macro databricks__utc(told) %}to_utc_timestamp({{ told }}, current_timezone()){% endmacro %}

{% macro snowflake__utc(told) %}
    cast(convert_timezone('UTC', {{ told }}) as {{ moment() }})
{% endmacro %}

{# A BigQuery timestamp has no time zone but UTC. #}
{% macro bigquery__utc(told) %}{{ told }}{% endmacro %}

{% macro clickhouse__utc(told) %}toTimeZone({{ told }}, 'UTC'){% endmacro %}
