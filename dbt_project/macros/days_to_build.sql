{#
    A build of a fact replaces the days that `int_openai__days_to_build` lists for it: the days whose latest load is
    not the one that the fact was built from.
#}

{# True for the rows of the days that this build replaces; for all rows if the whole fact is built. #}
{% macro is_to_build(organization, date) -%}
    {%- set days = "(select * from " ~ ref('int_openai__days_to_build') ~ " where fact = '" ~ model.name ~ "')" -%}
    {%- if is_incremental() -%}
        {{ is_not_before_days_to_build(date) }}
        and {{ is_day_of(days, organization, date) }}
    {%- else -%}
        1 = 1
    {%- endif -%}
{%- endmacro %}

{# True if the relation `days` has a row of this organization and date. #}
{% macro is_day_of(days, organization, date) -%}
    {{ adapter.dispatch('is_day_of', 'openai_costs')(days, organization, date) }}
{%- endmacro %}

{% macro default__is_day_of(days, organization, date) -%}
    exists (
        select 1
        -- Renamed, as an unqualified name in the arguments would refer to these columns.
        from (select organization_id as day_organization, date as day_date from {{ days }} as days) as listed_days
        where listed_days.day_organization = {{ organization }} and listed_days.day_date = {{ date }}
    )
{%- endmacro %}

{#
    The table or view of a model of this package, without a `ref`: with a `ref`, dbt would run each test that uses this
    relation whenever a part of the models is built. While dbt parses, the relation has no schema.
#}
{% macro relation_of_model(name) -%}
    {%- set node = graph.get('nodes', {}).get('model.openai_costs.' ~ name, {}) -%}
    {%- do return(api.Relation.create(
        database=node.get('database') or none, schema=node.get('schema'), identifier=node.get('alias')
    )) -%}
{%- endmacro %}

{#
    The rows of `int_openai__days_to_build` for this node: the days to build of a fact or, for a test, the days not
    tested yet.
#}
{% macro days_to_build_of_this() -%}
    {%- set fact = model.name if model.resource_type == 'model' else 'tests' -%}
    {{ relation_of_model('int_openai__days_to_build') }} where fact = '{{ fact }}'
{%- endmacro %}

{#
    True for rows on or after the first day that this build replaces. The day is a literal, which lets engines skip
    stored data. `type` is the type of `date`, as not all engines compare a date with a timestamp.
#}
{% macro is_not_before_days_to_build(date, type='date') -%}
    {%- set first = namespace(day=earliest_day()) -%}
    {%- set days = load_relation(relation_of_model('int_openai__days_to_build')) if execute -%}
    {%- if days and has_declared_columns(days, graph.nodes['model.openai_costs.int_openai__days_to_build']) -%}
        {%- set result = run_query('select min(date) from ' ~ days_to_build_of_this()) -%}
        {%- set first.day = result.columns[0].values()[0] or latest_day() -%}
    {%- endif -%}
    {%- set literal = "cast('" ~ first.day ~ "' as date)" -%}
    {{ date }} >= {{ literal if type == 'date' else 'cast(' ~ literal ~ ' as ' ~ type ~ ')' }}
{%- endmacro %}

{#
    True for the rows of the days that this build replaces, written as literals for statements without subqueries.
    `alias`, with a dot, is the prefix of the columns.
#}
{% macro is_to_build_as_literals(alias='') -%}
    {%- set dates = {} -%}
    {%- for row in run_query('select distinct organization_id, date from ' ~ days_to_build_of_this()).rows -%}
        {%- do dates.setdefault(row[0], []).append("cast('" ~ row[1] ~ "' as date)") -%}
    {%- endfor -%}
    {{ is_not_before_days_to_build(alias ~ 'date') }}
    and (
        {%- for organization, days in dates.items() %}
        (
            {{ alias }}organization_id = {{ text_literal(organization) }}
            and {{ alias }}date in ({{ days | sort | join(', ') }})
        )
        {{ 'or' if not loop.last }}
        {%- else %}
        1 = 0
        {%- endfor %}
    )
{%- endmacro %}

{# The earliest and latest date that the engine can store. #}
{% macro earliest_day() %}{{ adapter.dispatch('earliest_day', 'openai_costs')() }}{% endmacro %}

{% macro default__earliest_day() %}0001-01-01{% endmacro %}

{% macro latest_day() %}{{ adapter.dispatch('latest_day', 'openai_costs')() }}{% endmacro %}

{% macro default__latest_day() %}9999-12-31{% endmacro %}
