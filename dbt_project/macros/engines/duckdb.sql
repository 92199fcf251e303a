{# DuckDB: macros that override the defaults. #}

{#
    One transaction per month, as DuckDB keeps in memory what a transaction replaces; or a single one for the days of a
    daily run, which are seldom in one month. If a later transaction fails, the next build replaces all days again: the
    fact is not marked as built.
#}
{% macro duckdb__replace_days(target, source, columns) -%}
    {%- set days = run_query(
        "select min(date), max(date), count(distinct date), cast(date_trunc('month', date) as date) from "
        ~ days_to_build_of_this() ~ ' group by grouping sets ((), date_trunc(\'month\', date)) order by 4 nulls first'
    ).rows -%}
    {%- set ranges = days[:1] if days[0][2] <= 40 else days[1:] -%}
    {%- for first, last, number, _ in ranges if number %}
    {%- set is_in_range = "date >= date '" ~ first ~ "' and date <= date '" ~ last ~ "'" -%}
    {{ 'commit; begin;' if not loop.first }}
    delete from {{ target }}
    where {{ is_in_range }} and {{ is_to_build(target ~ '.organization_id', target ~ '.date') }};

    insert into {{ target }} ({{ columns }})
    select {{ columns }}
    from {{ source }}
    where {{ is_in_range }};
    {%- else %}
    select 'no day is replaced'
    {%- endfor -%}
{%- endmacro %}

{#
    dbt-duckdb writes the new rows of an incremental model to a temporary table, in memory. Here it creates a temporary
    view, from which each month is read when it is replaced. A macro `duckdb__create_table_as` would not apply in a
    project that installs this one as a package.
#}
{% macro create_table_as(temporary, relation, compiled_code) -%}
    {%- if temporary and target.type == 'duckdb' and config.get('incremental_strategy') == 'replace_days' -%}
        create temporary view {{ relation.include(database=false, schema=false) }} as {{ compiled_code }}
    {%- else -%}
        {{ dbt.create_table_as(temporary, relation, compiled_code, *varargs, **kwargs) }}
    {%- endif -%}
{%- endmacro %}

{#
    A view in one statement, which no reader finds missing: dbt's own materialization creates it under another name,
    renames both and drops the former one. In a project that installs this one as a package, dbt uses its own, unless
    the flag `require_explicit_package_overrides_for_builtin_materializations` is false.
#}
{% materialization view, adapter='duckdb' -%}
    {%- if model.package_name != 'openai_costs' -%}{{ return(dbt.materialization_view_default()) }}{%- endif -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set target_relation = this.incorporate(type='view') -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {%- if existing is not none and not existing.is_view -%}{{ drop_relation_if_exists(existing) }}{%- endif -%}
    {#- Views without the database's name, which is the file's name, work in a copy of the file too. -#}
    {%- set sql = sql | replace(this.include(schema=false, identifier=false) ~ '.', '') -%}
    {% call statement('main') -%}
        {{ get_create_view_as_sql(target_relation, sql) | replace('create view', 'create or replace view', 1) }}
    {%- endcall %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target_relation]}) }}
{%- endmaterialization %}

{#
    Overrides dbt-duckdb's macro, which reads a catalog for which DuckDB plans all views. In a project that installs
    this one as a package, dbt uses its own.
#}
{% macro duckdb__get_columns_in_relation(relation) -%}
    {%- set columns = [] -%}
    {%- for row in run_query('describe ' ~ relation).rows -%}
        {%- do columns.append(api.Column(row[0], row[1])) -%}
    {%- endfor -%}
    {%- do return(columns) -%}
{%- endmacro %}
