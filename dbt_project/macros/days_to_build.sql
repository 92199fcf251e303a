{#
    Facts hold ids and no names, one row per day and dimension. A build replaces the days that `int_openai__days_to_build`
    lists for a fact: those whose load differs from the one that the fact was built from.
#}

{# True for the rows of days that this build replaces; for all rows if the whole fact is built. #}
{% macro is_to_build(organization, date) -%}
    {%- set days = "(select * from " ~ ref('int_openai__days_to_build') ~ " where fact = '" ~ model.name ~ "')" -%}
    {%- if is_incremental() -%}
        {{ is_not_before_days_to_build(date) }}
        and {{ is_day_of(days, organization, date) }}
    {%- else -%}
        1 = 1
    {%- endif -%}
{%- endmacro %}

{# True for a day of an organization that a relation has. #}
{% macro is_day_of(days, organization, date) -%}
    {{ adapter.dispatch('is_day_of', 'openai_costs')(days, organization, date) }}
{%- endmacro %}

{% macro default__is_day_of(days, organization, date) -%}
    exists (
        select 1
        -- Under names of their own: what is not qualified would else be meant by the nearest.
        from (select organization_id as id_told, date as date_told from {{ days }} as days) as days_told
        where days_told.id_told = {{ organization }} and days_told.date_told = {{ date }}
    )
{%- endmacro %}

{#
    A table or view of the intermediate schema, without a reference: dbt would run every test that has one with each
    part of the models.
#}
{% macro unreferenced(model_name) -%}
    {%- do return(api.Relation.create(
        database=target.get('database'), schema='openai_intermediate', identifier=model_name
    )) -%}
{%- endmacro %}

{# What `int_openai__days_to_build` lists for this node: a fact, or a test, which looks at the days not tested yet. #}
{% macro days_to_build_of_this() -%}
    {{ unreferenced('int_openai__days_to_build') }} where fact = '{{ model.name if model.resource_type == 'model' else 'tests' }}'
{%- endmacro %}

{#
    True from the first day on that this build replaces: a literal, which engines skip stored days by. `type` is
    that of `date`: not all engines compare a day with a moment.
#}
{% macro is_not_before_days_to_build(date, type='date') -%}
    {%- set first = namespace(day=first_day()) -%}
    {%- set days = load_relation(unreferenced('int_openai__days_to_build')) if execute -%}
    {%- if days and has_declared_columns(days, graph.nodes['model.openai_costs.int_openai__days_to_build']) -%}
        {%- set found = run_query('select min(date) from ' ~ days_to_build_of_this()).columns[0].values() -%}
        {%- set first.day = found[0] or final_day() -%}
    {%- endif -%}
    {%- set literal = "cast('" ~ first.day ~ "' as date)" -%}
    {{ date }} >= {{ literal if type == 'date' else 'cast(' ~ literal ~ ' as ' ~ type ~ ')' }}
{%- endmacro %}

{#
    True for the rows of days that this build replaces, all as literals: for statements that take no subquery.
    `alias`, with a point, goes before the columns.
#}
{% macro is_literally_to_build(alias='') -%}
    {%- set dates = {} -%}
    {%- for row in run_query('select distinct organization_id, date from ' ~ days_to_build_of_this()).rows -%}
        {%- do dates.setdefault(row[0], []).append("cast('" ~ row[1] ~ "' as date)") -%}
    {%- endfor -%}
    {{ is_not_before_days_to_build(alias ~ 'date') }}
    and (
        {%- for organization, days in dates.items() %}
        ({{ alias }}organization_id = {{ sentence(organization) }} and {{ alias }}date in ({{ days | sort | join(', ') }}))
        {{ 'or' if not loop.last }}
        {%- else %}
        1 = 0
        {%- endfor %}
    )
{%- endmacro %}

{# The first and the last day that a date can be. #}
{% macro first_day() %}{{ adapter.dispatch('first_day', 'openai_costs')() }}{% endmacro %}

{% macro default__first_day() %}0001-01-01{% endmacro %}

{% macro final_day() %}{{ adapter.dispatch('final_day', 'openai_costs')() }}{% endmacro %}

{% macro default__final_day() %}9999-12-31{% endmacro %}
