"""Bugs in the models that a run must notice; `python benchmarks/prove.py` plants each of them.

A mutation breaks one place of one file. It must change a mart of the simulated organization, so
that there is something to notice. A bug that no run can notice has a reason, `survives_because`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutation:
    """A bug: `old`, which occurs once in `file`, a path within dbt_project, becomes `new`."""

    description: str
    file: str
    old: str
    new: str
    survives_because: str = ""


MARTS = [
    Mutation(
        "A key has the name of its project.",
        "models/marts/openai__api_keys.sql",
        "    api_keys.api_key_name,",
        "    projects.project_name as api_key_name,",
    ),
    Mutation(
        "The spend of a budget is that of the most expensive day.",
        "models/marts/openai__budget_status.sql",
        "sum(unblended_cost) as unblended_cost,",
        "max(unblended_cost) as unblended_cost,",
    ),
    Mutation(
        "A budget counts as breached only at twice its amount.",
        "models/marts/openai__budget_status.sql",
        "when spent > budget then",
        "when spent > 2 * budget then",
    ),
    Mutation(
        "A join on the wrong id loses every anomaly.",
        "models/marts/openai__cost_anomalies.sql",
        "and spikes.scope_id = first_days.scope_id",
        "and spikes.scope_id = first_days.scope",
    ),
    Mutation(
        "The expected cost of the month is halved.",
        "models/marts/openai__cost_forecast.sql",
        "then forecasts.expected_month_end end",
        "then forecasts.expected_month_end / 2 end",
    ),
    Mutation(
        "The daily cost divides four weeks by seven days.",
        "models/marts/openai__credit_balance.sql",
        "ratio('sum(days.unblended_cost)', 'count(*)')",
        "ratio('sum(days.unblended_cost)', 7)",
    ),
    Mutation(
        "Credits run out a day early.",
        "models/marts/openai__credit_balance.sql",
        "'floor(with_pace.days_left + 0.000000001) + 1'",
        "'floor(with_pace.days_left + 0.000000001)'",
    ),
    Mutation(
        "The unit price is inverted.",
        "models/marts/openai__daily_costs_by_model.sql",
        "ratio('daily.cost_of_quantity', 'daily.quantity')",
        "ratio('daily.quantity', 'daily.cost_of_quantity')",
    ),
    Mutation(
        "The 15th of each month is missing by project.",
        "models/marts/openai__daily_costs_by_project.sql",
        "from {{ ref('int_openai__daily_costs_by_identity') }}",
        "from {{ ref('int_openai__daily_costs_by_identity') }} where extract(day from date) <> 15",
    ),
    Mutation(
        "Project names are shifted by one row.",
        "models/marts/openai__daily_costs_by_project.sql",
        "    projects.project_name,",
        "    lead(projects.project_name) over (order by daily.date, daily.project_id)"
        " as project_name,",
    ),
    Mutation(
        "The cost center is shown as the team.",
        "models/marts/openai__daily_costs_by_team.sql",
        "    daily.team,\n",
        "    coalesce(daily.cost_center, daily.team) as team,\n",
    ),
    Mutation(
        "User names are shifted by one row.",
        "models/marts/openai__daily_costs_by_user.sql",
        "    users.user_name,",
        "    lead(users.user_name) over (order by daily.date, daily.user_id) as user_name,",
    ),
    Mutation(
        "Output tokens are shown as input tokens.",
        "models/marts/openai__daily_usage.sql",
        "daily.{{ measure }},",
        "daily.{{ 'output_tokens' if measure == 'input_tokens' else measure }} as {{ measure }},",
    ),
    Mutation(
        "The charge period ends a day late.",
        "models/marts/openai__focus_costs.sql",
        "add_to_date('day', 1, 'charges.date')",
        "add_to_date('day', 2, 'charges.date')",
    ),
    Mutation(
        "The billing period lasts three months.",
        "models/marts/openai__focus_costs.sql",
        "add_to_date('month', 1, dbt",
        "add_to_date('month', 3, dbt",
    ),
    Mutation(
        "The list cost is halved.",
        "models/marts/openai__focus_costs.sql",
        "cast(charges.list_cost as {{ money() }})",
        "cast(charges.list_cost / 2 as {{ money() }})",
    ),
    Mutation(
        "The cached share is relative to the uncached tokens.",
        "models/marts/openai__model_efficiency.sql",
        "'coalesce(monthly.cached_input_tokens, 0)', 'monthly.input_tokens'",
        "'coalesce(monthly.cached_input_tokens, 0)', 'monthly.uncached_input_tokens'",
    ),
    Mutation(
        "The cost of a project is looked up among the keys, and is missing.",
        "models/marts/openai__projects.sql",
        "and seen.kind = 'project'",
        "and seen.kind = 'api_key'",
    ),
    Mutation(
        "A side that is too low counts as equal.",
        "models/marts/openai__reconciliation.sql",
        "when difference = 0 then 'equal'",
        "when difference <= 0 then 'equal'",
    ),
    Mutation(
        "The new cost of a restated day is its former cost.",
        "models/marts/openai__restatements.sql",
        "restatements.is_amount as is_cost",
        "restatements.was_amount as is_cost",
    ),
    Mutation(
        "The cost of all providers is that of the largest charge.",
        "models/marts/openai__unblended_costs_all_providers.sql",
        "cast(sum({{ cost }})",
        "cast(max({{ cost }})",
    ),
    Mutation(
        "The average price is inverted.",
        "models/marts/openai__unit_prices.sql",
        "ratio('sum(unblended_cost)', 'sum(priced_quantity)')",
        "ratio('sum(priced_quantity)', 'sum(unblended_cost)')",
    ),
    Mutation(
        "The usual price is that of the cheapest project.",
        "models/marts/openai__unit_prices.sql",
        "max(case when is_usual then usual_price end)",
        "min(usual_price)",
        "A run checks the usual price of each project, not which of them is the usual one; "
        "tests/recomputation notices it.",
    ),
    Mutation(
        "Users who are not listed are missing.",
        "models/marts/openai__users.sql",
        "    and users.project_id = projects.project_id",
        "    and users.project_id = projects.project_id\nwhere users.role is not null",
    ),
]

STAGING = [
    Mutation(
        "Each key belongs to the same owner.",
        "models/staging/stg_openai__api_keys.sql",
        "    owner_id,\n",
        "    max(owner_id) over () as owner_id,\n",
    ),
    Mutation(
        "Budgets are ten times too high.",
        "models/staging/stg_openai__budgets.sql",
        "{{ parse_amount('amount') }} as budget",
        "{{ parse_amount('amount') }} * 10 as budget",
    ),
    Mutation(
        "The open day counts as closed.",
        "models/staging/stg_openai__cost_days.sql",
        "    is_closed,",
        "    true as is_closed,",
    ),
    Mutation(
        "A restatement is dated on the day on which it was seen.",
        "models/staging/stg_openai__cost_restatements.sql",
        "    date,",
        "    seen_on as date,",
    ),
    Mutation(
        "Quantities are a thousand times too low.",
        "models/staging/stg_openai__costs.sql",
        "then quantity end as quantity",
        "then quantity / 1000 end as quantity",
    ),
    Mutation(
        "One user has all costs of a day.",
        "models/staging/stg_openai__costs_by_user.sql",
        "nullif(user_id, '') as user_id",
        "min(user_id) over (partition by organization_id, date) as user_id",
    ),
    Mutation(
        "A correction of a credit grant adds to it.",
        "models/staging/stg_openai__credit_grants.sql",
        "{{ parse_amount('amount') }} as amount",
        "abs({{ parse_amount('amount') }}) as amount",
    ),
    Mutation(
        "Invoices with credits are missing.",
        "models/staging/stg_openai__invoices.sql",
        "where trim(coalesce(organization_id, '')) not like '#%'",
        "where trim(coalesce(organization_id, '')) not like '#%' and credits <> '250.00'",
    ),
    Mutation(
        "A trimmed day that was loaded again counts twice.",
        "models/staging/stg_openai__trimmed_costs.sql",
        "where ledger.date is null",
        "",
        "The simulated organization has no removed days; a unit test of the model notices it.",
    ),
    Mutation(
        "The listed id is that of the project.",
        "models/staging/stg_openai__listed.sql",
        "    id,",
        "    project_id as id,",
    ),
    Mutation(
        "Everything that is listed counts as deleted.",
        "models/staging/stg_openai__listings.sql",
        "    {{ utc('listed_at') }} as listed_at,",
        "    {{ utc('listed_at') }} + interval 1 day as listed_at,",
    ),
    Mutation(
        "A project's name is its id.",
        "models/staging/stg_openai__projects.sql",
        "nullif(name, '') as project_name",
        "id as project_name",
    ),
    Mutation(
        "A service account's name is its role.",
        "models/staging/stg_openai__service_accounts.sql",
        "nullif(name, '') as user_name",
        "role as user_name",
    ),
    Mutation(
        "Limits are read in cents.",
        "models/staging/stg_openai__spend_limits.sql",
        "    threshold_amount,",
        "    threshold_amount / 100 as threshold_amount,",
    ),
    Mutation(
        "Service accounts have no team.",
        "models/staging/stg_openai__teams.sql",
        "case when kind = 'service_account' then 'user' else kind end as kind_of_id",
        "kind as kind_of_id",
    ),
    Mutation(
        "Input tokens count as output tokens.",
        "models/staging/stg_openai__usage.sql",
        "output_tokens='output_tokens',",
        "output_tokens='input_tokens',",
    ),
    Mutation(
        "The ledger of usage omits completions.",
        "models/staging/stg_openai__usage_days.sql",
        "from {{ source_or_empty('usage_days') }} as usage_days",
        "from {{ source_or_empty('usage_days') }} as usage_days where kind <> 'completions'",
    ),
    Mutation(
        "A user's name is the e-mail address.",
        "models/staging/stg_openai__users.sql",
        "coalesce(nullif(name, ''), {{ readable_email('email') }})",
        "{{ readable_email('email') }}",
    ),
]

FACTS = [
    Mutation(
        "Costs without a user lose their project.",
        "models/intermediate/facts/int_openai__daily_costs_by_identity.sql",
        "    project_id,\n    user_id,\n    api_key_id,\n    currency,\n    grouped_by,\n    cast",
        "    case when user_id is not null then project_id end as project_id,\n"
        "    user_id,\n    api_key_id,\n    currency,\n    grouped_by,\n    cast",
    ),
    Mutation(
        "The quantity of a line item is that of its largest charge.",
        "models/intermediate/facts/int_openai__daily_costs_by_line_item.sql",
        "cast(sum(quantity) as",
        "cast(max(quantity) as",
    ),
    Mutation(
        "The usage of batches is missing.",
        "models/intermediate/facts/int_openai__daily_usage.sql",
        "where {{ is_to_build('organization_id', 'date') }}",
        "where {{ is_to_build('organization_id', 'date') }} and not coalesce(is_batch, false)",
    ),
    Mutation(
        "The check of teams is not part of the daily checks.",
        "models/intermediate/facts/int_openai__daily_checks.sql",
        "    ref('int_openai__check_teams'): by_item,\n",
        "",
    ),
    Mutation(
        "A list price applies a day late.",
        "models/intermediate/facts/int_openai__focus_charges.sql",
        "charges.date >= prices.valid_from\n        and charges.date < prices.valid_until",
        "charges.date > prices.valid_from\n        and charges.date <= prices.valid_until",
    ),
    Mutation(
        "The price of a project is inverted.",
        "models/intermediate/facts/int_openai__project_prices.sql",
        "ratio('unblended_cost', 'priced_quantity')",
        "ratio('priced_quantity', 'unblended_cost')",
    ),
]

ATTRIBUTION = [
    Mutation(
        "Costs with a key belong to no project.",
        "models/intermediate/attribution/int_openai__attributed_daily_costs.sql",
        "    spend.project_id,",
        "    case when spend.api_key_id is null then spend.project_id end as project_id,",
    ),
    Mutation(
        "A cost belongs to the latest owner of its key.",
        "models/intermediate/people/int_openai__key_owner_periods.sql",
        "    where place = 1\n",
        "    where place = 1 and listed_on = (\n"
        "        select max(latest.listed_on) from versions as latest\n"
        "        where latest.api_key_id = versions.api_key_id\n"
        "    )\n",
    ),
    Mutation(
        "A project's team takes precedence over the team of a key.",
        "models/intermediate/attribution/int_openai__charge_teams.sql",
        "coalesce(keys.team, people.team, projects.team)",
        "coalesce(projects.team, people.team, keys.team)",
    ),
    Mutation(
        "Charges without a key are missing.",
        "models/intermediate/attribution/int_openai__charges.sql",
        "left join {{ ref('int_openai__key_owner_periods') }}",
        "inner join {{ ref('int_openai__key_owner_periods') }}",
    ),
    Mutation(
        "Days with a separate response by user count twice.",
        "models/intermediate/attribution/int_openai__user_charges.sql",
        "where days_by_user.date is null\n",
        "",
    ),
    Mutation(
        "The owner of the key takes precedence over the reported user.",
        "macros/attribution.sql",
        "coalesce({{ charges }}.user_id, {{ owners }}.owner_id) as user_id",
        "coalesce({{ owners }}.owner_id, {{ charges }}.user_id) as user_id",
    ),
]

LINE_ITEMS = [
    Mutation(
        "Each tier is the standard tier.",
        "models/intermediate/line_items/int_openai__daily_costs_with_dimensions.sql",
        "    dimensions.tier,",
        "    case when dimensions.tier is not null then 'standard' end as tier,",
    ),
    Mutation(
        "Thousands of tokens count as tokens.",
        "macros/tokens.sql",
        "when '1000_tokens' then 1000 end",
        "when '1000_tokens' then 1 end",
    ),
    Mutation(
        "A long context has the SKU of a short one, and the reverse.",
        "models/intermediate/line_items/int_openai__focus_skus.sql",
        "case when context = 'long' then",
        "case when context <> 'long' then",
    ),
    Mutation(
        "Audio models count as images.",
        "models/intermediate/line_items/int_openai__line_item_dimensions.sql",
        "('%audio%', 'Audio')",
        "('%audio%', 'Images')",
    ),
    Mutation(
        "The pricing unit is the unit of consumption.",
        "models/intermediate/line_items/int_openai__line_item_units.sql",
        "coalesce(units.pricing_unit,",
        "coalesce(units.consumed_unit,",
    ),
    Mutation(
        "A tier before the model is ignored.",
        "models/intermediate/line_items/int_openai__line_items.sql",
        "coalesce(words.tier, token_lines.tier, 'standard')",
        "coalesce(token_lines.tier, 'standard')",
    ),
]

PRICES = [
    Mutation(
        "List prices are ten times too high.",
        "models/intermediate/prices/int_openai__list_prices.sql",
        "        prices.price,\n",
        "        prices.price * 10 as price,\n",
    ),
    Mutation(
        "The previous price is the new price.",
        "models/intermediate/prices/int_openai__price_changes.sql",
        "max(case when is_change = 1 then price_before end)",
        "max(case when is_change = 1 then usual_price end)",
    ),
    Mutation(
        "A public price of tokens stays valid after the next one.",
        "models/intermediate/prices/int_openai__token_list_prices.sql",
        "        {{ next_value('valid_from', "
        "'partition by sku_price_id, currency order by valid_from') }},\n",
        "",
    ),
    Mutation(
        "The price of a million tokens is that of a thousand.",
        "models/intermediate/prices/int_openai__priced_charges.sql",
        "when 'tokens' then '0.000001'",
        "when 'tokens' then '0.001'",
    ),
    Mutation(
        "The saving by caching adds the cost.",
        "models/intermediate/prices/int_openai__savings.sql",
        "* uncached_price - cast",
        "* uncached_price + cast",
    ),
    Mutation(
        "The standard price is that of the batch tier.",
        "models/intermediate/prices/int_openai__token_prices.sql",
        "when tier = 'standard' then unblended_cost",
        "when tier = 'batch' then unblended_cost",
    ),
]

PLANS = [
    Mutation(
        "A budget counts the months before its own.",
        "models/intermediate/plans/int_openai__budget_days.sql",
        "and budgets.month = days.month",
        "and budgets.month >= days.month",
    ),
    Mutation(
        "The limit of a project is compared with the costs of the organization.",
        "models/intermediate/plans/int_openai__budgets.sql",
        "then 'organization' else 'project' end as scope,\n"
        "        coalesce(limits.project_id, limits.organization_id) as scope_id",
        "then 'organization' else 'organization' end as scope,\n"
        "        limits.organization_id as scope_id",
    ),
    Mutation(
        "A credit grant applies a day late.",
        "models/intermediate/plans/int_openai__credit_balances.sql",
        "days.date >= grants.granted_on",
        "days.date > grants.granted_on",
    ),
    Mutation(
        "Spending increases the credit balance.",
        "models/intermediate/plans/int_openai__credit_balances.sql",
        "difference('granted.granted', 'missing.spent')",
        "difference('granted.granted', '-missing.spent')",
    ),
    Mutation(
        "Credits are reduced by the costs of each user.",
        "models/intermediate/plans/int_openai__credit_days.sql",
        "where scope = 'organization'",
        "where scope = 'user'",
    ),
    Mutation(
        "The forecast includes the first day of the next month.",
        "models/intermediate/plans/int_openai__projected_daily_costs.sql",
        "< points.next_month",
        "<= points.next_month",
    ),
    Mutation(
        "The open day is expected to cost what is billed so far.",
        "models/intermediate/plans/int_openai__expected_daily_costs.sql",
        "max(expected_cost) as expected_cost",
        "min(expected_cost) as expected_cost",
    ),
    Mutation(
        "The forecast is made from the open day.",
        "models/intermediate/plans/int_openai__forecast_points.sql",
        "    where is_closed\n",
        "",
    ),
    Mutation(
        "The forecast omits the cost of the last closed day.",
        "models/intermediate/plans/int_openai__forecasts.sql",
        "costs.date <= points.as_of",
        "costs.date < points.as_of",
    ),
    Mutation(
        "The costs of users ignore the separate response by user.",
        "models/intermediate/plans/int_openai__scoped_costs.sql",
        "'int_openai__user_charges'",
        "'int_openai__attributed_daily_costs'",
    ),
    Mutation(
        "Only limits that are no longer listed apply.",
        "models/intermediate/plans/int_openai__spend_limits.sql",
        "and not listed.is_deleted",
        "and listed.is_deleted",
    ),
    Mutation(
        "The currencies in which an organization is billed are unknown.",
        "models/intermediate/plans/int_openai__unknown_scopes.sql",
        "when currencies.id is null",
        "when currencies.id is not null",
    ),
    Mutation(
        "The usual cost of a weekday is that of the next weekday.",
        "models/intermediate/plans/int_openai__weekday_levels.sql",
        "mod(days.age, 7) as weekday",
        "mod(days.age + 1, 7) as weekday",
    ),
]

ANOMALIES = [
    Mutation(
        "Only costs below the minimum are anomalies.",
        "models/intermediate/anomalies/int_openai__cost_spikes.sql",
        "scored.excess_as_double >= scored.minimum",
        "scored.excess_as_double < scored.minimum",
    ),
    Mutation(
        "The effects of price and volume are swapped.",
        "models/intermediate/anomalies/int_openai__spike_causes.sql",
        "as volume_effect,\n    coalesce(sum(cost - cost_at_earlier_price), 0) as price_effect",
        "as price_effect,\n    coalesce(sum(cost - cost_at_earlier_price), 0) as volume_effect",
        "A run checks which anomalies there are and what they cost, not their causes; "
        "tests/recomputation notices it.",
    ),
    Mutation(
        "The usual cost is the highest cost.",
        "models/intermediate/anomalies/int_openai__usual_costs.sql",
        "2 * place in (weeks, weeks + 1)",
        "place = weeks",
    ),
    Mutation(
        "Projects are not compared with earlier weeks.",
        "models/intermediate/anomalies/int_openai__comparable_costs.sql",
        "costs.scope in ('organization', 'project')\n    or (costs.scope <> 'team' and",
        "costs.scope = 'organization'\n    or (costs.scope not in ('team', 'project') and",
    ),
    Mutation(
        "An anomaly must exceed the usual cost by the organization's whole average day.",
        "models/intermediate/anomalies/int_openai__anomaly_minimums.sql",
        "{{ var('anomaly_minimum_share') }} * coalesce(cost, 0)",
        "coalesce(cost, 0)",
    ),
    Mutation(
        "A day is compared with the days before it, not with the same weekdays.",
        "models/intermediate/anomalies/int_openai__weekday_history.sql",
        "'-7 * weeks.generated_number'",
        "'-1 * weeks.generated_number'",
    ),
]

PEOPLE = [
    Mutation(
        "The region is the whole residency.",
        "models/intermediate/people/int_openai__project_regions.sql",
        "then replace(residency, '_STORAGE_PROCESSING', '')",
        "then residency",
    ),
    Mutation(
        "The owners of keys are shifted by one key.",
        "models/intermediate/people/int_openai__api_keys.sql",
        "    listed.owner_id,\n",
        "    lead(listed.owner_id) over (order by listed.api_key_id) as owner_id,\n",
    ),
    Mutation(
        "The cost of an id is that of its most expensive day.",
        "models/intermediate/people/int_openai__first_and_last_seen.sql",
        "sum(unblended_cost) as unblended_cost,",
        "max(unblended_cost) as unblended_cost,",
    ),
    Mutation(
        "Trimmed days count for users twice.",
        "models/intermediate/people/int_openai__trimmed_costs.sql",
        "trimmed.is_by_user or days_by_user.date is null",
        "trimmed.date is not null",
        "The simulated organization has no removed days; a unit test of the model notices it.",
    ),
    Mutation(
        "A user belongs to the project of a key.",
        "models/intermediate/people/int_openai__key_owners.sql",
        "max(case when owner_type = 'service_account' then project_id end) as project_id",
        "max(project_id) as project_id",
    ),
    Mutation(
        "A charge has the latest name of its project.",
        "models/intermediate/people/int_openai__name_periods.sql",
        "cast(valid_from as date) as listed_on,",
        "cast('{{ earliest_day() }}' as date) as listed_on,",
    ),
    Mutation(
        "An earlier name of a project is its id.",
        "models/intermediate/people/int_openai__name_versions.sql",
        "        project_name as name,",
        "        project_id as name,",
    ),
    Mutation(
        "The latest name is the first name.",
        "models/intermediate/people/int_openai__latest_names.sql",
        "order by valid_from desc, name desc",
        "order by valid_from, name",
    ),
    Mutation(
        "An id in the latest listing counts as deleted.",
        "models/intermediate/people/int_openai__listed.sql",
        "listed.listed_at < listings.listed_at",
        "listed.listed_at <= listings.listed_at",
    ),
    Mutation(
        "The name of an organization is its id.",
        "models/intermediate/people/int_openai__organizations.sql",
        "coalesce(named.organization_name, organizations.organization_id)",
        "organizations.organization_id",
    ),
    Mutation(
        "Archived projects are missing.",
        "models/intermediate/people/int_openai__projects.sql",
        "    and listed.project_id = charged.project_id",
        "    and listed.project_id = charged.project_id\nwhere listed.status = 'active'",
    ),
    Mutation(
        "The type of a service account is that of a user.",
        "models/intermediate/people/int_openai__users.sql",
        "case when accounts.user_id is not null then 'service_account' end,\n"
        "        owners.user_type,\n",
        "",
    ),
]

USAGE = [
    Mutation(
        "Rows of usage count as requests.",
        "models/intermediate/usage/int_openai__monthly_requests.sql",
        "sum(used.requests) as requests",
        "count(*) as requests",
    ),
    Mutation(
        "Output tokens are input tokens.",
        "models/intermediate/usage/int_openai__monthly_tokens.sql",
        "sum(case when meter = 'output' then tokens end)",
        "sum(case when meter = 'input' then tokens end)",
    ),
]

CHECKS = [
    Mutation(
        "The API's total of a day is compared with itself.",
        "models/intermediate/checks/int_openai__check_api_totals.sql",
        "cast(row_amount as {{ money() }}) as actual",
        "api_amount as actual",
    ),
    Mutation(
        "The check of focus_costs compares it with itself.",
        "models/intermediate/checks/int_openai__check_charges.sql",
        "        organization_id,\n"
        "        cast(date as {{ timestamp_type() }}) as charge_period_start,\n"
        "        currency,\n"
        "        {{ dimensions | join(', ') }},\n"
        "        amount as expected,\n"
        "        cast(0 as {{ money() }}) as actual\n"
        "    from {{ ref('int_openai__expected_charges') }}\n",
        "        BillingAccountId as organization_id,\n"
        "        ChargePeriodStart as charge_period_start,\n"
        "        BillingCurrency as currency,\n"
        "        {% for name in dimensions %}{{ dimensions[name] }} as {{ name }},{% endfor %}\n"
        "        BilledCost as expected,\n"
        "        cast(0 as {{ money() }}) as actual\n"
        "    from {{ ref('openai__focus_costs') }}\n",
    ),
    Mutation(
        "A list cost may differ by any amount.",
        "models/intermediate/checks/int_openai__check_list_prices.sql",
        "0.000000001 * compared.expected_cost",
        "1000 * compared.expected_cost",
    ),
    Mutation(
        "Names are compared with themselves.",
        "models/intermediate/checks/int_openai__check_names.sql",
        "<> coalesce({{ kind }}s.name, mart.{{ id }}, '')",
        "<> coalesce(mart.{{ name }}, '')",
    ),
    Mutation(
        "All usage counts as equal.",
        "models/intermediate/checks/int_openai__check_usage.sql",
        "            else 0\n        end as is_equal",
        "            else 1\n        end as is_equal",
    ),
    Mutation(
        "Months are not compared with their invoices.",
        "models/intermediate/checks/int_openai__checks.sql",
        "    ref('int_openai__check_invoices'): dict(\n"
        "        approximate, check_name=\"'month equals its invoice'\", period=\"'month'\","
        " period_start='month',\n        currency='currency'\n    ),\n",
        "",
    ),
]

MUTATIONS = [
    *(*MARTS, *STAGING, *FACTS, *ATTRIBUTION, *LINE_ITEMS, *PRICES, *PLANS, *ANOMALIES),
    *(*PEOPLE, *USAGE, *CHECKS),
]
