"""Names keep their history, and only objects that were deleted are marked as deleted."""

import copy
import time

import pytest
from conftest import TODAY, days_ago, known
from dlt.pipeline.exceptions import PipelineStepFailed
from running import READ_BY_THE_SUMMARY, run_pipeline
from test_awkward_replies import BentListings

from openai_costs_source.extract import listing_rows
from openai_costs_source.extract.listings import MOST_FAILURES
from openai_costs_source.simulator.api import SimulatedApi
from openai_costs_source.simulator.organization import Organization

LISTINGS = ["projects", "users", "service_accounts", "api_keys"]
DELETED = """
    select listed.id from openai_raw.listed
    inner join openai_raw.listings
        on listed.organization_id = listings.organization_id and listed.kind = listings.kind
        and (listed.project_id = listings.project_id)
    where listed.listed_at < listings.listed_at and listed.kind = '{}'
"""


@pytest.fixture
def changing():
    """An organization that a test may change between two loads."""
    organization = copy.copy(Organization(TODAY))
    organization.projects = copy.deepcopy(organization.projects)
    organization.users = copy.deepcopy(organization.users)
    organization.api_keys = copy.deepcopy(organization.api_keys)
    organization.service_accounts = copy.deepcopy(organization.service_accounts)
    with SimulatedApi(organization) as api:
        yield organization, api


def load_names(warehouse, api):
    warehouse.load(api, resources=LISTINGS)


def names(warehouse, table, of):
    """The names of the object with this id, oldest first, and whether each is the latest."""
    return warehouse.rows(
        f"select name, valid_to is null from openai_raw.{table} where id = '{of}' "
        "order by valid_from"
    )


def deleted(warehouse, kind):
    return [each for (each,) in warehouse.rows(DELETED.format(kind))]


def test_second_load_of_the_same_names_adds_no_version(api, warehouse):
    load_names(warehouse, api)
    before = {t: warehouse.rows(f"select * from openai_raw.{t} order by all") for t in LISTINGS}
    load_names(warehouse, api)
    after = {t: warehouse.rows(f"select * from openai_raw.{t} order by all") for t in LISTINGS}
    assert before == after
    assert all(before.values())


def test_renamed_project_keeps_its_former_name_until_the_day_of_the_change(changing, warehouse):
    organization, api = changing
    load_names(warehouse, api)
    project = organization.projects[0]
    former = project["name"]
    project["name"] = "Storefront, renamed"
    load_names(warehouse, api)
    assert names(warehouse, "projects", project["id"]) == [
        (former, False),
        ("Storefront, renamed", True),
    ]
    ends, begins = warehouse.rows(
        "select max(valid_to), max(valid_from) from openai_raw.projects "
        f"where id = '{project['id']}'"
    )[0]
    assert ends == begins


def test_project_that_an_earlier_version_loaded_gets_its_residency(api, warehouse, monkeypatch):
    """The earlier version loaded no residency, so the table has no such column."""
    with monkeypatch.context() as earlier:
        columns = listing_rows.PROJECTS
        without = columns.remove(columns.get_field_index("residency"))
        earlier.setattr(listing_rows, "PROJECTS", without)
        load_names(warehouse, api)
    versions = """
        select {}, valid_to is null as is_latest from openai_raw.projects
        where id = 'proj_europe' order by valid_from
    """
    assert warehouse.rows(versions.format("name")) == [("Europe", True)]
    load_names(warehouse, api)
    assert warehouse.rows(versions.format("name, residency")) == [
        ("Europe", None, False),
        ("Europe", "EU_STORAGE_PROCESSING", True),
    ]
    load_names(warehouse, api)
    assert len(names(warehouse, "projects", "proj_europe")) == 2


def test_each_kind_of_name_keeps_its_history(changing, warehouse):
    organization, api = changing
    load_names(warehouse, api)
    changed = {
        "users": organization.users[0],
        "service_accounts": organization.service_accounts["proj_storefront"][0],
        "api_keys": organization.api_keys["proj_storefront"][0],
    }
    for each in changed.values():
        each["name"] = "Another"
    load_names(warehouse, api)
    for table, each in changed.items():
        assert [latest for _, latest in names(warehouse, table, each["id"])] == [False, True]
        assert names(warehouse, table, each["id"])[-1] == ("Another", True)


def test_deleted_user_keeps_the_last_name_and_is_marked_as_deleted(changing, warehouse):
    organization, api = changing
    load_names(warehouse, api)
    gone = organization.users.pop()
    load_names(warehouse, api)
    assert names(warehouse, "users", gone["id"]) == [(gone["name"], True)]
    assert deleted(warehouse, "user") == [gone["id"]]


