"""Attribution of costs: names with history, reasons for unattributed costs, and teams."""

import json
import os
import shutil
from pathlib import Path

import duckdb
import pytest
from conftest import days_ago
from running import (
    PROJECT,
    READ_BY_THE_SUMMARY,
    WITHOUT_TESTS,
    build_models,
    dbt,
    dbt_process,
    run_pipeline,
    warnings_of,
)
from test_awkward_replies import Awkward, users_apart_before
from test_source import charge

DAY = days_ago(5)
ORGANIZATION = "org-demo-heliotrope"
HEADER = "organization_id,kind,id,team,cost_center\n"
MARTS = (
    "focus_costs",
    "daily_costs_by_user",
    "daily_costs_by_team",
    "projects",
    "users",
    "api_keys",
)
SELECTED_MARTS = ("-s", *(f"+openai__{mart}" for mart in MARTS))


@pytest.fixture
def spent(api, warehouse):
    """Five charges of one day, loaded without any listing."""
    api.overrides[DAY] = [
        charge("1", user_id="user-bruno", api_key_id="key_a"),
        charge("2", user_id="user-bruno", api_key_id="key_b"),
        charge("4", api_key_id="key_b"),
        charge("8"),
        charge("16", project_id="proj_search"),
    ]
    warehouse.load(api, resources=["costs"], since=DAY, until=days_ago(4))
    return warehouse


@pytest.fixture
def teams(tmp_path):
    """The path of teams.csv, in a folder of seeds whose name contains an apostrophe and a space."""
    folder = tmp_path / "finance's seeds"
    shutil.copytree(PROJECT / "dbt_project" / "own_seeds", folder)
    return folder / "teams.csv"


def build(warehouse, teams=None, *arguments, **settings):
    seeds = {"OPENAI_COSTS_SEEDS": str(teams.parent)} if teams else {}
    return dbt("build", *(arguments or SELECTED_MARTS), warehouse=warehouse, **seeds, **settings)


def create_listings(warehouse, *statements):
    """Create the tables of listings as the loader stores them, then run the statements."""
    tables = {
        "projects": "name text, status text, created_at timestamptz, archived_at timestamptz",
        "api_keys": "project_id text, name text, owner_type text, owner_id text, "
        "owner_name text, owner_email text, created_at timestamptz",
    }
    version = "version text, valid_from timestamptz, valid_to timestamptz"
    with duckdb.connect(str(warehouse.path)) as connection:
        connection.execute("set timezone = 'UTC'; use openai_raw")
        for table, columns in tables.items():
            connection.execute(
                f"create table {table} (organization_id text, id text, {columns}, {version})"
            )
        connection.execute(
            "create table listed (organization_id text, kind text, id text, project_id text, "
            "last_used_at timestamptz, listed_at timestamptz)"
        )
        connection.execute(
            "create table listings (organization_id text, kind text, project_id text, "
            "listed_at timestamptz)"
        )
        for statement in statements:
            connection.execute(statement)


def test_each_charge_goes_to_one_team_and_the_rest_to_unassigned(spent, teams):
    teams.write_text(
        HEADER + f"# {ORGANIZATION},project,proj_search,Commented out,\n"
        f"{ORGANIZATION},api_key,key_a,Chat,CC-1\n"
        f"{ORGANIZATION}, user , user-bruno ,Bruno's,\n\n"
        f"{ORGANIZATION},project,proj_storefront,Storefront,CC-3\n"
    )
    result = build(spent, teams)
    assert result.returncode == 0, result.stdout
    assert warnings_of(result.stdout) == []
    by_team = """
        select team, cost_center, unblended_cost::int
        from openai_marts.daily_costs_by_team order by unblended_cost
    """
    assert spent.rows(by_team) == [
        ("Chat", "CC-1", 1),
        ("Bruno's", None, 2),
        ("Storefront", "CC-3", 12),
        ("Unassigned", None, 16),
    ]


