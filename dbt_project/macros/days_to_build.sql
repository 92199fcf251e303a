{#
    Facts hold one row per day and whatever they are told by, and no names. A build replaces the days
    that the loads since the last complete build replaced, also those that became empty; `int_days_to_build`
    lists them, and `int_built_days` what is built.
#}

{# True for the rows of days that this build replaces; in a fact that is built anew, for all. #}
{% macro is_to_build(organization, date) -%}
    {%- set days = ref('int_days_to_build') -%}
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
        from (select organization_id as id_told, date as date_told from {{ days }}) as days_told
        where days_told.id_told = {{ organization }} and days_told.date_told = {{ date }}
    )
{%- endmacro %}

{# Older ones take no subquery that names what is outside of it. #}
{% macro clickhouse__is_day_of(days, organization, date) -%}
    ({{ organization }}, {{ date }}) in (select organization_id, date from {{ days }})
{%- endmacro %}

{# Without a reference: dbt would run every test that has one with each part of the models. #}
{% macro relation_of_days_to_build() -%}
    {%- do return(api.Relation.create(
        database=target.get('database'), schema='openai_intermediate', identifier='int_days_to_build'
    )) -%}
{%- endmacro %}

{#
    True from the first day on that this build replaces: a literal, which engines skip stored days by. `type` is
    that of `date`: not all engines compare a day with a moment.
#}
{% macro is_not_before_days_to_build(date, type='date') -%}
    {%- set days = relation_of_days_to_build() -%}
    {%- set first = namespace(day=first_day()) -%}
    {%- if execute and load_relation(days) -%}
        {%- set told = run_query('select min(date) from ' ~ days).columns[0].values() -%}
        {%- set first.day = told[0] or final_day() -%}
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
    {%- for row in run_query('select distinct organization_id, date from ' ~ relation_of_days_to_build()).rows -%}
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

{% macro clickhouse__first_day() %}1970-01-01{% endmacro %}

{% macro final_day() %}{{ adapter.dispatch('final_day', 'openai_costs')() }}{% endmacro %}

{% macro default__final_day() %}9999-12-31{% endmacro %}

{% macro clickhouse__final_day() %}2149-06-06{% endmacro %}

{# What a fact was built by: with another parser or price list, all days are built anew. #}
{% macro models_fingerprint() -%}
    {%- set parts = [
        exact_price('a', 'b', 'c', 'd'), ratio('a', 'b'), tokens('a', 'b'), token_meters(), is_name('a'), priced_by(),
        is_usual('a', 'b', 'c'), path(['a', 'b']), json_object({'a': 'b'}), model_family('a'), model_version('a'),
        attribution('a', 'b'), is_charge_of('a', 'b'), address('a'), as_checks({'a': {}}), usage_kind('a'), utc('a'), sentence('a'), decimal('a', 1, 1),
        nearest_decimal('a', 1, 1), product('a', 'b'), value_before('a', 'b'), value_after('a', 'b'), double(), moment(), money(), quantity(), final_day(),
        var('tokens_tolerance') | string,
    ] -%}
    {%- for node in graph.get('nodes', {}).values() if node.resource_type in ('model', 'seed') -%}
        {%- if node.path.startswith('intermediate/') or node.path.startswith('staging/') -%}
            {%- do parts.append(node.name ~ node.checksum.checksum) -%}
        {%- elif node.name in ('line_item_tools', 'quantity_units', 'list_prices') -%}
            {%- do parts.append(node.name ~ node.checksum.checksum) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ local_md5(parts | sort | join) }}
{%- endmacro %}

{# The ledgers, as far as loads have come: a row for each day and kind of what is told of it. #}
{% macro loaded_days() -%}
    select
        organization_id,
        date,
        'costs' as kind,
        loaded_at
    from {{ source('openai_raw', 'cost_days') }}

    union all

    select
        days.organization_id,
        days.date,
        days.kind,
        days.loaded_at
    from {{ raw('usage_days') }} as days
{%- endmacro %}

{# Whether the last complete build was by these very models. Asked in `int_days_to_build` alone. #}
{% macro is_built_by_these_models(built) -%}
    {%- if not load_relation(built) -%}{%- do return(false) -%}{%- endif -%}
    {%- set found = run_query("select count(*) from " ~ built ~ " where built_by = '" ~ models_fingerprint() ~ "'") -%}
    {%- do return(found.columns[0].values()[0] > 0) -%}
{%- endmacro %}

{#
    dbt's own answer, and yes for a fact that was built by other models: its columns may differ, and a
    parser that changed concerns all days.
#}
{% macro should_full_refresh() -%}
    {%- set asked = config.get('full_refresh') -%}
    {%- if asked is none -%}{%- set asked = flags.FULL_REFRESH -%}{%- endif -%}
    {%- if not asked and config.get('materialized') == 'incremental' -%}
        {%- set days = load_relation(this.incorporate(path={'identifier': 'int_days_to_build'})) -%}
        {%- set others = 'select count(*) from ' ~ days ~ ' where is_by_other_models' -%}
        {%- set asked = not days or run_query(others).columns[0].values()[0] > 0 -%}
    {%- endif -%}
    {%- do return(asked) -%}
{%- endmacro %}
