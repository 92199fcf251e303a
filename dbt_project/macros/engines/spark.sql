{# Spark: macros that override the defaults; Databricks uses them too. #}

{% macro spark__double() %}double{% endmacro %}

{% macro spark__utc(instant) %}
    cast('1970-01-01' as timestamp_ntz)
    + make_dt_interval(0, 0, 0, cast(unix_micros({{ instant }}) as decimal(18, 0)) * 0.000001)
{% endmacro %}

{#
    dbt's version treats the delimiter as a regular expression, in which a pipe means "or", and never returns an empty
    text.
#}
{% macro spark__nth_part(text, delimiter, number) -%}
    split_part({{ text }}, {{ delimiter }}, {{ number }})
{%- endmacro %}

{# dbt's version counts in seconds since 1970, and so depends on the session's time zone. #}
{% macro spark__add_to_date(unit, number, date) -%}
    timestampadd({{ unit }}, {{ number }}, cast({{ date }} as timestamp_ntz))
{%- endmacro %}

{#
    Spark deletes whole partitions only. In the mode DYNAMIC it takes the partitions from the rows, so that facts that
    are built at the same time write to different folders.
#}
{% macro spark__replace_built_days(built, loaded, fact, is_built) -%}
    {%- do run_query("alter table " ~ built ~ " drop if exists partition (fact = '" ~ fact ~ "')") -%}
    {%- do run_query('set spark.sql.sources.partitionOverwriteMode = DYNAMIC') -%}
    insert overwrite table {{ built }} partition (fact)
    {{ built_days(loaded, fact, is_built) }}
{%- endmacro %}

{% macro spark__drop_emptied_days() -%}
    {%- set emptied = run_query(
        "select distinct facts.organization_id, facts.date from " ~ this ~ " as facts"
        ~ " left semi join (select * from " ~ days_to_build_of_this() ~ ") as days"
        ~ " on facts.organization_id = days.organization_id and facts.date = days.date"
        ~ " left anti join " ~ this.identifier ~ "__dbt_tmp as built"
        ~ " on facts.organization_id = built.organization_id and facts.date = built.date"
    ).rows -%}
    {%- if emptied -%}
        alter table {{ this }} drop if exists
        {%- for organization, day in emptied %}
            partition (
                organization_id = {{ text_literal(organization) }}, date = date'{{ day }}'
            ){{ ',' if not loop.last }}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}