def test_last_key_of_a_project_can_be_deleted(changing, warehouse):
    organization, api = changing
    load_names(warehouse, api)
    keys = [key["id"] for key in organization.api_keys["proj_europe"]]
    organization.api_keys["proj_europe"] = []
    load_names(warehouse, api)
    assert sorted(deleted(warehouse, "api_key")) == sorted(keys)


def test_key_that_is_listed_again_is_no_longer_deleted(changing, warehouse):
    organization, api = changing
    keys = organization.api_keys["proj_europe"]
    load_names(warehouse, api)
    organization.api_keys["proj_europe"] = []
    load_names(warehouse, api)
    organization.api_keys["proj_europe"] = keys
    load_names(warehouse, api)
    assert deleted(warehouse, "api_key") == []
    assert [latest for _, latest in names(warehouse, "api_keys", keys[0]["id"])] == [True]


def test_use_of_a_key_creates_no_version(changing, warehouse):
    organization, api = changing
    load_names(warehouse, api)
    key = organization.api_keys["proj_storefront"][0]
    key["last_used_at"] = int(time.time())
    load_names(warehouse, api)
    assert len(names(warehouse, "api_keys", key["id"])) == 1
    used = f"select epoch(last_used_at) from openai_raw.listed where id = '{key['id']}'"
    assert warehouse.rows(used) == [(key["last_used_at"],)]


@pytest.mark.parametrize("listing", LISTINGS)
def test_listing_that_is_refused_makes_nothing_look_deleted(organization, api, warehouse, listing):
    load_names(warehouse, api)
    before = warehouse.rows(f"select * from openai_raw.{listing} order by all")

    def refuse(path, query, status, page):
        message = "You have insufficient permissions for this operation."
        return 403, {"error": {"message": message}}

    with BentListings(organization, **{listing: refuse}) as refusing_api:
        load_names(warehouse, refusing_api)
    assert warehouse.rows(f"select * from openai_raw.{listing} order by all") == before
    assert before
    for kind in ("project", "user", "service_account", "api_key"):
        assert deleted(warehouse, kind) == []


def out_of_service(path, query, status, page):
    return 500, {"error": {"message": "The server had an error."}}


def errors(caplog):
    return [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]


@pytest.mark.parametrize("listing", LISTINGS)
def test_listing_that_fails_keeps_what_is_stored_and_costs_load(
    organization, api, warehouse, caplog, listing
):
    load_names(warehouse, api)
    before = {t: warehouse.rows(f"select * from openai_raw.{t} order by all") for t in LISTINGS}
    with BentListings(organization, **{listing: out_of_service}) as failing_api:
        tables = ["costs", *LISTINGS]
        warehouse.load(failing_api, resources=tables, since=days_ago(1), max_wait_seconds=0)
    after = {t: warehouse.rows(f"select * from openai_raw.{t} order by all") for t in LISTINGS}
    assert after == before
    for kind in ("project", "user", "service_account", "api_key"):
        assert deleted(warehouse, kind) == []
    assert warehouse.value("select count(distinct date) from openai_raw.cost_days") == 2
    (message,) = errors(caplog)
    assert f"/{listing} refused with 500: The server had an error." in message
    assert "run again later. Stored names and budgets stay" in message


def test_listing_that_breaks_off_is_not_stored_in_part(changing, warehouse, caplog):
    organization, api = changing
    load_names(warehouse, api)
    before = warehouse.rows("select * from openai_raw.users order by all")
    organization.users = [{**user, "name": "Renamed"} for user in organization.users]

    def breaks_off(path, query, status, page):
        if "after" in query:
            return out_of_service(path, query, status, page)
        return status, {**page, "data": page["data"][:5], "has_more": True, "last_id": "user-5"}

    with BentListings(organization, users=breaks_off) as failing_api:
        warehouse.load(failing_api, resources=LISTINGS, max_wait_seconds=0)
    assert warehouse.rows("select * from openai_raw.users order by all") == before
    assert deleted(warehouse, "user") == []
    assert len(errors(caplog)) == 1


