{#
    A lake: what dlt's filesystem destination wrote, which only appends, as Spark reads it. Each run first lays
    external tables over the files, and over them, under the raw tables' names, what a warehouse would hold:
    of each day the rows of the load that the ledger names, of all else the latest. A load counts once dlt has
    noted it as complete. What is small is written out, so that all models see the same loads, and the ledger
    need be put together once. Where no lake is named, Spark's raw tables are someone else's to keep.
#}
{% macro read_lake() -%}
    {%- set url = var('lake') or env_var('DESTINATION__FILESYSTEM__BUCKET_URL', '') -%}
    {%- if execute and target.type == 'spark' and url -%}
        {#- Spark's own file system for S3 goes by another name. -#}
        {%- set folder = url.rstrip('/').replace('s3://', 's3a://') ~ '/' ~ var('raw_schema') -%}
        {%- set tables = lake_tables(folder) -%}
        {%- for schema in (var('raw_schema'), lake_files()) -%}
            {%- do run_query('create schema if not exists ' ~ schema) -%}
        {%- endfor -%}
        {%- do lake_table(lake_files('loads'), "select load_id from json.`" ~ folder ~ "/_dlt_loads`"
            ~ " where schema_name = 'openai_costs' and status = 0") -%}
        {%- for table, columns in tables.items() -%}
            {%- do lay_over_files(lake_files(table), columns, folder ~ '/' ~ table) -%}
        {%- endfor -%}
        {%- set ids = former_ids(tables) -%}
        {%- for table in tables if table in lake_keys() -%}
            {%- do lake_table(var('raw_schema') ~ '.' ~ table, latest_rows(table, tables[table], ids)) -%}
        {%- endfor -%}
        {%- for table in tables if table not in lake_keys() -%}
            {%- do run_query('create or replace view ' ~ var('raw_schema') ~ '.' ~ table ~ ' as '
                ~ rows_of_ledger(table, tables[table], ids)) -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}

{# The database of the tables over files, or one of them. #}
{% macro lake_files(table=none) -%}
    {{ var('raw_schema') }}_files{{ '.' ~ table if table }}
{%- endmacro %}

{# What a row of each small table is known by: of all loads' rows, the last counts; none, and all count. #}
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

{# The source's tables and their columns with Spark's types, as dlt's newest schema in the lake has them. #}
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

{% macro lay_over_files(relation, columns, folder) -%}
    {%- set typed = [] -%}
    {%- for column, type in columns.items() -%}{%- do typed.append('`' ~ column ~ '` ' ~ type) -%}{%- endfor -%}
    {%- do run_query('drop table if exists ' ~ relation) -%}
    {%- do run_query(
        'create table ' ~ relation ~ ' (' ~ typed | join(', ') ~ ") using parquet location '" ~ folder ~ "'"
    ) -%}
{%- endmacro %}

{% macro lake_table(relation, query) -%}
    {%- do run_query('drop table if exists ' ~ relation) -%}
    {%- do run_query('create table ' ~ relation ~ ' using parquet as ' ~ query) -%}
{%- endmacro %}

{# Names in headers under which an organization was stored before a row told its id. #}
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

{# Columns of a table, the organization under its id. #}
{% macro lake_columns(columns, ids) -%}
    {%- set told = [] -%}
    {%- for column in columns -%}
        {%- if column == 'organization_id' and ids -%}
            {%- set cases = [] -%}
            {%- for former, id in ids.items() -%}
                {%- do cases.append('when ' ~ sentence(former) ~ ' then ' ~ sentence(id)) -%}
            {%- endfor -%}
            {%- do told.append(
                'case organization_id ' ~ cases | join(' ') ~ ' else organization_id end as organization_id'
            ) -%}
        {%- else -%}
            {%- do told.append('`' ~ column ~ '`') -%}
        {%- endif -%}
    {%- endfor -%}
    {{ told | join(', ') }}
{%- endmacro %}

{# The rows of complete loads, each with its load, by which dlt's file is named. #}
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

{# Of the complete loads' rows of a small table, those that a warehouse would hold. #}
{% macro latest_rows(table, columns, ids) -%}
    {%- set rows = complete_rows(table, columns, ids) -%}
    {%- set told = '`' ~ columns | join('`, `') ~ '`' -%}
    {%- set keys = lake_keys()[table] | join(', ') -%}
    {%- if 'version' in columns -%}
        {#- A version holds from the load that first told it until one tells another. -#}
        with told as (
            select
                rows.*, loads.listed_at,
                {{ value_before('rows.version', 'partition by ' ~ keys ~ ' order by load_id') }} as version_before
            from ({{ rows }}) as rows
            inner join (
                select load_id, max(listed_at) as listed_at
                from ({{ complete_rows('listings', {'listed_at': none}, {}) }})
                group by load_id
            ) as loads using (load_id)
        )
        select
            {{ told }}, listed_at as valid_from,
            {{ value_after('listed_at', 'partition by ' ~ keys ~ ' order by load_id') }} as valid_to
        from told
        where version_before is null or version_before <> version
    {%- elif keys -%}
        select {{ told }}
        from (select *, row_number() over (partition by {{ keys }} order by load_id desc) as place from ({{ rows }}))
        where place = 1
    {%- else -%}
        select {{ told }}
        from ({{ rows }})
    {%- endif -%}
{%- endmacro %}

{# The rows of a large table: of each day those of the load that the ledger names. #}
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
