{# ClickHouse: macros that override the defaults. #}

{% macro clickhouse__double() %}Float64{% endmacro %}

{# A DateTime without a time zone is in the server's time zone. #}
{% macro clickhouse__timestamp_type() %}DateTime64(6, 'UTC'){% endmacro %}

{% macro clickhouse__utc(instant) %}toTimeZone({{ instant }}, 'UTC'){% endmacro %}

{# The earliest and latest day that ClickHouse's type Date can store. #}
{% macro clickhouse__earliest_day() %}1970-01-01{% endmacro %}

{% macro clickhouse__latest_day() %}2149-06-06{% endmacro %}

{# Casts the text of the double: a direct cast truncates, and the double 0.15 is slightly less than 0.15. #}
{% macro clickhouse__nearest_decimal(double, digits, decimals) -%}
    {{ decimal('toString(round(' ~ double ~ ', ' ~ decimals ~ '))', digits, decimals) }}
{%- endmacro %}

{% macro clickhouse__character(code) %}char({{ code }}){% endmacro %}

{# dbt's version makes an array of a nullable text, which ClickHouse rejects. #}
{% macro clickhouse__nth_part(text, delimiter, number) -%}
    case
        when {{ text }} is not null
            then splitByString({{ delimiter }}, assumeNotNull({{ text }}))[{{ number }}]
    end
{%- endmacro %}

{# Where a type is not nullable, lag and lead return its default, such as 1970-01-01, instead of null. #}
{% macro clickhouse__nullable(value) %}toNullable({{ value }}){% endmacro %}

{# Uses `in`, because earlier versions of ClickHouse have no correlated subqueries. #}
{% macro clickhouse__is_day_of(days, organization, date) -%}
    ({{ organization }}, {{ date }}) in (select organization_id, date from {{ days }} as days)
{%- endmacro %}

{#
    Incremental models without a key only add rows. There are no transactions: if the build fails after this, the days
    are missing until the next build, which replaces them again.
#}
{% macro clickhouse__remove_days_to_build() -%}
    {%- if is_incremental() -%}
        delete from {{ this }} where {{ is_to_build_as_literals() }}
    {%- endif -%}
{%- endmacro %}