def test_team_of_a_charge_is_the_one_of_its_day(spent, teams):
    dated = f"{HEADER.strip()},valid_from,valid_to\n"
    teams.write_text(
        dated + f"{ORGANIZATION},user,user-bruno,Before,,,{days_ago(6)}\n"
        f"{ORGANIZATION},user,user-bruno,Bruno's,,{DAY},{DAY}\n"
        f"{ORGANIZATION},user,user-bruno,After,,{days_ago(4)},\n"
        f"{ORGANIZATION},project,proj_search,Search,,{days_ago(4)},\n"
    )
    # The table of the seed was created from a file without the columns of the days.
    assert dbt("seed", "-s", "teams", warehouse=spent).returncode == 0
    with duckdb.connect(str(spent.path)) as connection:
        connection.execute("alter table openai_staging.teams drop column valid_from cascade")
    result = build(spent, teams, "-s", "+openai__daily_costs_by_team", "+int_openai__check_teams")
    assert result.returncode == 0, result.stdout
    assert spent.rows("""
        select team, unblended_cost::int from openai_marts.daily_costs_by_team
        order by unblended_cost
    """) == [
        ("Bruno's", 3),
        ("Unassigned", 28),
    ]
    assert spent.rows(
        "select item, expected::int, actual::int from openai_intermediate.int_openai__check_teams"
    ) == [(None, 31, 31)]


def test_new_owner_and_new_names_change_no_earlier_day(spent):
    before, after = (f"timestamptz '{days_ago(n)} 06:00:00+00'" for n in (6, 1))
    create_listings(
        spent,
        f"""insert into projects by name select '{ORGANIZATION}' as organization_id,
            'proj_search' as id, 'Search' as name, 'v1' as version, {before} as valid_from""",
        f"""insert into api_keys by name select '{ORGANIZATION}' as organization_id, 'key_b' as id,
            'nightly' as name, 'user' as owner_type, 'user-ann' as owner_id, 'Ann' as owner_name,
            'v1' as version, {before} as valid_from""",
    )
    marts = (
        "+openai__daily_costs_by_user",
        "+openai__focus_costs",
        "+openai__daily_costs_by_project",
    )
    day_of_ann = """
        select x_PrincipalId, x_PrincipalName, x_CredentialName, SubAccountName, BilledCost::int,
            x_OwnerAssumedBecause
        from openai_marts.focus_costs
        where x_Attribution = 'key_owner' or SubAccountId = 'proj_search' order by BilledCost
    """
    expected = [
        ("user-ann", "Ann", "nightly", "Storefront assistant", 4, None),
        (None, None, None, "Search", 16, None),
    ]
    build_models("-s", *marts, *WITHOUT_TESTS, warehouse=spent)
    assert spent.rows(day_of_ann) == expected
    with duckdb.connect(str(spent.path)) as connection:
        connection.execute(f"""
            set timezone = 'UTC';
            use openai_raw;
            update projects set valid_to = {after};
            update api_keys set valid_to = {after};
            insert into projects by name select '{ORGANIZATION}' as organization_id,
                'proj_search' as id, 'Find' as name, 'v2' as version, {after} as valid_from;
            insert into api_keys by name select '{ORGANIZATION}' as organization_id, 'key_b' as id,
                'weekly' as name, 'user' as owner_type, 'user-bob' as owner_id, 'Bob' as owner_name,
                'v2' as version, {after} as valid_from;
        """)
    build_models("-s", *marts, *WITHOUT_TESTS, warehouse=spent)
    assert spent.rows(day_of_ann) == expected
    assert spent.rows("""
        select user_id, unblended_cost::int from openai_marts.daily_costs_by_user
        where attribution = 'key_owner'
    """) == [("user-ann", 4)]
    assert spent.rows("""
        select project_name from openai_marts.daily_costs_by_project
        where project_id = 'proj_search'
    """) == [("Find",)]


def test_build_does_not_change_the_seed_file(spent, teams):
    filled = HEADER + f"{ORGANIZATION},project,proj_storefront,Storefront,\n"
    teams.write_text(filled)
    for _ in range(2):
        assert build(spent, teams, "-s", "teams").returncode == 0
        assert teams.read_text() == filled


