"""The dlt source: builds the resources from the settings."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import dlt
from dlt.extract import DltResource

from openai_costs_source.api.client import Observe
from openai_costs_source.extract.costs import costs
from openai_costs_source.extract.interrupted_load import abort_interrupted_load
from openai_costs_source.extract.listings import (
    Listings,
    api_keys,
    projects,
    service_accounts,
    users,
)
from openai_costs_source.extract.load import Load
from openai_costs_source.extract.spend_limits import spend_limits
from openai_costs_source.extract.usage import usage
from openai_costs_source.settings import SourceSettings, admin_keys_when_needed


@dlt.source(name="openai_costs", section="openai_costs", max_table_nesting=0, spec=SourceSettings)
def openai_costs(
    admin_key: Any = None,
    base_url: Any = None,
    start_date: Any = None,
    refetch_days: Any = None,
    group_by: Any = None,
    max_wait_seconds: Any = None,
    user_emails: Any = None,
    keep_months: Any = None,
    since: date | None = None,
    until: date | None = None,
    loaded: set[str] | None = None,
    now: datetime | None = None,
    observe: Observe | None = None,
) -> list[DltResource]:
    """The costs and usage of each organization, and the names of projects, people and keys.

    All arguments up to `keep_months` are settings: dlt looks up those that are not given. Without
    any admin key, the source can be built but not run.

    `since` and `until` (excluded) load these UTC days instead of the days that are due. If other
    keys load into the same warehouse in the same run, `loaded` has the ids of the organizations
    that they loaded. These are skipped, and this key's organization is added to the set. OpenAI's
    replies must then name the organization.

    `now` is the time of the load, if it is not the present; `observe` is called with each reply of
    the API.

    Raises OpenAICostsError (wrong use) for invalid settings, before any request.
    """
    abort_interrupted_load()
    load = Load(
        admin_keys=admin_keys_when_needed(admin_key),
        base_url=base_url,
        max_wait_seconds=max_wait_seconds,
        start_date=start_date,
        refetch_days=refetch_days,
        group_by=group_by,
        user_emails=user_emails,
        keep_months=keep_months,
        since=since,
        until=until,
        loaded=loaded,
        now=now or datetime.now(UTC),
        observe=observe,
    )
    listings = Listings(load)
    names = [create(listings) for create in (projects, users, service_accounts, api_keys)]
    return [costs(load), *names, spend_limits(listings), *usage(load)]
