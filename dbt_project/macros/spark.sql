{# What dbt's own macros for Spark do not do as those of other engines do. #}

{# Theirs takes the delimiter for a pattern, in which a pipe stands between two, and knows no empty text. #}
{% macro spark__split_part(string_text, delimiter_text, part_number) -%}
    split_part({{ string_text }}, {{ delimiter_text }}, {{ part_number }})
{%- endmacro %}

{# Theirs counts in seconds since 1970, and so in a session's time zone. #}
{% macro spark__dateadd(datepart, interval, from_date_or_timestamp) -%}
    timestampadd({{ datepart }}, {{ interval }}, cast({{ from_date_or_timestamp }} as timestamp_ntz))
{%- endmacro %}

{# A varchar has a length there. #}
{% macro spark__create_csv_table(model, agate_table) -%}
    {%- set types = model['config'].get('column_types', {}) -%}
    {%- for column, type in types.items() if type == 'varchar' -%}
        {%- do types.update({column: 'string'}) -%}
    {%- endfor -%}
    {%- do return(dbt.spark__create_csv_table(model, agate_table)) -%}
{%- endmacro %}
