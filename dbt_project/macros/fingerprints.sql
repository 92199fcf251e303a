{#
    Two fingerprints name the version of this project that a day comes from. `built_by` covers what determines the
    facts: their models, the macros that these use, and the seeds that they read. `checked_by` covers everything:
    marts, tests, macros, variables and the seeds that people fill in. A change of `built_by` builds all days again, a
    change of `checked_by` checks all days again. Only nodes of this package count.
#}

{# The column of `int_openai__loaded_days` with the fingerprint that a fact, or `tests`, must have. #}
{% macro fingerprint_of(fact) -%}
    {%- do return('checked_by' if fact in ('int_openai__daily_checks', 'tests') else 'built_by') -%}
{%- endmacro %}

{% macro built_by() -%}
    {#- The list of loaded days contains the fingerprints: it determines which days are built, not their contents. -#}
    {%- set loaded_days = 'model.openai_costs.int_openai__loaded_days' -%}
    {%- set nodes, macros, parts, seeds = {loaded_days: none}, {}, [], [] -%}
    {%- for fact in facts() if fingerprint_of(fact) == 'built_by' -%}
        {%- set node = graph.nodes['model.openai_costs.' ~ fact] -%}
        {%- do nodes.update({node.unique_id: node}) -%}
        {%- do add_ancestors(node, nodes) -%}
    {%- endfor -%}
    {%- for node in nodes.values() if node and node.package_name == 'openai_costs' -%}
        {%- if node.resource_type == 'seed' -%}{%- do seeds.append(node.name) -%}{%- endif -%}
        {%- if node.resource_type == 'model' -%}
            {%- do parts.append(node.name ~ node.checksum.checksum) -%}
            {%- do add_macros(node.depends_on.macros, macros) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for name, text in macros.items() -%}{%- do parts.append(name ~ text) -%}{%- endfor -%}
    {{ local_md5(parts | sort | join ~ rows_of_seeds(seeds)) }}
{%- endmacro %}

{% macro checked_by() -%}
    {{ project_fingerprint() }}/{{ local_md5(rows_of_seeds()) }}
{%- endmacro %}

{# The part of `checked_by` that needs no warehouse: the files and variables of the project. #}
{% macro project_fingerprint() -%}
    {%- set parts = [] -%}
    {%- for name in openai_costs -%}{%- do parts.append(name ~ openai_costs[name].macro.macro_sql) -%}{%- endfor -%}
    {%- for node in graph.get('nodes', {}).values() if node.package_name == 'openai_costs' -%}
        {%- do parts.append(node.unique_id ~ node.checksum.checksum ~ node.config) -%}
        {#- dbt computes no hash of the contents of a seed that is larger than a megabyte. -#}
        {%- if node.checksum.name == 'path' -%}{%- do parts.append(invocation_id) -%}{%- endif -%}
    {%- endfor -%}
    {%- for name in project_variables() -%}{%- do parts.append(name ~ var(name)) -%}{%- endfor -%}
    {{ local_md5(parts | sort | join) }}
{%- endmacro %}

{# The names of the variables that dbt_project.yml declares. #}
{% macro project_variables() -%}
    {%- do return([
        'raw_schema', 'raw_database', 'lake', 'other_focus_tables', 'unparsed_share_allowed',
        'list_prices_checked_on', 'list_prices_days_allowed', 'tokens_tolerance', 'invoice_tolerance',
        'prepaid_organizations', 'reconciliation_severity', 'anomaly_score', 'anomaly_minimum',
        'anomaly_minimum_share', 'plans_enabled', 'usage_enabled', 'semantic_layer_enabled',
        'time_spine_enabled',
    ]) -%}
{%- endmacro %}

{# Adds the texts of the macros of this package that have these ids, and of those that they call, by their names. #}
{% macro add_macros(ids, macros) -%}
    {%- for id in ids if id.startswith('macro.openai_costs.') -%}
        {%- set name = id.split('.')[2] -%}
        {%- if name not in macros -%}
            {%- do macros.update({name: openai_costs[name].macro.macro_sql}) -%}
            {%- do add_macros(openai_costs[name].macro.depends_on.macros, macros) -%}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}

{#
    The rows of these seeds, or of all, as text. They are read from the tables, not the files: `dbt run` uses what the
    last `dbt seed` loaded.
#}
{% macro rows_of_seeds(names=none) -%}
    {%- set plans = ['budgets', 'credit_grants'] if var('plans_enabled') else [] -%}
    {%- set seeds = [] -%}
    {%- for name in [
        'line_item_tiers', 'line_item_tools', 'token_meters', 'quantity_units', 'list_prices', 'invoices', 'teams',
    ] + plans -%}
        {%- do seeds.append(ref('openai_costs', name)) -%}
    {%- endfor -%}
    {%- set rows = [] -%}
    {%- for seed in seeds if execute and (names is none or seed.identifier in names) and load_relation(seed) -%}
        {%- for row in run_query('select * from ' ~ seed).rows -%}
            {%- do rows.append(seed.identifier ~ row.values() | map('string') | join('|')) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ rows | sort | join('\n') }}
{%- endmacro %}
