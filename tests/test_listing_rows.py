"""Listings become rows; a value of an unexpected type becomes null and is not an error."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_costs_source.extract.listing_rows import (
    API_KEYS,
    PROJECTS,
    USERS,
    api_key_rows,
    listed_rows,
    project_rows,
    read_listing,
    user_rows,
)

CREATED = 1764979200
CREATED_AT = datetime(2025, 12, 6, tzinfo=UTC)
WRONG_TYPES = [7, 1.5, True, [], ["x"], {}, {"x": 1}]
INVALID_TIMES = [2**63, 10**30, 253_402_300_800, 10**12, -1, -(10**30), 1.5, True, "2025-12-06"]


def listing(*objects, **envelope):
    page = {"object": "list", "data": objects, "has_more": False, **envelope}
    return json.dumps(page).encode()


def listed(*objects):
    return read_listing(listing(*objects)).objects


def project(**fields):
    return project_rows("org-1", listed({"id": "proj_1", **fields})).to_pylist()[0]


def user(**fields):
    return user_rows("org-1", listed({"id": "user-1", **fields})).to_pylist()[0]


def api_key(**fields):
    return api_key_rows("org-1", "proj_1", listed({"id": "key_1", **fields})).to_pylist()[0]


def owner_of(row):
    return [row[f"owner_{name}"] for name in ("type", "id", "name", "email")]


# Pages of a listing


def test_listing_has_its_objects_and_the_id_to_continue_after():
    page = read_listing(listing({"id": "a"}, {"id": "b"}, has_more=True, last_id="b"))
    assert ([one["id"] for one in page.objects], page.has_more, page.last_id) == (
        ["a", "b"],
        True,
        "b",
    )


def test_last_object_is_the_one_to_continue_after_if_the_page_names_none():
    assert read_listing(listing({"id": "a"}, {"id": "b"}, has_more=True)).last_id == "b"
    assert read_listing(listing({"id": "a"}, last_id=None)).last_id == "a"


def test_empty_listing_is_the_last_page():
    page = read_listing(listing())
    assert (list(page.objects), page.has_more, page.last_id) == ([], False, None)


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"null",
        b"[]",
        b"<html>Sign in</html>",
        b'{"error": {"message": "no"}}',
        listing({"id": "a"})[:-1],
        listing() + listing(),
        listing(object="page"),
        listing(data=None),
        listing(data={}),
        listing({"name": "no id"}),
        listing({"id": None}),
        listing({"id": 7}),
        listing("proj_1"),
        listing(None),
        b"\xff\xfe\x00",
        b'{"object": "list", "data": [{"id": "a", "created_at": NaN}]}',
    ],
)
def test_reply_that_is_not_a_listing_is_refused(reply):
    with pytest.raises(ValueError, match=r"."):
        read_listing(reply)


# Projects


def test_project_row_has_all_fields_of_the_api():
    projects = [
        {
            "object": "organization.project",
            "id": "proj_1",
            "name": "Größe 🧮",
            "status": "archived",
            "created_at": CREATED,
            "archived_at": CREATED + 86_400,
            "residency": "EU_STORAGE_PROCESSING",
            "unknown": {"x": 1},
        },
        {"id": "proj_2"},
    ]
    table = project_rows("org-1", listed(*projects))
    assert table.schema == PROJECTS
    assert table.to_pylist() == [
        {
            "organization_id": "org-1",
            "id": "proj_1",
            "name": "Größe 🧮",
            "status": "archived",
            "created_at": CREATED_AT,
            "archived_at": datetime(2025, 12, 7, tzinfo=UTC),
            "residency": "EU_STORAGE_PROCESSING",
        },
        {
            "organization_id": "org-1",
            "id": "proj_2",
            "name": None,
            "status": None,
            "created_at": None,
            "archived_at": None,
            "residency": None,
        },
    ]


def test_organization_of_an_object_is_that_of_the_key():
    assert project(organization_id="org-2")["organization_id"] == "org-1"


def test_no_objects_give_an_empty_table_with_the_same_schema():
    for table, schema in (
        (project_rows("org-1", []), PROJECTS),
        (user_rows("org-1", []), USERS),
        (api_key_rows("org-1", "proj_1", []), API_KEYS),
    ):
        assert (table.num_rows, table.schema) == (0, schema)


@pytest.mark.parametrize("value", WRONG_TYPES, ids=repr)
def test_text_of_a_wrong_type_becomes_null(value):
    assert project(name=value, status=value)["name"] is None
    assert user(name=value, email=value, role=value)["email"] is None
    assert api_key(name=value)["name"] is None


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
def test_listing_in_an_encoding_in_which_no_key_is_redacted_is_refused(encoding):
    assert read_listing(listing().decode().encode("utf-8-sig")).objects == []
    with pytest.raises(ValueError, match="not JSON"):
        read_listing(listing().decode().encode(encoding))


def test_text_that_no_warehouse_can_store_keeps_the_rest_of_the_listing():
    assert project(name="half a pair: \ud83d", status="active")["status"] == "active"


@pytest.mark.parametrize("moment", INVALID_TIMES, ids=repr)
def test_invalid_time_becomes_null(moment):
    assert project(created_at=moment, archived_at=moment)["created_at"] is None
    assert user(added_at=moment)["added_at"] is None
    assert api_key(created_at=moment)["created_at"] is None
    (row,) = listed_rows(
        "org-1", "api_key", "proj_1", [{"id": "key_1", "last_used_at": moment}], CREATED_AT
    ).to_pylist()
    assert (row["last_used_at"], row["listed_at"]) == (None, CREATED_AT)


def test_first_and_last_moments_of_the_calendar_are_kept():
    row = project(created_at=0, archived_at=253_402_300_799)
    assert row["created_at"] == datetime(1970, 1, 1, tzinfo=UTC)
    assert row["archived_at"] == datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


# Users


def test_user_row_has_all_fields_of_the_api():
    returned = {
        "object": "organization.user",
        "id": "user-1",
        "name": "One",
        "email": "one@example.com",
        "role": "owner",
        "is_service_account": False,
        "added_at": CREATED,
    }
    table = user_rows("org-1", listed(returned))
    assert table.schema == USERS
    assert table.to_pylist() == [
        {
            "organization_id": "org-1",
            "id": "user-1",
            "name": "One",
            "email": "one@example.com",
            "role": "owner",
            "is_service_account": False,
            "added_at": CREATED_AT,
        }
    ]


def test_name_and_email_are_found_inside_a_nested_user():
    row = user(role="reader", user={"id": "inner", "name": "One", "email": "one@example.com"})
    assert (row["id"], row["name"], row["email"], row["role"]) == (
        "user-1",
        "One",
        "one@example.com",
        "reader",
    )


def test_outer_name_wins_over_the_nested_one_unless_it_is_null():
    assert user(name="top", user={"name": "nested"})["name"] == "top"
    assert user(name=None, user={"name": "nested"})["name"] == "nested"


@pytest.mark.parametrize("value", [None, "user-1", *WRONG_TYPES], ids=repr)
def test_nested_user_of_a_wrong_type_is_ignored(value):
    row = user(name="One", user=value)
    assert (row["id"], row["name"], row["email"]) == ("user-1", "One", None)


@pytest.mark.parametrize("value", [None, "true", 1, 0, []], ids=repr)
def test_service_account_flag_of_a_wrong_type_becomes_null(value):
    assert user(is_service_account=True)["is_service_account"] is True
    assert user(is_service_account=value)["is_service_account"] is None


# API keys


def test_api_key_row_names_the_user_who_owns_it():
    owner = {
        "type": "user",
        "user": {"id": "user-1", "name": "One", "email": "one@example.com", "role": "owner"},
    }
    key = {"id": "key_1", "name": "ci", "created_at": CREATED}
    table = api_key_rows("org-1", "proj_1", listed({**key, "owner": owner}))
    assert table.schema == API_KEYS
    assert table.to_pylist() == [
        {
            "organization_id": "org-1",
            "id": "key_1",
            "project_id": "proj_1",
            "name": "ci",
            "owner_type": "user",
            "owner_id": "user-1",
            "owner_name": "One",
            "owner_email": "one@example.com",
            "created_at": CREATED_AT,
        }
    ]


def test_service_account_can_own_a_key():
    account = {"id": "svc_1", "name": "ci", "role": "member"}
    row = api_key(owner={"type": "service_account", "service_account": account})
    assert owner_of(row) == ["service_account", "svc_1", "ci", None]


@pytest.mark.parametrize("key", [{}, {"owner": None}, {"owner": {}}, {"owner": {"type": None}}])
def test_key_without_an_owner_is_kept(key):
    row = api_key(name="orphan", **key)
    assert (row["id"], row["name"], owner_of(row)) == ("key_1", "orphan", [None] * 4)


@pytest.mark.parametrize("owner", [{"type": "user"}, {"type": "user", "user": None}])
def test_deleted_owner_keeps_its_type(owner):
    assert owner_of(api_key(owner=owner)) == ["user", None, None, None]


def test_new_kind_of_owner_keeps_its_type_without_an_id():
    owner = {"type": "robot", "user": {"id": "user-1", "name": "One"}}
    assert owner_of(api_key(owner=owner)) == ["robot", None, None, None]


@pytest.mark.parametrize("value", ["user-1", *WRONG_TYPES], ids=repr)
def test_owner_of_a_wrong_type_is_null(value):
    assert owner_of(api_key(owner=value)) == [None] * 4


@pytest.mark.parametrize("value", WRONG_TYPES, ids=repr)
def test_owner_with_a_type_of_a_wrong_type_is_null(value):
    assert owner_of(api_key(owner={"type": value, "user": {"id": "user-1"}})) == [None] * 4


@pytest.mark.parametrize("value", ["user-1", *WRONG_TYPES], ids=repr)
def test_owning_user_of_a_wrong_type_is_null(value):
    assert owner_of(api_key(owner={"type": "user", "user": value})) == ["user", None, None, None]


@pytest.mark.parametrize("value", WRONG_TYPES, ids=repr)
def test_owner_with_fields_of_a_wrong_type_keeps_the_others(value):
    owner = {"type": "user", "user": {"id": "user-1", "name": value, "email": value}}
    assert owner_of(api_key(owner=owner)) == ["user", "user-1", None, None]


def test_owner_of_the_type_named_type_is_null():
    assert owner_of(api_key(owner={"type": "type"})) == ["type", None, None, None]


def test_project_of_a_key_is_the_requested_one():
    assert api_key(project_id="proj_2")["project_id"] == "proj_1"


def test_no_part_of_a_key_is_stored():
    key = {"redacted_value": "sk-admin-abc***xyz", "value": "sk-secret", "name": "ci"}
    row = api_key(**key, owner={"type": "user", "user": {"id": "u", "redacted_value": "sk-1"}})
    assert not any("sk-" in str(value) for value in row.values())


garbage = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(), max_size=6)
    | st.sampled_from(["user", "service_account", "type"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "name", "type", "user"]), inner, max_size=4)
    ),
    max_leaves=8,
)
fields = sorted({*PROJECTS.names, *USERS.names, *API_KEYS.names, "owner", "user"} - {"id"})


@given(st.dictionaries(st.sampled_from(fields), garbage, max_size=6))
def test_garbage_in_any_field_still_gives_one_row(item):
    for row in (project(**item), user(**item), api_key(**item)):
        assert row["organization_id"] == "org-1"
