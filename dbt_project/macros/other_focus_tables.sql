{#
    FOCUS tables of other providers, which the variable `other_focus_tables` names: relations by the name that was
    written. One that is not there, or is no FOCUS table, is said.
#}
{% macro other_focus_tables() -%}
    {%- set named = var('other_focus_tables') or [] -%}
    {%- set tables = {} -%}
    {%- for name in ([named] if named is string else named) if execute -%}
        {%- set parts = name.split('.') -%}
        {%- set relation = none -%}
        {%- if parts | length in (2, 3) -%}
            {%- set relation = load_relation(api.Relation.create(
                database=parts[0] if parts | length == 3 else target.get('database'),
                schema=parts[-2], identifier=parts[-1]
            )) -%}
        {%- endif -%}
        {%- if not relation -%}
            {%- do exceptions.raise_compiler_error(
                "The variable other_focus_tables names " ~ name ~ ", which the warehouse does not have. "
                ~ "Write schema.table, or database.schema.table, as the warehouse spells it."
            ) -%}
        {%- endif -%}
        {%- do tables.update({name: relation}) -%}
    {%- endfor -%}
    {%- do return(tables) -%}
{%- endmacro %}

{# The columns of a FOCUS table by their names in lower case, as not all engines keep FOCUS's spelling. #}
{% macro columns_of_focus_table(name, relation) -%}
    {%- set columns = {} -%}
    {%- for column in adapter.get_columns_in_relation(relation) -%}
        {%- do columns.update({column.name | lower: column}) -%}
    {%- endfor -%}
    {%- for needed in ('BilledCost', 'BillingCurrency', 'ChargePeriodStart') if needed | lower not in columns -%}
        {%- do exceptions.raise_compiler_error(
            "The variable other_focus_tables names " ~ name ~ ", which has no column " ~ needed
            ~ ": it is no FOCUS table."
        ) -%}
    {%- endfor -%}
    {%- do return(columns) -%}
{%- endmacro %}

{#
    What a FOCUS table tells as `name`, or, of an earlier FOCUS, as `formerly`, in the type that is meant; null
    where it tells neither.
#}
{% macro focus_column(columns, name, type, formerly=none) -%}
    {%- set found = [] -%}
    {%- for each in (name, formerly) if each and each | lower in columns -%}
        {%- set column = columns[each | lower] -%}
        {%- set kind = column.data_type | lower -%}
        {%- set is_text = 'char' in kind or 'text' in kind or 'string' in kind -%}
        {%- set has_zone = 'with time zone' in kind or kind in ('timestamptz', 'timestamp_tz', 'timestamp_ltz')
            or (kind == 'timestamp' and target.type in ('spark', 'databricks')) -%}
        {%- set told = adapter.quote(column.name) -%}
        {%- if type == 'date' and is_text -%}
            {#- FOCUS writes moments in UTC, the day first. -#}
            {%- set told = 'substr(' ~ told ~ ', 1, 10)' -%}
        {%- elif type == 'date' and has_zone -%}
            {%- set told = utc(told) -%}
        {%- elif type == money() and ('double' in kind or 'float' in kind or kind == 'real') -%}
            {#- A double's shortest text is the amount that was meant; a cast would add digits of its own. -#}
            {%- set told = 'cast(' ~ told ~ ' as ' ~ dbt.type_string() ~ ')' -%}
        {%- endif -%}
        {%- do found.append('cast(' ~ told ~ ' as ' ~ type ~ ')') -%}
    {%- endfor -%}
    {%- if found | length == 2 -%}
        coalesce({{ found | join(', ') }})
    {%- else -%}
        {{ found | first | default('cast(null as ' ~ type ~ ')', true) }}
    {%- endif -%}
{%- endmacro %}
