"""The findings of `check`, each with a remedy, and what `status` shows of a warehouse."""

import contextlib
import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import duckdb
import pytest
from conftest import TODAY, Warehouse, days_ago
from running import run_pipeline
from test_source import charge

from openai_costs.dbt_runner import FOLDERS
from openai_costs_source.doctor import check_key
from openai_costs_source.simulator import failure_modes, server
from openai_costs_source.simulator.api import DEMO_ADMIN_KEY, SimulatedApi
from openai_costs_source.simulator.organization import Organization

KEY = {"OPENAI_ADMIN_KEY": DEMO_ADMIN_KEY}
KEYS_PAGE = "https://platform.openai.com/settings/organization/admin-keys"
OTHER_KEYS = {
    "sk-proj-0123456789": "It is a project's key",
    "sk-svcacct-0123456789": "It is a service account's key",
    "sk-0123456789": "It is an ordinary key",
}


def findings(api, key=DEMO_ADMIN_KEY):
    """Return the findings of a key, by the name of the check."""
    return {found.check: found for found in check_key(key, api.base_url, TODAY)}


def findings_with(organization, *modes):
    with SimulatedApi(organization, failure_modes=modes) as api:
        return findings(api)


def check(folder, api, **settings):
    """Return the exit code of `check --json` and its findings, by check or (check, key number)."""
    environment = {"OPENAI_BASE_URL": api.base_url, **KEY, **settings}
    result = run_pipeline("check", "--json", cwd=folder, **environment)
    report = json.loads(result.stdout)
    assert set(report) == {"is_loadable", "findings"}
    assert report["is_loadable"] is (result.returncode == 0)
    assert "Traceback" not in result.stderr
    return result.returncode, {
        (found["check"], found["key"]) if found["key"] else found["check"]: found
        for found in report["findings"]
    }


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# A key and its organization


def test_healthy_organization_has_nothing_to_fix(api, organization):
    found = findings(api)
    assert {each.status for each in found.values()} == {"ok", "note"}
    assert {name for name, each in found.items() if each.status == "note"} == {"detail"}
    assert f"{organization.name} ({organization.id})" in found["organization"].finding
    assert str(organization.earliest) in found["history"].finding


def test_check_of_a_healthy_organization_is_one_json_object_and_exits_with_0(api, tmp_path):
    exit_code, found = check(tmp_path, api)
    assert exit_code == 0
    assert {each["status"] for each in found.values()} == {"ok", "note"}
    assert {"key", "costs", "organization", "users", "warehouse", "dbt"} <= set(found)


def test_check_prints_whether_a_load_is_possible(api, tmp_path):
    result = run_pipeline("check", cwd=tmp_path, OPENAI_BASE_URL=api.base_url, **KEY)
    assert result.returncode == 0
    assert result.stdout.splitlines()[-1] == "A load is possible."
    assert "Heliotrope Labs" in result.stdout
    assert result.stderr == ""


def test_waiting_for_a_rate_limit_does_not_break_the_json(organization, tmp_path, monkeypatch):
    def first_is_limited(request, reply):
        return (
            reply if request.number else failure_modes.FAILURE_MODES["rate-limit"](request, reply)
        )

    monkeypatch.setitem(failure_modes.FAILURE_MODES, "first", first_is_limited)
    with SimulatedApi(organization, failure_modes=["first"]) as api:
        exit_code, found = check(tmp_path, api)
    assert (exit_code, found["costs"]["status"]) == (0, "ok")


@pytest.mark.parametrize("key", ["", "sk-proj-0123456789"])
def test_missing_key_and_key_of_another_format_send_nothing(api, tmp_path, key):
    exit_code, found = check(tmp_path, api, OPENAI_ADMIN_KEY=key)
    assert exit_code == 2
    assert found["key"]["status"] == "failed"
    text = f"{found['key']['finding']} {found['key']['remedy']}"
    assert (OTHER_KEYS[key] if key else "No key") in text
    assert KEYS_PAGE in text
    assert api.requests == []


@pytest.mark.parametrize("key", OTHER_KEYS)
def test_key_of_another_kind_is_recognized_by_its_format(api, key):
    (found,) = check_key(key, api.base_url, TODAY)
    assert found.status == "failed"
    assert OTHER_KEYS[key] in found.finding
    assert KEYS_PAGE in found.remedy
    assert key not in f"{found}"
    assert api.requests == []


def test_remedy_for_a_revoked_key_is_a_new_one(api):
    found = findings(api, "sk-admin-revoked")["costs"]
    assert found.status == "failed"
    assert "Incorrect API key provided" in found.finding
    assert "create a new admin key" in found.remedy


