"""Bugs that the test suite must catch; each is planted in its own copy of the project.

    python tests/mutations.py                 all mutations
    python tests/mutations.py --only Slack    those with this text in their description
    python tests/mutations.py --unmutated     each selection of tests once, on the unchanged code
    python tests/mutations.py --jobs 2        two runs of pytest at a time

Prints one line per run, with the test that failed. Exits with 1 unless every mutation is caught,
or with --unmutated, unless every selection passes.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
PYTEST = ("-m", "pytest", "-x", "-q", "--numprocesses", "0")
TIMEOUT_SECONDS = 1800


@dataclass(frozen=True)
class Mutation:
    """A bug: `old`, which occurs once in `file`, becomes `new`. `tests` are pytest's arguments."""

    description: str
    file: str
    old: str
    new: str
    tests: str


MUTATIONS = [
    # Days: transactions, ledgers, finality
    Mutation(
        "Rows and ledger of a load are merged in separate transactions.",
        "openai_costs_source/extract/replace_days.py",
        "if not together or not completed_table_chain_jobs:",
        "if together or not completed_table_chain_jobs:",
        "tests/faults/test_faults.py -k between_two_statements",
    ),
    Mutation(
        "A resource with a limit or filter is loaded.",
        "openai_costs_source/extract/resource_changes.py",
        "if not isinstance(step, MapItem | MetricsItem):",
        "if not step:",
        "tests/faults/test_dlt_operations.py -k could_double_or_lose",
    ),
    Mutation(
        "A load that was killed is resumed, and its files are loaded twice.",
        "openai_costs_source/extract/interrupted_load.py",
        "pipeline.abort_packages(load_id)",
        "pipeline.get_load_package_state(load_id)",
        "tests/faults/test_dlt_operations.py -k killed_load_is_aborted",
    ),
    Mutation(
        "A load that another process still runs is aborted.",
        "openai_costs_source/extract/interrupted_load.py",
        "if not lock_working_directory(pipeline.working_dir):",
        "if not pipeline.working_dir:",
        "tests/faults/test_dlt_operations.py -k still_runs",
    ),
    Mutation(
        "The lock of a complete load is not released.",
        "openai_costs_source/extract/replace_days.py",
        "        if self._is_complete:",
        "        if not self.config:",
        "tests/engines/test_postgres.py -k do_not_wait",
    ),
    Mutation(
        "Two loads at once share the staging tables on PostgreSQL.",
        "openai_costs_source/extract/replace_days.py",
        'if self.config.destination_type == "postgres":',
        "if not self.config:",
        "tests/engines/test_postgres.py -k load_at_once",
    ),
    Mutation(
        "A day that is in the ledger and in the rows twice is not loaded again.",
        "openai_costs_source/extract/ledger.py",
        " OR SUM(in_ledger) > 1",
        "",
        "tests/faults/test_faults.py -k however_old",
    ),
    Mutation(
        "A day whose rows and ledger disagree is not loaded again.",
        "openai_costs_source/extract/load_state.py",
        "for day in (*not_final, *mismatched)",
        "for day in not_final",
        "tests/faults/test_faults.py -k disagree",
    ),
    Mutation(
        "Days that were dropped at the destination are not loaded again.",
        "openai_costs_source/extract/costs.py",
        "mismatched |= load_state.missing_costs(loaded)",
        "pass",
        "tests/faults/test_faults.py -k 'refresh or however_old'",
    ),
    Mutation(
        "Days of usage that were dropped at the destination are not loaded again.",
        "openai_costs_source/extract/usage.py",
        "mismatched |= load_state.missing_usage(loaded)",
        "mismatched |= set()",
        "tests/faults/test_faults.py -k however_old",
    ),
    Mutation(
        "A run with --since counts the days before it as final.",
        "openai_costs_source/extract/load_state.py",
        "for day in (*not_final, *mismatched)",
        "for day in mismatched",
        "tests/test_date_ranges.py -k still_restates",
    ),
    Mutation(
        "dbt's environment variables of another project change a run.",
        "openai_costs/dbt_runner.py",
        'if (not name.startswith("DBT_") or name in SETTINGS_OF_DBT)',
        "if name",
        "tests/test_command.py -k variables_of_another_project",
    ),
    Mutation(
        "A quantity that is too large for its type fails the models.",
        "dbt_project/models/staging/stg_openai__costs.sql",
        "case when abs(quantity) < 1000000000000000 then quantity end as quantity",
        "quantity",
        "tests/test_models.py -k quantity_that_is_too_large",
    ),
    Mutation(
        "On ClickHouse, the value before the first row is the type's default.",
        "dbt_project/macros/engines/clickhouse.sql",
        "toNullable({{ value }})",
        "{{ value }}",
        "tests/engines/test_dialects.py -k 'row_before and clickhouse'",
    ),
    Mutation(
        "Of an amount with 39 decimals, other digits are removed along with the trailing zeros.",
        "openai_costs_source/api/pages.py",
        r"""\d{38})0+("?\s*""",
        r"""\d{38})\d+("?\s*""",
        "tests/test_rows.py -k 39",
    ),
    # Requests: retries, redirects, the key
    Mutation(
        "The Retry-After of a rate limit is ignored.",
        "openai_costs_source/api/retry.py",
        "requested if requested and requested >= 1 else backoff",
        "backoff",
        "tests/test_client.py -k 'as_long_as_requested or seconds_of_retry_after'",
    ),
    Mutation(
        "An outage that OpenAI reports with status 404 is not retried.",
        "openai_costs_source/api/refusals.py",
        "status in (404, 408, 429, *range(500, 600))",
        "status in (408, 429, *range(500, 600))",
        "tests/test_client.py -k an_outage_is_retried",
    ),
    Mutation(
        "The retry budget applies to each request instead of to all requests together.",
        "openai_costs_source/api/retry.py",
        "self._seconds_left = min(self._seconds_left, seconds_left - waited(state))",
        "self._seconds_left = min(self._seconds_left, seconds_left)",
        "tests/test_client.py -k several_replies",
    ),
    Mutation(
        "The dimension that is omitted may be one that a refusal lists as allowed.",
        "openai_costs_source/api/refusals.py",
        "for sentence in _SENTENCE_END.split(message):",
        "for sentence in [message]:",
        "tests/test_refusals.py -k names_as_the_problem",
    ),
    Mutation(
        "A dimension that is refused for a few days is omitted for all days.",
        "openai_costs_source/api/endpoint.py",
        "if refused.days == 1:",
        "if refused.days > 0:",
        "tests/test_refusals.py -k refused_on_some_days",
    ),
    Mutation(
        "A passing refusal of a dimension is kept for 30 days.",
        "openai_costs_source/api/endpoint.py",
        "if name not in self.passing",
        "if name",
        "tests/faults/test_failure_modes.py -k passing_refusal",
    ),
    Mutation(
        "A compressed reply may be of any size.",
        "openai_costs_source/api/network.py",
        "if size > LARGEST_REPLY:",
        "if False:",
        "tests/test_network.py -k unpacks",
    ),
    Mutation(
        "Pages may repeat a day under new tokens.",
        "openai_costs_source/api/endpoint.py",
        "self._missing(window, [*reply.buckets, *page.buckets])",
        "len(reply.buckets)",
        "tests/test_network.py -k new_tokens",
    ),
    Mutation(
        "A redirect is followed.",
        "openai_costs_source/api/client.py",
        "allow_redirects=False",
        "allow_redirects=True",
        "tests/test_client.py -k redirect",
    ),
    Mutation(
        "The key appears in an error message that quotes it.",
        "openai_costs_source/api/client.py",
        """sentence = redact_key(f"OpenAI's {path} {message}.", self._key)""",
        """sentence = f"OpenAI's {path} {message}.\"""",
        "tests/test_client.py -k quotes_back",
    ),
    Mutation(
        "A key with escaped characters is not redacted.",
        "openai_costs_source/api/credentials.py",
        "or not _ESCAPED_ASCII.search(plain)",
        "or plain",
        "tests/test_client.py -k escaped_characters",
    ),
    Mutation(
        "The key is sent over plain HTTP to another machine.",
        "openai_costs_source/api/credentials.py",
        """(parts.scheme == "http" and is_local)""",
        """parts.scheme == "http\"""",
        "tests/test_client.py -k expose_the_key",
    ),
    # Pages and exact decimals
    Mutation(
        "An amount halfway between two decimals is rounded half-up instead of half-even.",
        "openai_costs_source/api/pages.py",
        "rounding=decimal.ROUND_HALF_EVEN",
        "rounding=decimal.ROUND_HALF_UP",
        "tests/test_rows.py -k half_to_even",
    ),
    Mutation(
        "A bucket longer than one UTC day is accepted.",
        "openai_costs_source/api/pages.py",
        "not start < end <= start + DAY_SECONDS",
        "not start < end",
        "tests/test_rows.py -k bucket_that_is_no_utc_day",
    ),
    Mutation(
        "Today is recorded as closed.",
        "openai_costs_source/extract/rows.py",
        '"is_closed": bucket.day < loaded_at.date()',
        '"is_closed": bucket.day <= loaded_at.date()',
        "tests/test_rows.py -k day_is_closed",
    ),
    Mutation(
        "The costs of removed days are written after the days are removed.",
        "openai_costs_source/extract/replace_days.py",
        "key=lambda name: (not self.schema.tables[name].get(_FIRST), name)",
        "key=str",
        "tests/faults/test_faults.py -k wherever_the_removal_is_killed",
    ),
    Mutation(
        "A day that is removed again leaves its costs behind twice.",
        "openai_costs_source/extract/costs.py",
        "days = replace_days.days_of_rows(trimmed)",
        "days: list[str] = []",
        "tests/test_redaction.py -k removed_days_are_loaded_again",
    ),
    # Date ranges, replaced days, restatements, discovered limits
    Mutation(
        "The day named by until is included in the date range.",
        "openai_costs_source/api/date_ranges.py",
        "until = min(until or today + ONE_DAY, today + ONE_DAY)",
        "until = min((until or today) + ONE_DAY, today + ONE_DAY)",
        "tests/test_date_ranges.py -k 'named_days_win or until_alone'",
    ),
    Mutation(
        "After a pause, only the trailing days are read, and the days before them are missing.",
        "openai_costs_source/api/date_ranges.py",
        "since = max(min(trailing, young), requested_from)",
        "since = max(trailing, requested_from)",
        "tests/test_date_ranges.py -k after_a_long_pause",
    ),
    Mutation(
        "keep_months removes the first of the months to keep.",
        "openai_costs_source/extract/load.py",
        "divmod(today.year * 12 + today.month - 1 - months, 12)",
        "divmod(today.year * 12 + today.month - months, 12)",
        "tests/test_usage.py -k months_that_are_not_kept",
    ),
    Mutation(
        "A day that became empty at OpenAI keeps its rows in the raw costs table.",
        "openai_costs_source/extract/costs.py",
        """(day for table in ledger for day in table["date"].to_pylist())""",
        """(d["date"] for table in ledger for d in table.to_pylist() if d["row_count"])""",
        "tests/test_source.py -k emptied_day",
    ),
    Mutation(
        "Loading a day of one organization deletes the same day of the others.",
        "openai_costs_source/extract/replace_days.py",
        "({is_one_of(ids)} AND date BETWEEN",
        "(date BETWEEN",
        "tests/test_source.py -k organizations_share",
    ),
    Mutation(
        "A page that omits a closed day is accepted.",
        "openai_costs_source/api/endpoint.py",
        "[rest for rest in missing if rest.since < self.today]",
        "[rest for rest in missing if rest.since > self.today]",
        "tests/test_source.py -k omits_a_day",
    ),
    Mutation(
        "A day whose rows do not add up to the API's own total is stored.",
        "openai_costs_source/extract/organization.py",
        "yield second_request, second_page.without(still_mismatched)",
        "yield second_request, second_page",
        "tests/test_awkward_replies.py -k does_not_add_up_keeps",
    ),
    Mutation(
        "A closed day with a new amount and the same number of rows is not a restatement.",
        "openai_costs_source/extract/load_state.py",
        "return was != now",
        "return was.row_count != now.row_count",
        "tests/test_load_state.py -k each_change_of_a_day",
    ),
    Mutation(
        "A discovered limit is never tried again.",
        "openai_costs_source/extract/load_state.py",
        "if found_on and today - found_on >= RETRIED_AFTER:",
        "if found_on and found_on > today:",
        "tests/test_load_state.py -k tried_again_after_a_while",
    ),
    # Names, privacy, budgets set at OpenAI
    Mutation(
        "During an outage, the listings of each project are requested.",
        "openai_costs_source/extract/listings.py",
        "if len(failures) >= MOST_FAILURES:",
        "if not MOST_FAILURES:",
        "tests/test_listings.py -k three_requests",
    ),
    Mutation(
        "A revoked key counts as an outage of names.",
        "openai_costs_source/extract/listings.py",
        "if is_refusal(error) or not (error.is_transient or error.status == 429):",
        "if is_refusal(error):",
        "tests/test_listings.py -k revoked_key",
    ),
    Mutation(
        "An outage of names uses up the retries of costs.",
        "openai_costs_source/api/client.py",
        "self._listing_retries = RetryBudget(max_wait_seconds)",
        "self._listing_retries = self._page_retries",
        "tests/test_client.py -k uses_up_no_retry",
    ),
    Mutation(
        "If OpenAI refuses a listing, its objects look deleted.",
        "openai_costs_source/extract/listings.py",
        "        if objects is not None:\n            listing",
        "        objects = objects or []\n        if True:\n            listing",
        "tests/test_listings.py -k listing_that_is_refused",
    ),
    Mutation(
        "A key of a service account has no owner.",
        "openai_costs_source/extract/listing_rows.py",
        """_object(owner.get(str(owner.get("type"))))""",
        """_object(owner.get("user"))""",
        "tests/test_listing_rows.py -k service_account_can_own_a_key",
    ),
    Mutation(
        "A redacted e-mail address stays in the raw users table.",
        "openai_costs_source/extract/redaction.py",
        """"users": PersonalColumns("id", ("name",), "email")""",
        """"users": PersonalColumns("id", ("name",), None)""",
        "tests/test_redaction.py -k no_address_is_left",
    ),
    Mutation(
        "A later load restores the name of a person who was forgotten.",
        "openai_costs_source/extract/maintenance.py",
        "forgotten.append(user_id)",
        "forgotten.count(user_id)",
        "tests/test_redaction.py -k forgotten_people",
    ),
    Mutation(
        "A spend limit in cents is stored as dollars.",
        "openai_costs_source/extract/spend_limits.py",
        """Decimal(row["threshold_amount"]).scaleb(-2)""",
        """Decimal(row["threshold_amount"])""",
        "tests/test_spend_limits.py -k cents_are_stored",
    ),
    # Recordings of live organizations
    Mutation(
        "A recording contains the values of fields that this project does not know.",
        "openai_costs_source/recording/anonymize.py",
        """        return self.pseudonyms.of(text)

    def _keep""",
        """        return self._keep(field, text)

    def _keep""",
        "tests/test_recording.py -k 'no_id_name or unless_it_is_known'",
    ),
    Mutation(
        "A recording contains the keys of a map, which can be names of people.",
        "openai_costs_source/recording/anonymize.py",
        "if not _has_words_of_fields(name):",
        "if not name:",
        "tests/test_recording.py -k unknown_fields_and_values",
    ),
    Mutation(
        "A name in capital letters stays in the sentences of a recording.",
        "openai_costs_source/recording/pseudonyms.py",
        ", flags=re.IGNORECASE",
        "",
        "tests/test_recording.py -k in_any_case",
    ),
    Mutation(
        "A refusal is recorded before the names in it are known.",
        "openai_costs_source/recording/record.py",
        "if exchange.status == 200 and not _SENTENCE.search(exchange.body):",
        "if exchange.status:",
        "tests/test_recording.py -k before_a_name",
    ),
    Mutation(
        "Scaled amounts are rounded to as many decimals as they had.",
        "openai_costs_source/recording/anonymize.py",
        "else max(decimals, _DECIMALS + exponent, _FACTOR_DIGITS)",
        "else decimals",
        "tests/test_recording.py -k add_up",
    ),
    # Models: replaced days, attribution, line items, FOCUS columns, list prices
    Mutation(
        "A day that became empty keeps its rows in the facts.",
        "dbt_project/macros/engines/duckdb.sql",
        "and {{ is_to_build(target ~ '.organization_id', target ~ '.date') }};",
        "and (organization_id, date) in (select organization_id, date from {{ source }});",
        "tests/test_incremental.py -k days_that_were_replaced",
    ),
    Mutation(
        "A fact is marked as built although facts that it reads were not built.",
        "dbt_project/macros/built_days.sql",
        "replace_built_days(built, loaded, model.name, is_built_from_loaded_days())",
        "replace_built_days(built, loaded, model.name, true)",
        "tests/test_incremental.py -k facts_are_due_again",
    ),
    Mutation(
        "A build without loaded costs prints one error per model.",
        "dbt_project/macros/refuse_without_costs.sql",
        "and not load_relation(ledger)",
        "and false",
        "tests/test_models.py -k one_sentence",
    ),
    Mutation(
        "A fact that another version built with other columns is not built again.",
        "dbt_project/macros/built_days.sql",
        "set is_of_another = not has_declared_columns(this, model)",
        "set is_of_another = false",
        "tests/test_incremental.py -k fact_of_another_version",
    ),
    Mutation(
        "The report is written although days are missing from the models.",
        "openai_costs/commands/required_models.py",
        "if incomplete := unmodelled(query):",
        "if not (incomplete := unmodelled(query)):",
        "tests/test_incremental.py -k report_and_export_are_refused",
    ),
    Mutation(
        "A charge that names a user is attributed to the owner of its key.",
        "dbt_project/macros/attribution.sql",
        "coalesce({{ charges }}.user_id, {{ owners }}.owner_id) as user_id",
        "coalesce({{ owners }}.owner_id, {{ charges }}.user_id) as user_id",
        "tests/test_models.py -k dbt_build_works",
    ),
    Mutation(
        "Days that OpenAI reports by user separately count twice.",
        "dbt_project/models/intermediate/attribution/int_openai__user_charges.sql",
        "where days_by_user.date is null",
        "where 1 = 1",
        "tests/test_models.py -k users_follow_the_separate",
    ),
    Mutation(
        "Cached input is parsed as input.",
        "dbt_project/seeds/token_meters.csv",
        "cached input,cached input,",
        "cached input,input,",
        "tests/faults/test_failure_modes.py -k line_items_are_parsed",
    ),
    Mutation(
        "A credit has a SKU and a price.",
        "dbt_project/models/intermediate/facts/int_openai__focus_charges.sql",
        "on case when charges.unblended_cost >= 0 then",
        "on case when charges.unblended_cost is not null then",
        "tests/test_models.py -k negative_amount_is_a_credit",
    ),
    Mutation(
        "A region that only stores data counts as the region of processing.",
        "dbt_project/models/intermediate/people/int_openai__project_regions.sql",
        "like '%_STORAGE_PROCESSING'",
        "like '%_STORAGE%'",
        "tests/test_recomputation.py -k focus_costs",
    ),
    Mutation(
        "All input counts as uncached.",
        "dbt_project/models/intermediate/line_items/int_openai__focus_skus.sql",
        "skus.cache_action <> 'Uncached'",
        "skus.cache_action <> ''",
        "tests/test_models.py -k dbt_build_works",
    ),
    Mutation(
        "BillingPeriodEnd is the start of the billing period.",
        "dbt_project/models/marts/openai__focus_costs.sql",
        "add_to_date('month', 1, dbt.date_trunc('month', 'charges.date'))",
        "add_to_date('month', 0, dbt.date_trunc('month', 'charges.date'))",
        "tests/test_models.py -k billing_period",
    ),
    Mutation(
        "The list price of a model takes precedence over that of its version.",
        "dbt_project/models/intermediate/prices/int_openai__list_prices.sql",
        "max(is_exact) over",
        "min(is_exact) over",
        "tests/test_models.py -k dbt_build_works",
    ),
    # Models: checks, teams, plans
    Mutation(
        "A month that costs less than its invoice counts as equal to it.",
        "dbt_project/models/marts/openai__reconciliation.sql",
        "abs(difference) <= tolerance",
        "difference <= tolerance",
        "tests/test_reconciliation.py -k invoice_that_is_more",
    ),
    Mutation(
        "A project's team takes precedence over the team of a key.",
        "dbt_project/models/intermediate/attribution/int_openai__charge_teams.sql",
        "coalesce(keys.team, people.team, projects.team) as team",
        "coalesce(projects.team, people.team, keys.team) as team",
        "tests/test_attribution.py -k each_charge_goes_to_one_team",
    ),
    Mutation(
        "A budget that is spent to the last cent counts as breached.",
        "dbt_project/models/marts/openai__budget_status.sql",
        "when unblended_cost > budget then 'breached'",
        "when unblended_cost >= budget then 'breached'",
        "tests/test_plans.py -k last_cent",
    ),
    Mutation(
        "The forecast ignores growth.",
        "dbt_project/models/intermediate/plans/int_openai__projected_daily_costs.sql",
        "then least(1.3333, greatest(0.75, recent / earlier))",
        "then 1",
        "tests/test_plans.py -k growth_continues",
    ),
    Mutation(
        "Anomalies are compared with the preceding days instead of the same weekdays.",
        "dbt_project/models/intermediate/anomalies/int_openai__weekday_history.sql",
        "'-7 * weeks.generated_number'",
        "'-1 * weeks.generated_number'",
        "tests/test_plans.py -k nothing_is_flagged",
    ),
    # Alerts, export, report, status, doctor
    Mutation(
        "A money check that differs is only a warning.",
        "openai_costs/reports/alerts/rules/reconciliation.py",
        """"warning" if check_name in _WARNING_CHECKS else "critical\"""",
        """"warning\"""",
        "tests/test_alerts.py -k money_check_that_differs",
    ),
    Mutation(
        "An alert is posted to Slack twice.",
        "openai_costs/reports/alerts/slack.py",
        "SEVERITIES.index(alert.severity) > posted.get(alert.key, -1)",
        "SEVERITIES.index(alert.severity) >= posted.get(alert.key, -1)",
        "tests/test_alerts.py -k alert_is_posted_once",
    ),
    Mutation(
        "The exit code is 0 although alerts were found.",
        "openai_costs/commands/alerts.py",
        "return 3 if counted else 0",
        "return 0",
        "tests/test_alerts.py -k exit_code_is_3",
    ),
    Mutation(
        "The exported file of a month is not replaced when one of its days is restated.",
        "openai_costs/reports/focus_export.py",
        "written = not (file.is_file() and filecmp.cmp(temporary, file, shallow=False))",
        "written = not file.is_file()",
        "tests/test_export.py -k restated_day_replaces",
    ),
    Mutation(
        "A month that lost its charges keeps the exported file with them.",
        "openai_costs/reports/focus_export.py",
        "if not totals and not exported_before:",
        "if not totals:",
        "tests/test_export.py -k loses_its_charges",
    ),
    Mutation(
        "A month that lost its charges has no file if its earlier one was moved.",
        "openai_costs/reports/focus_export.py",
        "path.is_file() or path.name in former",
        "path.is_file()",
        "tests/test_export.py -k was_moved",
    ),
    Mutation(
        "The report includes the open day when it compares months.",
        "openai_costs/reports/html/report_data.py",
        "if day >= month and day not in open_days]",
        "if day >= month]",
        "tests/test_report.py -k same_days_of_the_month_before",
    ),
    Mutation(
        "The report of one project shows the models of all projects.",
        "openai_costs/reports/html/page/costs.js",
        "isPeriod(rowPeriod, period) && isSelectedProject(project))",
        "isPeriod(rowPeriod, period))",
        "tests/test_report.py -k each_line_equals_the_marts",
    ),
    Mutation(
        "Status does not list the days that are missing.",
        "openai_costs/reports/status.py",
        "days_between(days[0][0], today) if day not in loaded]",
        "days_between(days[0][0], today) if day in ()]",
        "tests/test_doctor.py -k days_that_are_missing_in_between",
    ),
    Mutation(
        "The key of an organization without costs causes no warning.",
        "openai_costs_source/doctor.py",
        "if not any(recent):",
        "if recent is None:",
        "tests/test_doctor.py -k key_of_another_organization",
    ),
    # Command line, warehouse errors, simulated organization
    Mutation(
        "An empty date range is accepted on the command line.",
        "openai_costs/arguments.py",
        "since >= until",
        "since > until",
        "tests/test_command.py -k usage_error",
    ),
    Mutation(
        "The exit code is 0 although one of several organizations failed to load.",
        "openai_costs/commands/load.py",
        "return complete and not failures",
        "return complete",
        "tests/test_command.py -k one_organization_that_fails",
    ),
    Mutation(
        "A warehouse that is open in another program is reported as damaged.",
        "openai_costs/warehouse/duckdb_file.py",
        '"set lock on file" in str(error)',
        '"database is locked" in str(error)',
        "tests/test_command.py -k warehouse_open_elsewhere",
    ),
    Mutation(
        "A page token of the simulated organization is valid for any query.",
        "openai_costs_source/simulator/buckets.py",
        """{name: values[name] for name in sorted(values) if name != "page"}""",
        "{}",
        "tests/test_simulator.py -k page_token_is_valid",
    ),
    # Engines
    Mutation(
        "On ClickHouse, replaced days keep their old rows next to the new ones.",
        "dbt_project/macros/engines/clickhouse.sql",
        "delete from {{ this }} where {{ is_to_build_as_literals() }}",
        "select 1",
        "tests/engines/test_dialects.py -k 'facts_are_replaced and clickhouse'",
    ),
    Mutation(
        "On BigQuery, money is a NUMERIC with nine decimals.",
        "dbt_project/macros/engines/bigquery.sql",
        "bigquery__decimal_type(digits, decimals) %}bignumeric{%",
        "bigquery__decimal_type(digits, decimals) %}numeric{%",
        "tests/engines/test_dialects.py -k 'decimals_have and bigquery'",
    ),
    Mutation(
        "On PostgreSQL, views are missing after their tables were replaced.",
        "openai_costs/commands/models.py",
        """if warehouse.destination in ("postgres", "redshift"):""",
        """if warehouse.destination in ("redshift",):""",
        "tests/engines/test_postgres.py -k replaced_and_emptied",
    ),
    Mutation(
        "On Spark, a day that became empty keeps its rows in the facts.",
        "dbt_project/macros/engines/spark.sql",
        "{%- if emptied -%}",
        "{%- if emptied and false -%}",
        "tests/engines/test_spark.py -k lake_follows",
    ),
]


