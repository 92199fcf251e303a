"""OpenAI's organization costs as a dlt source.

    import dlt
    from openai_costs_source import openai_costs

    pipeline = dlt.pipeline("openai_costs", destination="duckdb", dataset_name="openai_raw")
    pipeline.run(openai_costs())

Resources and the tables they load:

    costs      costs      one row per UTC day, project, user, API key and line item, exact
               costs_by_user  the same money by user and line item, for days on which OpenAI cannot
                          combine users with projects, and `costs` tells no users
               cost_days  the ledger: one row per organization and day, also where nothing was spent
               cost_restatements  one row each time that a closed day came back different
               organizations  how OpenAI names each, and how far back its history reached
    usage_…    usage_…    one row per UTC day and whatever each of eleven kinds can be grouped by
               usage_days  the ledger of usage: one row per organization, kind and day
    projects   projects   what each was called and when, archived and deleted ones too
    users      users      the same of people
    service_accounts  service_accounts  the same of service accounts
    api_keys   api_keys   the same of every project's keys, each with its owner
    spend_limits  spend_limits  budgets that are set at OpenAI, hard limits and alerts of the
               organization and of its projects, each with its history
               listed, listings  what was listed when, and so what is deleted or was removed

The first run takes all the history that OpenAI offers (a rolling year); later runs read the
trailing `refetch_days` again, because OpenAI restates days, and replace those days whole. What was
loaded is remembered in dlt's state at the destination, so that a CI runner may lose its disk; where
state and ledger differ, the ledger wins.

Settings, under `sources.openai_costs` in dlt's configuration or as arguments:

    admin_key         an admin key (sk-admin-…), or a list: one organization each; else the
                      environment variable OPENAI_ADMIN_KEY (comma-separated for several)
    base_url          else OPENAI_BASE_URL, else https://api.openai.com/v1
    start_date        first UTC day to load, as YYYY-MM-DD; without it, all the history
    refetch_days      how many closed days each run reads again; 35 covers the last month too
    group_by          dimensions of the `costs` table, any of project_id, user_id, api_key_id,
                      line_item, api_source
    max_wait_seconds  how long to wait, at most and in all, for replies that are withheld (rate
                      limits, outages)
    user_emails       how people's e-mail addresses are stored: plain, hashed (SHA-256) or none
    keep_months       whole months of days to keep, before the current one; without it, all

Errors are `OpenAICostsError`, with OpenAI's own words; inside `pipeline.run` dlt wraps them. A day
whose rows do not add up to OpenAI's own total, asked twice, is left as it was; the logger
`openai_costs_source` says so as an error.
"""

from openai_costs_source.api.client import OpenAICostsError
from openai_costs_source.settings import SETTINGS
from openai_costs_source.source import admin_keys, api_url, given_keys, openai_costs

__all__ = ["SETTINGS", "OpenAICostsError", "admin_keys", "api_url", "given_keys", "openai_costs"]