def test_listing_of_one_project_that_fails_hides_no_other_project(organization, warehouse, caplog):
    def fails_for_one(path, query, status, page):
        return out_of_service(path, query, status, page) if "storefront" in path else (status, page)

    with BentListings(organization, api_keys=fails_for_one) as failing_api:
        warehouse.load(failing_api, resources=LISTINGS, max_wait_seconds=0)
    projects = {id_ for (id_,) in warehouse.rows("select project_id from openai_raw.api_keys")}
    assert "proj_europe" in projects
    assert "proj_storefront" not in projects
    assert len(errors(caplog)) == 1


def test_outage_of_a_listing_takes_three_requests_however_many_projects(
    changing, warehouse, caplog
):
    organization, _ = changing
    active = organization.projects[0]
    ids = [f"proj_{number}" for number in range(300)]
    organization.projects = [{**active, "id": id_} for id_ in ids]
    organization.api_keys = organization.service_accounts = {id_: [] for id_ in ids}
    with BentListings(
        organization, api_keys=out_of_service, service_accounts=out_of_service
    ) as failing_api:
        warehouse.load(failing_api, resources=LISTINGS, max_wait_seconds=0)
        paths = [path.rsplit("/", 1)[-1] for _, path, _ in failing_api.requests]
    assert paths.count("api_keys") == paths.count("service_accounts") == MOST_FAILURES
    assert len(errors(caplog)) == 2


def test_deleted_project_is_skipped_with_a_warning(organization, warehouse, caplog):
    def deleted_meanwhile(path, query, status, page):
        if "storefront" not in path:
            return status, page
        message = "No project found with id 'proj_storefront'."
        return 404, {"error": {"message": message, "code": "not_found"}}

    with BentListings(organization, api_keys=deleted_meanwhile) as api:
        warehouse.load(api, resources=LISTINGS)
    assert warehouse.value("select count(*) from openai_raw.api_keys") > 10
    assert "No project found with id 'proj_storefront'" in caplog.text
    assert errors(caplog) == []


def test_revoked_key_stops_a_load_of_names(organization, warehouse):
    def revoked(path, query, status, page):
        message = "Incorrect API key provided: sk-a***min."
        return 401, {"error": {"message": message, "code": "invalid_api_key"}}

    with (
        BentListings(organization, users=revoked) as api,
        pytest.raises(PipelineStepFailed, match="create a new admin key"),
    ):
        warehouse.load(api, resources=LISTINGS)


def test_first_run_without_projects_shows_ids_and_the_next_one_names(organization, warehouse):
    def run(api):
        api.failure_modes = ("no-extras",)  # Rows of costs have no names either.
        settings = {"START_DATE": days_ago(1), "MAX_WAIT_SECONDS": 0}
        settings = {
            f"SOURCES__OPENAI_COSTS__{name}": str(value) for name, value in settings.items()
        }
        return run_pipeline(
            cwd=warehouse.folder, only=READ_BY_THE_SUMMARY, **settings, **known(api)
        )

    names = "select distinct project_name = project_id from openai_marts.daily_costs_by_project"
    with BentListings(organization, projects=out_of_service) as failing_api:
        first = run(failing_api)
    assert first.returncode == 1
    assert "OpenAI's /organization/projects refused with 500: The server had an error." in (
        first.stderr
    )
    assert "ids replace missing names" in first.stderr
    assert warehouse.rows(names) == [(True,)]
    with BentListings(organization) as api:
        assert run(api).returncode == 0
    assert warehouse.rows(names) == [(False,)]


def test_project_that_is_archived_keeps_its_keys(changing, warehouse):
    organization, api = changing
    load_names(warehouse, api)
    project = next(each for each in organization.projects if each["id"] == "proj_europe")
    project["status"] = "archived"
    load_names(warehouse, api)
    assert deleted(warehouse, "api_key") == []
    assert names(warehouse, "projects", "proj_europe")[-1] == ("Europe", True)


def test_key_that_moves_to_another_project_stays_one_key(changing, warehouse):
    organization, api = changing
    load_names(warehouse, api)
    key = organization.api_keys["proj_europe"].pop()
    organization.api_keys["proj_support"].append(key)
    load_names(warehouse, api)
    assert deleted(warehouse, "api_key") == []
    where = f"select project_id from openai_raw.api_keys where id = '{key['id']}'"
    assert warehouse.rows(f"{where} and valid_to is null") == [("proj_support",)]
    assert warehouse.rows(f"{where} and valid_to is not null") == [("proj_europe",)]


def test_names_load_without_costs_and_costs_without_names(api, warehouse):
    load_names(warehouse, api)
    warehouse.load(api, resources=["costs"], since=days_ago(1))
    assert warehouse.value("select count(*) from openai_raw.users") == 13
