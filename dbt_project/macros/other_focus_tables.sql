{# The schema and name of our own FOCUS table, as a person writes those of other providers. #}
{% macro name_of_focus_table() -%}
    {%- set relation = relation_of_model('openai__focus_costs') -%}
    {{ relation.schema }}.{{ relation.identifier }}
{%- endmacro %}

{#
    The FOCUS tables of other providers in the variable `other_focus_tables`: relations by the name in the variable.
    Raises an error for a table that does not exist.
#}
{% macro other_focus_tables() -%}
    {%- set names = var('other_focus_tables') or [] -%}
    {%- set tables = {} -%}
    {%- for name in ([names] if names is string else names) if execute -%}
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
                "The variable other_focus_tables names " ~ name ~ ", which is not in the warehouse. "
                ~ "Write schema.table, or database.schema.table, as the warehouse spells it."
            ) -%}
        {%- endif -%}
        {%- do tables.update({name: relation}) -%}
    {%- endfor -%}
    {%- do return(tables) -%}
{%- endmacro %}

{#
    The columns of a FOCUS table by their names in lower case, as not all engines keep FOCUS's spelling. Raises an error
    for a table without FOCUS's columns.
#}
{% macro columns_of_focus_table(name, relation) -%}
    {%- set columns = {} -%}
    {%- for column in adapter.get_columns_in_relation(relation) -%}
        {%- do columns.update({column.name | lower: column}) -%}
    {%- endfor -%}
    {%- for required in ('BilledCost', 'BillingCurrency', 'ChargePeriodStart') if required | lower not in columns -%}
        {%- do exceptions.raise_compiler_error(
            "The variable other_focus_tables names " ~ name ~ ", which has no column " ~ required
            ~ ": it is not a FOCUS table."
        ) -%}
    {%- endfor -%}
    {%- do return(columns) -%}
{%- endmacro %}

{#
    The column `name` of a FOCUS table, or `former_name` of an earlier FOCUS version, cast to `type`; null if the table
    has neither.
#}
{% macro focus_column(columns, name, type, former_name=none) -%}
    {%- set expressions = [] -%}
    {%- for column_name in (name, former_name) if column_name and column_name | lower in columns -%}
        {%- set column = columns[column_name | lower] -%}
        {%- set kind = column.data_type | lower -%}
        {%- set is_text = 'char' in kind or 'text' in kind or 'string' in kind -%}
        {%- set has_zone = 'with time zone' in kind or kind in ('timestamptz', 'timestamp_tz', 'timestamp_ltz')
            or (kind == 'timestamp' and target.type in ('spark', 'databricks')) -%}
        {%- set value = adapter.quote(column.name) -%}
        {%- if type == 'date' and is_text -%}
            {#- FOCUS writes timestamps in UTC, starting with the date. -#}
            {%- set value = 'substr(' ~ value ~ ', 1, 10)' -%}
        {%- elif type == 'date' and has_zone -%}
            {%- set value = utc(value) -%}
        {%- elif type == money() and ('double' in kind or 'float' in kind or kind == 'real') -%}
            {#- The shortest text of a double is the intended amount; a direct cast adds digits. -#}
            {%- set value = 'cast(' ~ value ~ ' as ' ~ dbt.type_string() ~ ')' -%}
        {%- endif -%}
        {%- do expressions.append('cast(' ~ value ~ ' as ' ~ type ~ ')') -%}
    {%- endfor -%}
    {%- if expressions | length == 2 -%}
        coalesce({{ expressions | join(', ') }})
    {%- else -%}
        {{ expressions | first | default('cast(null as ' ~ type ~ ')', true) }}
    {%- endif -%}
{%- endmacro %}
