{#
    Drops the tables and views that earlier versions built and this version does not build. In a project that installs
    this one as a package, a relation with such a name may be its own: there, nothing is dropped.
#}
{% macro drop_retired() -%}
    {%- set retired = {
        'stg_openai__costs': [
            'stg_api_keys', 'stg_budgets', 'stg_costs', 'stg_credit_grants', 'stg_invoices', 'stg_listed',
            'stg_listings', 'stg_projects', 'stg_service_accounts', 'stg_spend_limits', 'stg_team_faults',
            'stg_teams', 'stg_usage', 'stg_usage_days', 'stg_users',
        ],
        'int_openai__loaded_days': [
            'int_api_keys', 'int_attributed_spend', 'int_budget_days', 'int_budgets', 'int_built_days',
            'int_charge_teams', 'int_charges', 'int_check_api_totals', 'int_check_invoices',
            'int_check_marts', 'int_check_tokens', 'int_check_users', 'int_checks', 'int_cost_spikes',
            'int_credit_days', 'int_daily_checks', 'int_daily_sales', 'int_daily_spend', 'int_daily_usage',
            'int_days_to_build', 'int_expected_days', 'int_focus_charges', 'int_focus_skus',
            'int_forecast_points', 'int_forecasts', 'int_ledger_months', 'int_line_items',
            'int_list_prices', 'int_loaded_days', 'int_lost_credits', 'int_monthly_requests',
            'int_monthly_tokens', 'int_names', 'int_organizations', 'int_price_changes',
            'int_priced_charges', 'int_project_prices', 'int_projects', 'int_sales', 'int_savings',
            'int_scoped_costs', 'int_sightings', 'int_skus', 'int_sold_units', 'int_spike_causes',
            'int_token_prices', 'int_tokens_used', 'int_user_charges', 'int_users', 'int_usual_costs',
            'int_weekday_levels', 'int_weekdays_before', 'last_build', 'metricflow_time_spine',
            'int_openai__check_marts', 'int_openai__check_users',
        ],
    } -%}
    {%- for neighbor, names in retired.items() if execute and project_name == 'openai_costs' -%}
        {%- set schema = relation_of_model(neighbor) -%}
        {%- for name in names -%}
            {%- set relation = adapter.get_relation(schema.database, schema.schema, name) -%}
            {%- if relation -%}{%- do adapter.drop_relation(relation) -%}{%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
{%- endmacro %}
