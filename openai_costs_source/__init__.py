"""OpenAI's organization costs as a dlt source.

    import dlt
    from openai_costs_source import openai_costs

    pipeline = dlt.pipeline("openai_costs", destination="duckdb", dataset_name="openai_raw")
    pipeline.run(openai_costs())

Data flow, from left to right:

    administration API ──> api/ ────────> extract/ ──────────> dlt ──────> openai_raw.*
                           client         resources            one merge
                           retry          Arrow rows           transaction
                           date ranges    load state           per load
                           exact pages    ledgers

Resources, and the tables that they load:

    costs             costs              one row per UTC day, project, user, API key and line item
                      costs_by_user      the same costs by user and line item, for days on which
                                         OpenAI cannot combine users with projects
                      cost_days          the ledger: one row per organization and day, also for a
                                         day without costs
                      cost_days_by_currency
                                         its amounts by currency, for days with several currencies
                      cost_restatements  one row per restatement of a closed day and currency
                      trimmed_costs      the costs of days that keep_months removed, by project,
                                         user and API key
                      organizations      one row per organization: its name, and the first day of
                                         OpenAI's history
    usage_<kind>      usage_<kind>       one row per UTC day and dimensions, for eleven kinds
                      usage_days         the ledger of usage: one row per organization, kind and day
    projects          projects           the names of projects, including archived ones
    users             users              the names of users
    service_accounts  service_accounts   the names of service accounts
    api_keys          api_keys           the names and owners of the keys of every project
    spend_limits      spend_limits       budgets that are set at OpenAI: hard limits and alerts of
                                         the organization and of its projects
                      listed, listings   when each object was last listed, which shows what was
                                         deleted

Each of the last five resources also loads `listed` and `listings`, and keeps all versions of the
rows of its own table.

The first run loads the history that OpenAI offers (a rolling year). Later runs read the last
`refetch_days` days again, because OpenAI restates days, and replace them as whole days. dlt's state
at the destination keeps the progress, which therefore survives the loss of a local disk, as on a CI
runner. If the state and a ledger differ, the ledger wins.

Settings, under `sources.openai_costs` in dlt's configuration or as arguments:

    admin_key         an admin key (sk-admin-…), or a list with one key per organization; without
                      it, the environment variable OPENAI_ADMIN_KEY (comma-separated for several).
                      It is needed to run the source, not to build it
    base_url          the URL of the API; without it, OPENAI_BASE_URL or https://api.openai.com/v1
    start_date        the first UTC day to load, as YYYY-MM-DD; without it, all the history
    refetch_days      how many closed days each run reads again; 35 includes the last month
    group_by          the dimensions of the table `costs`, any of project_id, user_id, api_key_id,
                      line_item, api_source
    max_wait_seconds  the retry budget: the total seconds to wait for rate limits and outages
    user_emails       how people's e-mail addresses are stored: plain, hashed (SHA-256) or none
    keep_months       how many whole months before the current one to keep; without it, all

Two further arguments are no settings: `now` is the time of the load, and `observe` is called with
each reply, as a recording (`openai_costs_source.recording`) needs it.

Errors are `OpenAICostsError`, in OpenAI's own words; in `pipeline.run`, dlt wraps them. If the
rows of a day do not add up to OpenAI's own total, even when requested twice, the stored day stays
unchanged and the logger `openai_costs_source` reports an error.
"""

from openai_costs_source.errors import OpenAICostsError
from openai_costs_source.settings import SETTINGS, admin_keys, api_url, given_keys
from openai_costs_source.source import openai_costs

__all__ = ["SETTINGS", "OpenAICostsError", "admin_keys", "api_url", "given_keys", "openai_costs"]