def test_key_of_somebody_who_is_not_an_owner_is_recognized_with_either_status(organization):
    forbidden = findings_with(organization, "ordinary-key")["costs"]
    unauthorized = findings_with(organization, "ordinary-key-401")["costs"]
    assert forbidden.status == unauthorized.status == "failed"
    assert "403" in forbidden.finding
    assert "401" in unauthorized.finding
    assert forbidden.remedy == unauthorized.remedy
    assert "Organization Owner" in forbidden.remedy


def test_key_that_may_not_read_names_can_load(organization, tmp_path):
    with SimulatedApi(organization, failure_modes=["no-management-scope"]) as api:
        exit_code, found = check(tmp_path, api)
    assert exit_code == 0
    assert found["costs"]["status"] == "ok"
    for listing in ("projects", "users"):
        assert found[listing]["status"] == "warning"
        assert "api.management.read" in found[listing]["finding"]
        assert "Organization administration" in found[listing]["remedy"]


def test_key_that_may_not_read_costs_cannot_load(organization, tmp_path):
    with SimulatedApi(organization, failure_modes=["no-usage-scope"]) as api:
        exit_code, found = check(tmp_path, api)
    assert exit_code == 1
    assert found["costs"]["status"] == "failed"
    assert "api.usage.read" in found["costs"]["finding"]
    assert "Usage API scope" in found["costs"]["remedy"]
    assert found["users"]["status"] == "ok"


def test_key_of_another_organization_is_a_warning_that_names_it(organization, tmp_path):
    with SimulatedApi(organization, failure_modes=["other-organization"]) as api:
        exit_code, found = check(tmp_path, api)
    assert exit_code == 0
    assert found["organization"]["status"] == "warning"
    assert "org-demo-empty" in found["organization"]["finding"]
    assert "another organization's" in found["organization"]["remedy"]


def test_organization_is_named_if_only_rows_by_project_have_its_name(organization, monkeypatch):
    def without_name(request, reply):
        if not request.path.endswith("/costs") or request.group_by:
            return reply
        return replace(reply, body=reply.body.replace("organization_name", "another_name"))

    monkeypatch.setitem(failure_modes.FAILURE_MODES, "nameless totals", without_name)
    found = findings_with(organization, "nameless totals")["organization"]
    assert found.finding == "The key belongs to Heliotrope Labs (org-demo-heliotrope)."


def test_load_is_not_possible_if_grouped_costs_cannot_be_read(organization, monkeypatch):
    def down(request, reply):
        return replace(reply, status=503) if "api_key_id" in request.group_by else reply

    monkeypatch.setattr("openai_costs_source.doctor.MAX_WAIT_SECONDS", 0)
    monkeypatch.setitem(failure_modes.FAILURE_MODES, "no keys", down)
    found = findings_with(organization, "no keys")["costs"]
    assert found.status == "failed"
    assert "503" in found.finding


def test_organization_that_stopped_spending_is_named_too(organization):
    unused = {days_ago(age): [] for age in range(40)}
    with SimulatedApi(organization, overrides=unused) as api:
        found = findings(api)["organization"]
    assert found.status == "warning"
    assert organization.name in found.finding
    assert found.remedy


def test_first_day_with_api_keys_is_named(organization):
    found = findings_with(organization, "key-floor")["costs by API key"]
    assert found.status == "note"
    assert str(days_ago(20)) in found.finding
    assert "Earlier days load without" in found.remedy


@pytest.mark.parametrize(
    ("trap", "extent"),
    [("users-apart", "does not return"), ("users-apart-before", "part of the history")],
)
def test_users_that_do_not_combine_with_projects_are_noted(organization, trap, extent):
    found = findings_with(organization, trap)["costs by user"]
    assert found.status == "note"
    assert extent in found.finding
    assert "costs_by_user" in found.remedy


def test_first_day_of_openais_history_is_named_with_advice_to_load_in_time(api, organization):
    found = findings(api)["history"]
    assert str(organization.earliest) in found.finding
    assert "Load before" in found.remedy


