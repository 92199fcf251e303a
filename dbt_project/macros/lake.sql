{#
    A lake: files that dlt's filesystem destination appends and Spark reads. Each run first creates external tables over
    the files and then, under the names of the raw tables, relations with the rows that a warehouse would have: for each
    day the rows of the load that the ledger names, otherwise the latest rows. Only loads that dlt marked as complete
    count. Small tables are materialized, so that all models see the same loads and the ledger is computed once. If no
    lake is configured, Spark's raw tables must be maintained by something else.
#}
{% macro create_lake_tables() -%}
    {%- set url = var('lake') or env_var('DESTINATION__FILESYSTEM__BUCKET_URL', '') -%}
    {%- if execute and target.type == 'spark' and url and is_selected() -%}
        {#- Spark's file system for S3 has the scheme s3a. -#}
        {%- set folder = url.rstrip('/').replace('s3://', 's3a://') ~ '/' ~ var('raw_schema') -%}
        {%- set tables = lake_tables(folder) -%}
        {%- for schema in (var('raw_schema'), lake_files()) -%}
            {%- do run_query('create schema if not exists ' ~ schema) -%}
        {%- endfor -%}
        {%- do create_table_from_query(lake_files('loads'), "select load_id from json.`" ~ folder ~ "/_dlt_loads`"
            ~ " where schema_name = 'openai_costs' and status = 0") -%}
        {%- for table, columns in tables.items() -%}
            {%- do create_external_table(lake_files(table), columns, folder ~ '/' ~ table) -%}
        {%- endfor -%}
        {%- set ids = former_ids(tables) -%}
        {%- for table in tables if table in lake_keys() -%}
            {%- do create_table_from_query(var('raw_schema') ~ '.' ~ table, latest_rows(table, tables[table], ids)) -%}
        {%- endfor -%}
        {%- for table in tables if table not in lake_keys() -%}
            {%- do run_query('create or replace view ' ~ var('raw_schema') ~ '.' ~ table ~ ' as '
                ~ rows_of_ledger(table, tables[table], ids)) -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}

{# The database of the external tables, or one of the tables. #}
{% macro lake_files(table=none) -%}
    {{ var('raw_schema') }}_files{{ '.' ~ table if table }}
{%- endmacro %}

{#
    The key of each small table: for each key, the row of the latest load counts. In a table without a key, all rows
    count.
#}
{% macro lake_keys() -%}
    {%- do return({
        'cost_days': ['organization_id', 'date'],
        'usage_days': ['organization_id', 'kind', 'date'],
        'organizations': ['organization_id'],
        'cost_restatements': [],
        'listings': ['organization_id', 'kind', 'project_id'],
        'listed': ['organization_id', 'kind', 'id'],
        'projects': ['organization_id', 'id'],
        'users': ['organization_id', 'id'],
        'service_accounts': ['organization_id', 'id'],
        'api_keys': ['organization_id', 'id'],
        'spend_limits': ['organization_id', 'id'],
    }) -%}
{%- endmacro %}

{# The source's tables and their columns with Spark's types, from dlt's newest schema in the lake. #}
{% macro lake_tables(folder) -%}
    {%- set types = {
        'text': 'string', 'bigint': 'bigint', 'bool': 'boolean', 'date': 'date', 'timestamp': 'timestamp_ltz',
        'double': 'double',
    } -%}
    {%- set newest = run_query(
        "select `schema` from json.`" ~ folder ~ "/_dlt_version` where schema_name = 'openai_costs'"
        ~ " order by inserted_at desc limit 1"
    ) -%}
    {%- set declared = graph.sources.values() | selectattr('source_name', 'equalto', 'openai_raw')
        | map(attribute='name') | list -%}
    {%- set tables = {} -%}
    {%- for name, table in fromjson(newest.rows[0][0]).tables.items() if name in declared -%}
        {%- set columns = {} -%}
        {%- for column in table.columns.values()
            if column.data_type and not column.name.startswith('_dlt_') and not column.name.startswith('valid_') -%}
            {%- do columns.update({column.name:
                'decimal(' ~ column.precision ~ ', ' ~ column.scale ~ ')' if column.data_type == 'decimal'
                else types[column.data_type]
            }) -%}
        {%- endfor -%}
        {%- if columns -%}{%- do tables.update({name: columns}) -%}{%- endif -%}
    {%- endfor -%}
    {%- do return(tables) -%}
{%- endmacro %}

{% macro create_external_table(relation, columns, folder) -%}
    {%- set typed = [] -%}
    {%- for column, type in columns.items() -%}{%- do typed.append('`' ~ column ~ '` ' ~ type) -%}{%- endfor -%}
    {%- do run_query('drop table if exists ' ~ relation) -%}
    {%- do run_query(
        'create table ' ~ relation ~ ' (' ~ typed | join(', ') ~ ") using parquet location '" ~ folder ~ "'"
    ) -%}
{%- endmacro %}

{% macro create_table_from_query(relation, query) -%}
    {%- do run_query('drop table if exists ' ~ relation) -%}
    {%- do run_query('create table ' ~ relation ~ ' using parquet as ' ~ query) -%}
{%- endmacro %}

{#
    Maps the names under which organizations were stored before their ids were known, which come from a response
    header, to their ids.
#}
{% macro former_ids(tables) -%}
    {%- set ids = {} -%}
    {%- if 'organizations' in tables -%}
        {%- for former, id in run_query(
            "select coalesce(name_in_header, 'unknown'), max_by(organization_id, load_id) from ("
            ~ complete_rows('organizations', tables['organizations'], {}) ~ ") group by 1"
        ).rows if former != id -%}
            {%- do ids.update({former: id}) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- do return(ids) -%}
{%- endmacro %}

{# The columns of a table, with the organization's id in place of a former name. #}
{% macro lake_columns(columns, ids) -%}
    {%- set expressions = [] -%}
    {%- for column in columns -%}
        {%- if column == 'organization_id' and ids -%}
            {%- set cases = [] -%}
            {%- for former, id in ids.items() -%}
                {%- do cases.append('when ' ~ text_literal(former) ~ ' then ' ~ text_literal(id)) -%}
            {%- endfor -%}
            {%- do expressions.append(
                'case organization_id ' ~ cases | join(' ') ~ ' else organization_id end as organization_id'
            ) -%}
        {%- else -%}
            {%- do expressions.append('`' ~ column ~ '`') -%}
        {%- endif -%}
    {%- endfor -%}
    {{ expressions | join(', ') }}
{%- endmacro %}

{# The rows of complete loads with the id of their load, which is the start of the file's name. #}
{% macro complete_rows(table, columns, ids) -%}
    select *
    from (
        select
            {{ lake_columns(columns, ids) }},
            regexp_extract(_metadata.file_name, '^[0-9]+[.][0-9]+', 0) as load_id
        from {{ lake_files(table) }}
    )
    where load_id in (select load_id from {{ lake_files('loads') }})
{%- endmacro %}

{# The rows of a small table that a warehouse would have. #}
{% macro latest_rows(table, columns, ids) -%}
    {%- set rows = complete_rows(table, columns, ids) -%}
    {%- set column_list = '`' ~ columns | join('`, `') ~ '`' -%}
    {%- set keys = lake_keys()[table] | join(', ') -%}
    {%- if 'version' in columns -%}
        {#- A version is valid from the first load that has it until the next version. -#}
        with listed_versions as (
            select
                rows.*, loads.listed_at,
                {{ previous_value('rows.version', 'partition by ' ~ keys ~ ' order by load_id') }} as version_before
            from ({{ rows }}) as rows
            inner join (
                select load_id, max(listed_at) as listed_at
                from ({{ complete_rows('listings', {'listed_at': none}, {}) }})
                group by load_id
            ) as loads using (load_id)
        )
        select
            {{ column_list }}, listed_at as valid_from,
            {{ next_value('listed_at', 'partition by ' ~ keys ~ ' order by load_id') }} as valid_to
        from listed_versions
        where version_before is null or version_before <> version
    {%- elif keys -%}
        select {{ column_list }}
        from (select *, row_number() over (partition by {{ keys }} order by load_id desc) as place from ({{ rows }}))
        where place = 1
    {%- else -%}
        select {{ column_list }}
        from ({{ rows }})
    {%- endif -%}
{%- endmacro %}

{# The rows of a large table: for each day, those of the load that the ledger names. #}
{% macro rows_of_ledger(table, columns, ids) -%}
    {%- set is_usage = table.startswith('usage_') -%}
    select loaded.*
    from (select {{ lake_columns(columns, ids) }} from {{ lake_files(table) }}) as loaded
    left semi join {{ var('raw_schema') }}.{{ 'usage_days' if is_usage else 'cost_days' }} as days
        on loaded.organization_id = days.organization_id
        and loaded.date = days.date
        and loaded.loaded_at = days.loaded_at
        {{ "and days.kind = '" ~ table.removeprefix('usage_') ~ "'" if is_usage }}
{%- endmacro %}