def test_each_invalid_row_is_reported_and_the_tables_are_built(spent, teams):
    teams.write_text(
        f"{HEADER.strip()},valid_from,valid_to\n"
        f"{ORGANIZATION},usr,user-9,Search,\n"
        ",user,user-1,Search,\n"
        f"{ORGANIZATION},,user-2,Search,\n"
        f"{ORGANIZATION},user,,Search,\n"
        f"{ORGANIZATION},user,user-3\n"
        f"{ORGANIZATION},user,user-4,unassigned,\n"
        f"{ORGANIZATION},user,user-5,Search,\n"
        f"{ORGANIZATION},service_account,user-5,Chat,\n"
        f'{ORGANIZATION},project,proj_storefront,"Ops\\ ""A""",CC\\\n'
        f"{ORGANIZATION},user,user-6,Search,,1.10.2026,\n"
        f"{ORGANIZATION},user,user-7,Search,,2026-10-02,2026-10-01\n"
        f"{ORGANIZATION},user,user-8,Search,,,2026-10-01\n"
        f"{ORGANIZATION},user,user-8,Chat,,2026-10-01,\n"
    )
    result = build(
        spent,
        teams,
        "-s",
        "+int_openai__team_errors",
        "+openai__daily_costs_by_team",
        "+openai__focus_costs",
    )
    assert result.returncode == 1
    assert "FAIL 12 teams_are_valid" in result.stdout
    assert "ERROR=1 SKIP=0" in result.stdout
    (tags,) = spent.rows(
        "select distinct Tags from openai_marts.focus_costs where Tags is not null"
    )
    assert json.loads(*tags) == {"team": 'Ops\\ "A"', "cost_center": "CC\\"}
    target = Path(os.environ["DBT_TARGET_PATH"])
    sql = (target / "compiled/openai_costs/tests/teams_are_valid.sql").read_text()
    assert spent.rows(f"select reason from ({sql})") == [
        ("row of user-1: organization_id is missing",),
        ("row of user-2: kind is missing",),
        ("row of user-3: team is missing",),
        ('row of user-4: team "unassigned" is reserved for costs without a team',),
        ('row of user-5, team "Chat": this service_account has another row for the same days',),
        ('row of user-5, team "Search": this user has another row for the same days',),
        ("row of user-6: valid_from is not a day such as 2026-10-01: 1.10.2026",),
        ("row of user-7: valid_to is before valid_from: 2026-10-01",),
        ('row of user-8, team "Chat": this user has another row for the same days',),
        ('row of user-8, team "Search": this user has another row for the same days',),
        ('row of user-9: kind "usr" is not one of user, service_account, project, api_key',),
        ('row without an id, team "Search": id is missing',),
    ]


def test_command_reports_the_invalid_rows(spent, teams):
    settings = {
        "DESTINATION__DUCKDB__CREDENTIALS": str(spent.path),
        "OPENAI_COSTS_SEEDS": str(teams.parent),
    }
    tests = ("+teams_refer_to_known_ids", "+teams_are_valid")
    only = (*tests, *READ_BY_THE_SUMMARY)
    unseen = f"{ORGANIZATION},project,proj_serach,Search,\n"
    teams.write_text(HEADER + unseen)
    result = run_pipeline("models", cwd=spent.folder, only=only, **settings)
    assert result.returncode == 0, result.stderr
    output = " ".join(result.stdout.split())
    assert (
        f"row of proj_serach: the warehouse does not know this project in {ORGANIZATION}" in output
    )
    teams.write_text(HEADER + f"{ORGANIZATION},user,user-1,,\n" * 3)
    result = run_pipeline("models", cwd=spent.folder, only=only, **settings)
    assert result.returncode == 1
    assert "row of user-1: team is missing; row of user-1: team is missing; and 1 more" in (
        result.stderr
    )