@pytest.mark.parametrize(
    ("seconds", "status", "words"),
    [
        (-1200, "warning", "ahead of"),
        (1200, "warning", "behind"),
        (60, "ok", "within"),
        (None, "note", "have no time"),
    ],
)
def test_clock_that_is_wrong_is_a_warning(api, monkeypatch, seconds, status, words):
    def date_time_string(self, timestamp=None):
        if seconds is None:
            return ""
        moment = datetime.now(UTC) + timedelta(seconds=seconds)
        return f"{moment:%a, %d %b %Y %H:%M:%S} GMT"

    monkeypatch.setattr(server._Handler, "date_time_string", date_time_string)
    found = findings(api)["clock"]
    assert found.status == status
    assert words in found.finding
    if status == "warning":
        assert re.search(r" 1,(19|20)\d s ", found.finding)
        assert found.remedy


def test_gateway_that_drops_the_header_matters_if_rows_do_not_name_the_organization(
    organization,
):
    assert findings_with(organization, "no-header")["organization"].status == "ok"
    found = findings_with(organization, "no-header", "no-extras")["organization"]
    assert found.status == "warning"
    assert "gateway" in found.remedy


def test_reply_of_a_captive_portal_is_not_an_empty_bill(organization):
    found = findings_with(organization, "captive-portal")
    assert found["costs"].status == "failed"
    assert "not JSON" in found["costs"].finding
    assert "proxy" in found["costs"].remedy
    assert "organization" not in found


def test_each_of_several_keys_has_its_own_findings(api, tmp_path):
    keys = {"OPENAI_ADMIN_KEY": f"{DEMO_ADMIN_KEY},sk-admin-revoked"}
    exit_code, found = check(tmp_path, api, **keys)
    assert exit_code == 1
    assert found["costs", 1]["status"] == "ok"
    assert found["costs", 2]["status"] == "failed"
    assert {name for name in found if isinstance(name, str)} == {"warehouse", "seeds", "dbt"}
    result = run_pipeline("check", cwd=tmp_path, OPENAI_BASE_URL=api.base_url, **keys)
    assert result.returncode == 1
    lines = result.stdout.splitlines()
    assert any("key 2: costs: " in line and "Incorrect API key" in line for line in lines)
    assert lines[-1] == "No load is possible yet."


def test_key_of_another_format_among_several_is_named_by_its_number(api, tmp_path):
    keys = {"OPENAI_ADMIN_KEY": f"{DEMO_ADMIN_KEY},sk-proj-0123456789"}
    exit_code, found = check(tmp_path, api, **keys)
    assert exit_code != 0
    assert found["key", 2]["status"] == "failed"
    assert "project's key" in found["key", 2]["finding"]


# The warehouse, dbt and the settings


FIRST_DAY = days_ago(40)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """A warehouse with every day that an API returns, and this API."""
    organization = Organization(TODAY)
    organization.earliest = FIRST_DAY
    warehouse = Warehouse(tmp_path_factory.mktemp("loaded"))
    with SimulatedApi(organization) as api:
        warehouse.load(api, resources=["costs"])
        yield warehouse, api


@pytest.fixture
def copy(loaded, tmp_path):
    warehouse = Warehouse(tmp_path)
    shutil.copy(loaded[0].path, warehouse.path)
    return warehouse


def place(path):
    return {"DESTINATION__DUCKDB__CREDENTIALS": str(path)}


@contextlib.contextmanager
def open_elsewhere(path):
    """Keep this DuckDB file open in another process during the block."""
    program = "import duckdb, sys; _ = duckdb.connect(sys.argv[1]); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        yield process
        process.kill()


def test_check_leaves_no_file_behind(api, tmp_path):
    written = {"DBT_TARGET_PATH": str(tmp_path / "target"), "DBT_LOG_PATH": str(tmp_path / "logs")}
    assert check(tmp_path, api, **written)[0] == 0
    assert contents(tmp_path) == {}


def test_check_changes_nothing_in_the_warehouse(api, copy):
    before = contents(copy.folder)
    exit_code, found = check(copy.folder, api, **place(copy.path))
    assert exit_code == 0
    assert str(copy.path) in found["warehouse"]["finding"]
    assert contents(copy.folder) == before


def test_warehouse_that_another_process_locks_is_named_with_the_process(api, copy):
    with open_elsewhere(copy.path) as other:
        exit_code, found = check(copy.folder, api, **place(copy.path))
    assert exit_code == 1
    assert found["warehouse"]["status"] == "failed"
    assert (
        f"{copy.path} is open in another program (PID {other.pid})" in found["warehouse"]["finding"]
    )
    assert "close it there" in f"{found['warehouse']}"


def test_damaged_warehouse_has_a_remedy(api, copy):
    whole = copy.path.read_bytes()
    copy.path.write_bytes(b"\0" * 4096 + whole[4096:])
    exit_code, found = check(copy.folder, api, **place(copy.path))
    assert exit_code == 1
    assert found["warehouse"]["status"] == "failed"
    assert str(copy.path) in found["warehouse"]["finding"]
    assert found["warehouse"]["remedy"]


