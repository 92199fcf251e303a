{#
    `int_openai__built_days` records, per fact, the load and the fingerprint that each of its days was built from. A
    fact writes its own rows, in the same transaction that replaces its days if the engine has transactions. A fact
    therefore never skips a day, whatever the selection or order of dbt commands. The rows of `tests` are the days
    that passed the tests.
#}

{# The names of the facts: the models that this project tags `fact`. #}
{% macro facts() -%}
    {%- set names = [] -%}
    {%- for node in graph.get('nodes', {}).values() if node.resource_type == 'model' -%}
        {%- if 'fact' in node.tags and node.package_name == 'openai_costs' -%}
            {%- do names.append(node.name) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- do return(names | sort) -%}
{%- endmacro %}

{#
    Runs after a fact is built: records the loads in `int_openai__loaded_days` as built, if everything that the fact
    reads comes from them.
#}
{% macro mark_as_built() -%}
    {%- set loaded = ref('int_openai__loaded_days') -%}
    {%- set built = ref('int_openai__built_days') -%}
    {%- if execute -%}
        {{ replace_built_days(built, loaded, model.name, is_built_from_loaded_days()) }}
    {%- endif -%}
{%- endmacro %}

{#
    Runs at the end of a run: records that all days passed the tests, if all facts are complete and every test with
    the tag `daily` passed. Results of a project that uses this one as a package do not count.
#}
{% macro mark_as_tested(results) -%}
    {%- set passed = [] -%}
    {%- for result in results if result.status in ('pass', 'warn') -%}
        {%- do passed.append(result.node.unique_id) -%}
    {%- endfor -%}
    {%- set daily, missing = [], [] -%}
    {%- for node in graph.get('nodes', {}).values() if node.resource_type == 'test' and 'daily' in node.tags -%}
        {%- if node.package_name == 'openai_costs' -%}
            {%- do daily.append(node.name) -%}
            {%- if node.unique_id not in passed -%}{%- do missing.append(node.name) -%}{%- endif -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if execute and daily and not missing and not flags.EMPTY and is_complete(facts()) -%}
        {%- set built = relation_of_model('int_openai__built_days') -%}
        {{ replace_built_days(built, relation_of_model('int_openai__loaded_days'), 'tests', true) }}
    {%- endif -%}
{%- endmacro %}

{# True if none of these facts has days to build. #}
{% macro is_complete(facts) -%}
    {%- if not facts -%}{%- do return(true) -%}{%- endif -%}
    {%- set days = "select count(*) from " ~ relation_of_model('int_openai__days_to_build')
        ~ " where fact in ('" ~ facts | join("', '") ~ "')" -%}
    {%- do return(run_query(days).columns[0].values()[0] == 0) -%}
{%- endmacro %}

{#
    True if everything that this fact reads comes from the loads in `int_openai__loaded_days`: no upstream fact has
    days to build, and this run built the upstream tables and, if another version of the models built this fact
    before, the upstream views.
#}
{% macro is_built_from_loaded_days() -%}
    {%- if flags.EMPTY -%}{%- do return(false) -%}{%- endif -%}
    {%- set ancestors = {} -%}
    {%- do add_ancestors(model, ancestors) -%}
    {%- set are_views_known = not is_by_other_models() -%}
    {%- set others = facts() + ['int_openai__built_days', 'int_openai__loaded_days'] -%}
    {%- for node in ancestors.values() if node.resource_type == 'model' and node.name not in others -%}
        {%- set is_known = node.config.materialized == 'view' and are_views_known -%}
        {%- if not is_known and node.unique_id not in selected_resources -%}{%- do return(false) -%}{%- endif -%}
    {%- endfor -%}
    {%- do return(is_complete(facts() | select('in', ancestors.values() | map(attribute='name') | list) | list)) -%}
{%- endmacro %}

{# Adds the ancestors of a node to `ancestors`, by their ids. #}
{% macro add_ancestors(node, ancestors) -%}
    {%- for id in node.depends_on.nodes if id in graph.nodes and id not in ancestors -%}
        {%- do ancestors.update({id: graph.nodes[id]}) -%}
        {%- do add_ancestors(graph.nodes[id], ancestors) -%}
    {%- endfor -%}
{%- endmacro %}

{# Replaces all rows of a fact in `int_openai__built_days` with the rows of `int_openai__loaded_days`, or with none. #}
{% macro replace_built_days(built, loaded, fact, is_built) -%}
    {{ adapter.dispatch('replace_built_days', 'openai_costs')(built, loaded, fact, is_built) }}
{%- endmacro %}

{% macro default__replace_built_days(built, loaded, fact, is_built) -%}
    {%- do run_query("delete from " ~ built ~ " where fact = '" ~ fact ~ "'") -%}
    insert into {{ built }} (organization_id, date, kind, loaded_at, fingerprint, fact)
    {{ built_days(loaded, fact, is_built) }}
{%- endmacro %}

{% macro built_days(loaded, fact, is_built) -%}
    select organization_id, date, kind, loaded_at, {{ fingerprint_of(fact) }} as fingerprint, '{{ fact }}' as fact
    from {{ loaded }}
    {{ 'where 1 = 0' if not is_built }}
{%- endmacro %}

{# True if another or an unknown version of the models built this fact before this run. #}
{% macro is_by_other_models() -%}
    {%- if not is_cached_in_this_run('is_by_other_models') -%}
        {%- set built = relation_of_model('int_openai__built_days') -%}
        {%- set by_these_models = "select count(*) from " ~ built ~ " where fact = '" ~ model.name
            ~ "' and fingerprint in (select " ~ fingerprint_of(model.name) ~ " from "
            ~ relation_of_model('int_openai__loaded_days') ~ ")" -%}
        {%- set number = run_query(by_these_models).columns[0].values()[0] if load_relation(built) -%}
        {%- do graph.nodes[model.unique_id].update({'is_by_other_models': [invocation_id, not number]}) -%}
    {%- endif -%}
    {%- do return(graph.nodes[model.unique_id].is_by_other_models[1]) -%}
{%- endmacro %}

{# True if this run cached the value `name` of this node: dbt evaluates these macros many times per node. #}
{% macro is_cached_in_this_run(name) -%}
    {%- do return((graph.nodes[model.unique_id].get(name) or [none])[0] == invocation_id) -%}
{%- endmacro %}

{#
    True if a relation has exactly the columns that its model declares; another version of the model may have built it
    with other columns.
#}
{% macro has_declared_columns(relation, node) -%}
    {#- Reading the columns from DuckDB's catalog would plan all views. -#}
    {%- set existing = run_query('select * from ' ~ relation ~ ' where 1 = 0').column_names -%}
    {%- do return(existing | map('lower') | sort == node.columns.keys() | map('lower') | sort) -%}
{%- endmacro %}

{#
    Overrides dbt's macro: also true for an incremental model whose table has other columns, for a fact that another
    version of the models built, as a changed parser affects all days, and for a seed with a new column in its file.
#}
{% macro should_full_refresh() -%}
    {%- set configured = config.get('full_refresh') -%}
    {%- set is_full = flags.FULL_REFRESH if configured is none else configured -%}
    {%- if not is_full and config.get('materialized') == 'incremental' and load_relation(this) -%}
        {%- if not is_cached_in_this_run('is_of_another_version') -%}
            {%- set is_of_another = not has_declared_columns(this, model) -%}
            {%- do graph.nodes[model.unique_id].update({'is_of_another_version': [invocation_id, is_of_another]}) -%}
        {%- endif -%}
        {%- set is_full = graph.nodes[model.unique_id].is_of_another_version[1]
            or (model.name in facts() and is_by_other_models()) -%}
    {%- endif -%}
    {%- if not is_full and model.resource_type == 'seed' and load_relation(this) -%}
        {%- set existing = run_query('select * from ' ~ this ~ ' where 1 = 0').column_names | map('lower') | list -%}
        {%- set is_full = load_agate_table().column_names | map('lower') | reject('in', existing) | list | length > 0 -%}
    {%- endif -%}
    {%- do return(is_full) -%}
{%- endmacro %}