def test_each_id_has_names_costs_and_deletion(spent):
    after = f"timestamptz '{days_ago(1)} 23:30:00+00'"
    before = f"timestamptz '{days_ago(3)} 23:30:00+00'"
    create_listings(
        spent,
        f"""insert into projects by name select '{ORGANIZATION}' as organization_id,
            'proj_storefront' as id, * from (values
            ('Shop', 'v1', {before}, {after}), ('Storefront', 'v2', {after}, null)
        ) as versions(name, version, valid_from, valid_to)""",
        f"""insert into api_keys by name select '{ORGANIZATION}' as organization_id, 'key_a' as id,
            'proj_storefront' as project_id, 'chat' as name, 'service_account' as owner_type,
            'svc_1' as owner_id, 'bot' as owner_name, 'v1' as version, {before} as valid_from""",
        f"""insert into listed values
            ('{ORGANIZATION}', 'project', 'proj_storefront', '', null, {after}),
            ('{ORGANIZATION}', 'api_key', 'key_a', 'proj_storefront', {before}, {before})""",
        f"""insert into listings values ('{ORGANIZATION}', 'project', '', {after}),
            ('{ORGANIZATION}', 'api_key', 'proj_storefront', {after})""",
    )
    # Dates do not depend on the session's time zone, in which days start before the UTC days.
    selected = ("build", *SELECTED_MARTS, *WITHOUT_TESTS)
    result = dbt_process(*selected, warehouse=spent, TZ="Pacific/Kiritimati")
    assert result.returncode == 0, result.stdout
    yesterday = days_ago(1)
    assert spent.rows("""
        select project_id, project_name, former_name, renamed_on, first_seen, last_seen, is_deleted,
            unblended_cost::int
        from openai_marts.projects order by project_id
    """) == [
        ("proj_search", "Search and ranking", None, None, DAY, DAY, True, 16),
        ("proj_storefront", "Storefront", "Shop", yesterday, DAY, yesterday, False, 15),
    ]
    used = f"{days_ago(3)} 23:30:00"
    assert spent.rows("""
        select api_key_id, api_key_name, owner_name, owner_type, last_seen, last_used_at::text,
            is_deleted, unblended_cost::int
        from openai_marts.api_keys order by api_key_id
    """) == [
        ("key_a", "chat", "bot", "service_account", days_ago(3), used, True, 1),
        ("key_b", "key_b", None, None, DAY, None, True, 6),
    ]
    # No listing of users was read, so whether Bruno was deleted is unknown.
    assert spent.rows("""
        select user_id, user_name, user_type, is_deleted, unblended_cost::int
        from openai_marts.users order by user_id
    """) == [
        ("svc_1", "bot", "service_account", None, 0),
        ("user-bruno", "bruno@heliotrope.example", "user", None, 3),
    ]


def test_unattributed_costs_have_a_reason_and_the_shipped_seed_assigns_nothing(spent):
    build_models(*SELECTED_MARTS, warehouse=spent)
    assert spent.rows("select distinct team from openai_marts.daily_costs_by_team") == [
        ("Unassigned",)
    ]
    assert spent.rows("""
        select x_UnattributedBecause, sum(BilledCost)::int from openai_marts.focus_costs
        where x_Attribution = 'unattributed' group by all order by all
    """) == [("no API key", 24), ("the API returned no owner of the key", 4)]
    assert spent.rows("""
        select unattributed_because, unblended_cost::int from openai_marts.daily_costs_by_user
        order by unblended_cost
    """) == [(None, 3), ("no API key", 28)]


def test_days_without_keys_have_a_reason(api, warehouse):
    dimensions = ["project_id", "line_item"]
    warehouse.load(api, resources=["costs"], since=DAY, until=days_ago(4), group_by=dimensions)
    build_models("-s", "+openai__daily_costs_by_user", warehouse=warehouse)
    assert warehouse.rows(
        "select distinct unattributed_because from openai_marts.daily_costs_by_user"
    ) == [("the API returned no keys for that day",)]


def test_costs_moved_between_users_fail_where_the_api_returns_totals_by_user(
    organization, warehouse
):
    with Awkward(organization) as api:
        api.bend = users_apart_before(days_ago(2))
        warehouse.load(api, resources=["costs"], since=DAY)
    build_models("-s", "+int_openai__check_identities", warehouse=warehouse)
    assert warehouse.rows(f"""
        select distinct unattributed_because from openai_marts.daily_costs_by_user
        where date < '{days_ago(2)}' and attribution = 'unattributed'
    """) == [("the API returned no user",)]
    with duckdb.connect(str(warehouse.path)) as connection:
        # A view cannot be updated, so a table with its rows replaces it.
        mart = "openai_marts.daily_costs_by_user"
        connection.execute(f"create table shown as from {mart}; drop view {mart}")
        connection.execute(f"create table {mart} as from shown")
        connection.execute(f"""
            update openai_marts.daily_costs_by_user as costs
            set unblended_cost = unblended_cost + change
            from (
                select user_id, case row_number() over (order by user_id)
                    when 1 then 0.000000000000000001 else -0.000000000000000001 end as change
                from openai_marts.daily_costs_by_user
                where date = '{DAY}' and user_id is not null order by user_id limit 2
            ) as moved
            where costs.user_id = moved.user_id and costs.date = '{DAY}'
        """)
    build_models("-s", "int_openai__check_identities", warehouse=warehouse)
    assert warehouse.rows("""
        select date, count(*) from openai_intermediate.int_openai__check_identities
        where expected <> actual group by date
    """) == [(DAY, 2)]