@pytest.mark.parametrize("folder", ["missing", "blocked"])
def test_warehouse_in_a_folder_that_does_not_exist_has_a_remedy(api, tmp_path, folder):
    exit_code, found = check(tmp_path, api, **place(tmp_path / folder / "warehouse.duckdb"))
    assert exit_code == 1
    assert found["warehouse"]["status"] == "failed"
    assert "open in another program" not in found["warehouse"]["finding"]
    assert "No such file or directory" in found["warehouse"]["finding"]
    assert found["warehouse"]["remedy"]
    assert not (tmp_path / folder).exists()


def test_dbt_without_its_profile_has_a_remedy(api, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "openai_costs.commands.check.FOLDERS", (*FOLDERS[:2], "--profiles-dir", str(tmp_path))
    )
    exit_code, found = check(tmp_path, api)
    assert exit_code == 1
    assert found["dbt"]["status"] == "failed"
    assert "dbt debug" in found["dbt"]["remedy"]
    assert found["costs"]["status"] == "ok"


def test_setting_that_a_load_would_refuse_is_a_finding_and_sends_nothing(api, tmp_path):
    wrong = {"SOURCES__OPENAI_COSTS__USER_EMAILS": "md5"}
    exit_code, found = check(tmp_path, api, **wrong)
    assert exit_code != 0
    assert any("user_emails is md5" in each["finding"] for each in found.values())
    assert api.requests == []


# Status


def status(warehouse, **settings):
    """Return the facts that `status` prints for each organization, by label, and all it prints."""
    result = run_pipeline("status", cwd=warehouse.folder, **place(warehouse.path), **settings)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    facts = {}
    for line in result.stdout.splitlines():
        if line and not line.startswith(" "):
            shown = facts.setdefault(line, {})
        elif line.startswith("  ") and line[2] != " ":
            shown[line[2:26].strip()] = line[26:]
    return facts, result.stdout


def only_facts(warehouse):
    facts, printed = status(warehouse)
    (shown,) = facts.values()
    return shown, printed


def test_status_shows_the_loaded_days_and_that_today_is_open(copy):
    shown, _ = only_facts(copy)
    days = (TODAY - FIRST_DAY).days + 1
    assert shown["Days"] == f"{days}, {FIRST_DAY} to {TODAY}"
    assert shown["Not over when read"] == str(TODAY)
    assert shown["Missing"] == "none"
    assert "minutes ago" in shown["Loaded"]
    assert "no closed day" in shown["Restated"]


def keep_days(warehouse, *ages):
    """Keep only the days in the ledger that are within these ranges of ages, in days."""
    kept = " or ".join(
        f"date between '{days_ago(one)}' and '{days_ago(other)}'" for one, other in ages
    )
    change(warehouse, f"delete from openai_raw.cost_days where not ({kept})")


def test_status_shows_the_days_that_are_missing_in_between(copy):
    keep_days(copy, (20, 16), (10, 6), (4, 2))
    shown, _ = only_facts(copy)
    assert shown["Days"] == f"13, {days_ago(20)} to {days_ago(2)}"
    gaps = [f"{days_ago(15)} to {days_ago(11)}", str(days_ago(5)), str(days_ago(1))]
    assert shown["Missing"] == ", ".join(gaps)
    assert shown["Not over when read"] == "none"


def test_status_shows_the_days_on_which_rows_and_ledger_differ(copy):
    shown, _ = only_facts(copy)
    assert shown["Rows differ from ledger"] == "none"
    change(copy, f"delete from openai_raw.costs where date = '{days_ago(3)}'")
    shown, _ = only_facts(copy)
    assert shown["Rows differ from ledger"] == str(days_ago(3))


def test_status_shows_a_day_that_was_skipped_because_it_did_not_add_up(organization, warehouse):
    with SimulatedApi(organization, failure_modes=["row-is-missing"]) as api:
        warehouse.load(api, resources=["costs"], since=days_ago(6))
    shown, _ = only_facts(warehouse)
    assert shown["Missing"] == str(days_ago(4))


def test_status_shows_that_days_about_to_leave_the_history_are_loaded(copy):
    shown, _ = only_facts(copy)
    last = FIRST_DAY + timedelta(days=29)
    assert shown["OpenAI returns"] == f"days from {FIRST_DAY} on"
    assert shown["Expiring soon"] == f"{FIRST_DAY} to {last}, all loaded"