def copy_project(folder: Path) -> None:
    """Copy the files that git tracks, as they are in the working tree."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, check=True)
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (PROJECT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, folder / name)


def mutate(folder: Path, mutation: Mutation) -> None:
    file = folder / mutation.file
    text = file.read_text() if file.is_file() else ""
    if (times := text.count(mutation.old)) != 1:
        raise ValueError(f"The old text occurs {times} times in {mutation.file}, not once.")
    file.write_text(text.replace(mutation.old, mutation.new))


def run(tests: str, mutation: Mutation | None = None) -> bool:
    """Run a selection of tests on a copy of the project, print a line, and return success."""
    description = mutation.description if mutation else "Unchanged code."
    began, failed, output = time.monotonic(), tests, ""
    with tempfile.TemporaryDirectory(prefix="mutation-", ignore_cleanup_errors=True) as name:
        try:
            copy_project(Path(name))
            if mutation:
                mutate(Path(name), mutation)
            done = subprocess.run(
                [sys.executable, *PYTEST, *shlex.split(tests)],
                cwd=name,
                # Processes that a test starts import the copy too, not an installed package.
                env={**os.environ, "PYTHONPATH": name},
                capture_output=True,
                text=True,
                timeout=TIMEOUT_SECONDS,
            )
            output = done.stdout + done.stderr
            verdicts = ("NOT CAUGHT", "caught") if mutation else ("passed", "failed")
            verdict = dict(enumerate(verdicts)).get(done.returncode)
            if done.returncode == 0 and " passed" not in output:
                verdict = None  # Every test was skipped, as without Chromium.
            if match := re.search(r"^(?:FAILED|ERROR) (.+?)(?: - |$)", output, re.MULTILINE):
                failed = match[1]
        except (ValueError, subprocess.SubprocessError) as error:
            verdict, output = None, str(error)
    seconds = time.monotonic() - began
    line = f"{verdict or 'ERROR':<10}  {description}  {failed}  {seconds:.0f} s"
    print(line if verdict else f"{line}\n{output[-2000:]}", flush=True)  # noqa: T201
    return verdict == ("caught" if mutation else "passed")


def main() -> int:
    parser = argparse.ArgumentParser(description="Check that the tests catch known bugs.")
    parser.add_argument("--only", default="", metavar="TEXT", help="text in the description")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="runs at a time")
    parser.add_argument("--unmutated", action="store_true", help="run on unchanged code")
    options = parser.parse_args()
    chosen = [m for m in MUTATIONS if options.only.lower() in m.description.lower()]
    runs: list[tuple[str, Mutation | None]] = [(mutation.tests, mutation) for mutation in chosen]
    if options.unmutated:
        runs = [(tests, None) for tests in dict.fromkeys(mutation.tests for mutation in chosen)]
    with ThreadPoolExecutor(options.jobs) as executor:
        passed = list(executor.map(lambda pair: run(*pair), runs))
    return 0 if passed and all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