def test_status_shows_which_days_to_load_before_they_leave_the_history(copy):
    keep_days(copy, (40, 35))
    shown, _ = only_facts(copy)
    first, last = (FIRST_DAY + timedelta(days=ahead) for ahead in (6, 29))
    to_load = f"{first} to {last}, not loaded: run with --since {first}"
    assert shown["Expiring soon"] == to_load


def test_status_of_a_short_history_names_no_day_that_is_not_over_as_not_loaded(copy):
    keep_days(copy, (20, 1))
    change(copy, f"update openai_raw.organizations set earliest_day = '{days_ago(20)}'")
    shown, _ = only_facts(copy)
    assert shown["Expiring soon"] == f"{days_ago(20)} to {days_ago(1)}, all loaded"
    change(copy, f"update openai_raw.organizations set earliest_day = '{TODAY}'")
    shown, _ = only_facts(copy)
    assert shown["OpenAI returns"] == f"days from {TODAY} on"
    assert shown["Expiring soon"] == "none"


def change(warehouse, sql):
    with duckdb.connect(str(warehouse.path)) as connection:
        connection.execute(sql)


def test_status_assumes_that_openais_history_loses_a_day_each_day(copy):
    change(
        copy,
        "update openai_raw.organizations set earliest_seen_on = earliest_seen_on - interval 3 day",
    )
    shown, _ = only_facts(copy)
    assert shown["OpenAI returns"] == f"days from {FIRST_DAY + timedelta(days=3)} on"


def test_status_lists_restatements_with_former_and_new_amounts(loaded, copy):
    _, api = loaded
    day = days_ago(5)
    was = copy.value(f"select row_amount from openai_raw.cost_days where date = '{day}'")
    api.overrides[day] = [charge("1.25"), charge("0.000000000000000001", currency=" ")]
    try:
        copy.load(api, resources=["costs"], since=day)
    finally:
        api.overrides.clear()
    shown, printed = only_facts(copy)
    former = f"{was:f}".rstrip("0")
    assert f"{day} from {former} to 1.250000000000000001 USD, seen on {TODAY}" in printed
    assert "up to 5 days later" in shown["Restated"]


@pytest.mark.parametrize(("ago", "age"), [("3 day", "3 days ago"), ("5 hour", "5 hours ago")])
def test_status_shows_how_old_the_last_load_is(copy, ago, age):
    change(copy, f"update openai_raw.cost_days set loaded_at = loaded_at - interval {ago}")
    facts, _ = only_facts(copy)
    assert facts["Loaded"].endswith(age)


class OtherOrganization(Organization):
    id = "org-demo-other"
    slug = "other"
    name = "Other Labs"


def test_status_shows_each_organization_separately(copy):
    with SimulatedApi(OtherOrganization(TODAY)) as other:
        copy.load(other, resources=["costs"], since=days_ago(3))
    facts, _ = status(copy)
    assert list(facts) == ["Heliotrope Labs (org-demo-heliotrope)", "Other Labs (org-demo-other)"]
    assert facts["Other Labs (org-demo-other)"]["Days"].startswith("4, ")
    assert facts["Heliotrope Labs (org-demo-heliotrope)"]["Missing"] == "none"


def test_status_needs_no_key_sends_nothing_and_changes_nothing(api, copy):
    before = contents(copy.folder)
    status(copy, OPENAI_BASE_URL=api.base_url)
    assert api.requests == []
    assert contents(copy.folder) == before


def test_status_of_a_missing_or_empty_warehouse_is_one_sentence(tmp_path):
    path = tmp_path / "openai_costs.duckdb"
    for exists, sentence in ((False, "does not exist"), (True, "has no costs yet")):
        if exists:
            duckdb.connect(str(path)).close()
        result = run_pipeline("status", cwd=tmp_path)
        assert result.returncode == 1
        assert sentence in result.stderr
        assert len(result.stderr.splitlines()) == 1
        assert result.stdout == ""
        assert path.exists() == exists


def status_failure(warehouse):
    result = run_pipeline("status", cwd=warehouse.folder, **place(warehouse.path))
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    return result.stderr


def test_status_of_a_warehouse_that_is_open_elsewhere_is_one_sentence(copy):
    with open_elsewhere(copy.path):
        assert f"{copy.path} is open in another program" in status_failure(copy)


def test_status_of_a_warehouse_with_a_missing_table_is_one_sentence(copy):
    change(copy, "drop table openai_raw.cost_restatements")
    assert "cost_restatements" in status_failure(copy)
