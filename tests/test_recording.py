"""Recordings: a replay loads the same rows, up to pseudonyms and one factor, and nothing leaks."""

import json
import re
import shutil
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import conftest
import dlt
import duckdb
import pyarrow.parquet as pq
import pytest
import test_refusals
from conftest import TODAY, RememberingApi, ShortHistory, days_ago, known
from dlt.pipeline.exceptions import PipelineStepFailed
from hypothesis import example, given
from hypothesis import strategies as st
from requests.exceptions import ProxyError
from running import run_pipeline
from test_refusals import FLOOR, HISTORY_START

from openai_costs.commands.record import own_hosts
from openai_costs_source import OpenAICostsError, openai_costs
from openai_costs_source.api.client import Exchange
from openai_costs_source.api.network import explained
from openai_costs_source.doctor import check_key
from openai_costs_source.recording.anonymize import Anonymizer
from openai_costs_source.recording.record import Recorder
from openai_costs_source.recording.replay import REPLAY_KEY, RecordedApi
from openai_costs_source.simulator.api import DEMO_ADMIN_KEY
from openai_costs_source.simulator.failure_modes import FAILURE_MODES

REFUSALS = test_refusals.test_refusal_refuses_the_dimension_that_it_names_as_the_problem.pytestmark[
    0
]
"""The sentences of the API that the client acts on."""
NOW = datetime(TODAY.year, TODAY.month, TODAY.day, 12, tzinfo=UTC)
FACTOR = Decimal("0.731612345678")
TUNED = "ft:gpt-4o-2024-08-06:heliotrope:claims-triage:Bq7XaLd2"

PRIVATE = {
    *("organization_id", "organization_name", "name_in_header", "project_id"),
    *("project_name", "user_id", "user_email", "api_key_id", "id", "name", "email"),
    *("owner_id", "owner_name", "owner_email", "vector_store_id"),
}
TUNED_NAMES = {"line_item", "model"}
DERIVED = {"version"}


@pytest.fixture(autouse=True)
def no_waits(monkeypatch):
    monkeypatch.setattr("openai_costs_source.api.retry._sleep", lambda seconds, cancelled: None)


class Few(ShortHistory):
    """The demo organization with a tenth of its charges, and those of a fine-tuned model."""

    def _charges_on(self, day):
        charges = super()._charges_on(day)
        if not charges:
            return []
        tuned = next(charge for charge in charges if charge.quantity)
        return [*charges[::10], tuned._replace(line_item=f"{TUNED}, input")]


FEW = Few(TODAY)
NAMES = (*conftest.FEW, "spend_limits")


WITH_USAGE = {"", "no-usage-kind", "usage-lost", "other-organization", "rate-limit"}
"""The modes in which usage is loaded too."""


def extracted(folder, base_url, key, resources=(), now=NOW, **settings):
    """The rows of a first load by table, and the message that it ended with.

    Without `resources`, loads all.
    """
    pipeline = dlt.pipeline(
        "recorded",
        destination=dlt.destinations.duckdb(str(folder / "recorded.duckdb")),
        dataset_name="openai_raw",
        pipelines_dir=str(folder),
    )
    message = None
    try:
        source = openai_costs(admin_key=key, base_url=base_url, now=now, **settings)
        pipeline.extract(source.with_resources(*resources) if resources else source)
    except PipelineStepFailed as failed:
        error = failed
        while not isinstance(error, OpenAICostsError):
            error = error.__cause__ or error.__context__
        message = str(error)
    rows = {}
    for file in sorted(folder.rglob("*.parquet"), key=lambda file: file.stat().st_mtime_ns):
        rows.setdefault(file.name.split(".")[0], []).extend(pq.read_table(file).to_pylist())
    return rows, message


class Recording:
    """A recorded load, its rows and message, and the bodies that the API returned."""

    def __init__(self, folder, api, resources=(), now=NOW, **settings):
        self.resources = resources
        self.folder = folder / "recording"
        self.anonymizer = Anonymizer(FACTOR)
        self.settings = {"start_date": str(days_ago(22)), **settings}
        self.recorder = Recorder(self.folder, now, self.settings, self.anonymizer)
        self.bodies = []
        self.rows, self.message = extracted(
            *(folder / "direct", api.base_url, DEMO_ADMIN_KEY, resources),
            now=now,
            observe=self._observe,
            **self.settings,
        )
        self.recorder.finish(self.message)

    def _observe(self, exchange):
        self.bodies.append(exchange.body.decode())
        self.recorder(exchange)

    def replayed(self, folder):
        with RecordedApi(self.folder) as api:
            return extracted(
                *(folder, api.base_url, REPLAY_KEY, self.resources),
                max_wait_seconds=0,
                **api.settings,
            )

    @property
    def content(self):
        return b"\n".join(file.read_bytes() for file in self.folder.iterdir())


def assert_same_up_to_replacement(rows, replayed):
    """The rows are equal, except that texts map one to one and numbers are multiplied."""
    assert replayed.keys() == rows.keys()
    pairs = set()
    for table, originals in rows.items():
        assert len(replayed[table]) == len(originals), table
        for original, copy in zip(originals, replayed[table], strict=True):
            assert copy.keys() == original.keys()
            for name in original.keys() - DERIVED:
                assert_same_value(name, original[name], copy[name], pairs)
    for side in (0, 1):
        assert len({pair[side] for pair in pairs}) == len(pairs)


def assert_same_value(name, original, copy, pairs):
    __tracebackhide__ = True
    is_tuned = name in TUNED_NAMES and "ft:" in str(original)
    if isinstance(original, str) and original and (name in PRIVATE or is_tuned):
        assert copy != original, (name, original)
        pairs.add((original, copy))
    elif name == "threshold_amount":
        assert copy == round(original * FACTOR, 2), (name, original)  # Whole cents.
    elif isinstance(original, Decimal) and original.as_tuple().exponent == -18:
        assert abs(copy - original * FACTOR) < Decimal("1e-16"), (name, original, copy)
    elif isinstance(original, Decimal) and original % 1:
        assert abs(copy - original * FACTOR) < Decimal("1e-8"), (name, original, copy)
    elif isinstance(original, int | Decimal) and not isinstance(original, bool):
        if name != "row_count":
            assert copy == (max(round(original * FACTOR), 1) if original else 0), (name, original)
    elif isinstance(original, datetime) and name.endswith("_at"):
        assert copy.date() == original.date()
    else:
        assert copy == original, name


@pytest.mark.parametrize("mode", ["", *FAILURE_MODES])
def test_replay_loads_the_recorded_rows_or_fails_with_the_same_message(mode, tmp_path):
    with RememberingApi(FEW, overrides={}, failure_modes=[mode] if mode else []) as api:
        recording = Recording(tmp_path, api, resources=() if mode in WITH_USAGE else NAMES)
    rows, message = recording.replayed(tmp_path / "replayed")
    assert_same_up_to_replacement(recording.rows, rows)
    expected = recording.message and recording.anonymizer.pseudonyms.in_text(recording.message)
    assert message == expected


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """A recording of all resources, which no test may change."""
    with pytest.MonkeyPatch.context() as patch, RememberingApi(FEW, overrides={}) as api:
        patch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
        return Recording(tmp_path_factory.mktemp("recorded"), api)


def private_texts(bodies):
    """Each id, name and address in these bodies, and the digits of each amount."""
    text = "\n".join(bodies)
    fields = "id|[a-z_]+_id|name|[a-z]+_name|email|user_email|redacted_value|last_id"
    texts = set(re.findall(rf'"(?:{fields})": "([^"]+)"', text))
    texts |= set(re.findall(r'"recipients": \["([^"]+)"\]', text))
    amounts = set(re.findall(r'"value": "?-?(\d+\.\d{6,})', text))
    return texts, {amount for amount in amounts if Decimal(amount)}


def test_recording_contains_no_id_name_address_or_amount(recording):
    texts, amounts = private_texts(recording.bodies)
    assert {"proj_storefront", "Kavya Raman", "kavya@heliotrope.example"} <= texts
    assert len(texts) > 50
    assert len(amounts) > 200
    texts |= {DEMO_ADMIN_KEY, "heliotrope", "claims-triage", "Bq7XaLd2", "demo"}
    content = recording.content.decode()
    assert [text for text in texts if text.lower() in content.lower()] == []
    words = set(re.findall(r"\d+\.\d{6,}", content))
    assert amounts & words == set()


HOSTILE_PROJECT = {
    "object": "organization.project",
    "id": "proj_zeppelin",
    "name": "Skunkworks",
    "status": "active, says Jane Doe",
    "residency": "Acmestraße 5",
    "type": "DE89370400440532013000",
    "source": "Acme payroll Berlin",
    "currency": "Acmecoin",
    "size": "Acme large",
    "code": 471147,
    "limit": 50021,
    "expires": 1764979299,
    "message": "The project is skunkworks, at gw.acme.bank for 99001 GBP",
    "spend_by_owner": {"janedoe": 12.531, "acme_corp": {"phone": 4915112345678}},
    "metadata": {"type": "zeppelin", "status": "zeppelin", "limit": 50022, "code": 471},
    "data": {"model": {"zeppelin": {"line_item": "zeppelin", "message": "zeppelin"}}},
}
HOSTILE_REFUSALS = (
    {"error": {"message": "SKUNKWORKS ('zeppelin') is locked for 2a02:8109::1234.", "code": None}},
    {"error": {"message": "Late Name may not.", "param": "Jane Doe", "code": "Jane Doe, Berlin"}},
    {"data": [{"name": "Late Name"}], "detail": "late name"},
)


def test_recording_of_unknown_fields_and_values_contains_nothing_private(tmp_path):
    with Recorder(tmp_path, NOW, {}) as recorder:
        for refusal in HOSTILE_REFUSALS:
            recorder(reply(json.dumps(refusal), status=403))
        recorder(reply(json.dumps({"data": [HOSTILE_PROJECT]}, ensure_ascii=False)))
        headers = {
            "Retry-After": "Jane Doe",
            "Date": "Jane Doe was here",
            "Content-Type": "jane/doe",
        }
        recorder(reply("{}", **headers))
        recorder.finish()
    content = "\n".join(file.read_text() for file in tmp_path.iterdir())
    names = r"zeppelin|skunkworks|acme|jane|doe\b|berlin|late name|gw\.|2a02|DE89"
    numbers = r"49151|99001|50021|50022|12\.531|471147|79299"
    assert re.findall(f"{names}|{numbers}", content, re.IGNORECASE) == []
    (project,) = json.loads((tmp_path / "00004.txt").read_text().partition("\n\n")[2])["data"]
    assert project["object"] == "organization.project"
    assert project["expires"] == 1764979200  # The day: a scaled time would reveal the factor.
    assert "spend_by_owner" in project
    listed = (tmp_path / "README.md").read_text()
    assert {*project["spend_by_owner"]} < {*re.findall(r"[\w.]+", listed)}
    assert re.search("not know: .*spend_by_owner", listed)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("quantity_unit", "1000_tokens"),
        ("quantity_unit", "30m"),
        ("size", "1024x1024"),
        ("source", "image.variation"),
        ("service_tier", "ultrafast"),
        ("code", "reporting_lookback_exceeded"),
        ("param", "group_by[2]"),
        ("object", "organization.usage.completions.result"),
        ("api_source", "agents_api"),
    ],
)
def test_value_of_the_api_stays(field, value):
    body = json.dumps({"data": [{field: value}]})
    assert Anonymizer().body(body) == body


def test_recording_keeps_line_items_and_the_public_part_of_fine_tuned_models(recording):
    content = recording.content.decode()
    assert '"line_item": "gpt-5.6-sol, cached input"' in content
    (name,) = set(re.findall(r'"line_item": "(ft:[^"]+)"', content))
    assert re.fullmatch(r"ft:gpt-4o-2024-08-06:[a-z]{10}:[a-z]{6}-[a-z]{6}:\w{8}, input", name)


def test_page_of_a_recording_lists_each_text_that_stayed(recording):
    listed = (recording.folder / "README.md").read_text()
    line_items = {row["line_item"] for row in recording.rows["costs"]}
    public = {text for text in line_items if "ft:" not in text}
    assert [text for text in public if f"    {text!r}\n" not in listed] == []


def test_replay_returns_recorded_days_in_other_requests(recording, tmp_path):
    """As a second load or a replay with larger replies requests them."""
    with RecordedApi(recording.folder) as api:
        settings = {**api.settings, "since": days_ago(5), "until": days_ago(2)}
        rows, message = extracted(tmp_path, api.base_url, REPLAY_KEY, ["costs"], **settings)
    assert message is None
    expected = [row for row in recording.rows["costs"] if days_ago(5) <= row["date"] < days_ago(2)]
    assert_same_up_to_replacement({"costs": expected}, {"costs": rows["costs"]})


@pytest.mark.parametrize(
    ("mode", "recorded_from", "requested_from", "first_day"),
    [("today-is-missing", 22, 5, 5), ("key-floor", 80, 90, 75)],
    ids=["today-is-missing", "days-before-the-history"],
)
def test_replay_returns_what_the_recorded_api_would_return_for_other_days(
    mode, recorded_from, requested_from, first_day, tmp_path
):
    with RememberingApi(FEW, overrides={}, failure_modes=[mode]) as api:
        start = str(days_ago(recorded_from))
        recording = Recording(tmp_path, api, resources=["costs"], start_date=start)
    with RecordedApi(recording.folder) as api:
        settings = {**api.settings, "since": days_ago(requested_from), "max_wait_seconds": 0}
        given = (tmp_path / "replayed", api.base_url, REPLAY_KEY, ["costs"])
        rows, message = extracted(*given, **settings)
    assert message is None
    expected = [row for row in recording.rows["costs"] if row["date"] >= days_ago(first_day)]
    assert_same_up_to_replacement({"costs": expected}, {"costs": rows["costs"]})


def test_replay_names_a_request_that_was_not_recorded(recording, tmp_path):
    with RecordedApi(recording.folder) as api:
        settings = {**api.settings, "group_by": "project_id,line_item", "max_wait_seconds": 0}
        _, message = extracted(tmp_path, api.base_url, REPLAY_KEY, ["costs"], **settings)
    assert "The recording has no reply to /organization/costs?bucket_width=1d&" in message
    assert "group_by=line_item&group_by=project_id" in message


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (lambda folder: (folder / "recording.json").unlink(), "it has no recording.json"),
        (lambda folder: (folder / "00002.txt").unlink(), "it has 1 of 2 replies"),
        (lambda folder: (folder / "00002.txt").write_text("hello\n"), "it cannot be read"),
        (
            lambda folder: (folder / "recording.json").write_text('{"format": 2}'),
            "another version of this project made it",
        ),
    ],
    ids=["interrupted", "incomplete", "damaged", "other-version"],
)
def test_folder_that_is_no_complete_recording_is_refused(changed, reason, tmp_path):
    recorder = Recorder(tmp_path / "recording", NOW, {})
    for _ in range(2):
        recorder(reply('{"object": "list", "data": []}'))
    recorder.finish()
    changed(recorder.folder)
    with pytest.raises(OpenAICostsError, match=reason) as refused:
        RecordedApi(recorder.folder)
    assert refused.value.is_wrong_use


def test_each_recording_has_its_own_name_for_its_warehouse(tmp_path):
    """Also if one was made in a folder that another had before."""

    def name(folder, now):
        shutil.rmtree(tmp_path / folder, ignore_errors=True)
        Recorder(tmp_path / folder, now, {}).finish()
        assert RecordedApi(tmp_path / folder).name == RecordedApi(tmp_path / folder).name
        return RecordedApi(tmp_path / folder).name

    later = NOW + timedelta(microseconds=1)
    names = [name("a b.c", NOW), name("other", NOW), name("other", later)]
    assert len(set(names)) == 3
    assert [re.sub("[0-9a-f]{8}$", "", name) for name in names] == ["a_b_c_", "other_", "other_"]


def reply(body, status=200, path="/organization/projects", **headers):
    return Exchange(path, "", status, headers, body.encode())


def test_recording_that_is_interrupted_leaves_no_file(tmp_path):
    with Recorder(tmp_path / "recording", NOW, {}) as recorder:
        recorder(reply('{"object": "list", "data": []}'))
        assert list(recorder.folder.iterdir())
    assert list(tmp_path.iterdir()) == []


def test_reply_after_the_end_of_a_recording_is_not_recorded(tmp_path):
    """As a thread reads it that a failed load has left."""
    with Recorder(tmp_path, NOW, {}) as recorder:
        recorder(reply('{"object": "list", "data": []}'))
        recorder.finish()
    recorder(reply('{"object": "list", "data": []}'))
    assert sorted(file.name for file in tmp_path.glob("*.txt")) == ["00001.txt"]
    assert recorder.replies == 1


def test_refusal_that_came_before_a_name_was_listed_does_not_contain_it(tmp_path):
    with Recorder(tmp_path, NOW, {}) as recorder:
        sentence = "Acme Robotics has no access to Claims bot (proj_9aB) since 2026-01-31."
        recorder(reply(json.dumps({"error": {"message": sentence}}), status=403))
        for name in ("Acme Robotics", "Claims bot"):
            recorder(reply(json.dumps({"data": [{"id": "x", "name": name}]})))
        recorder.finish()
    content = (tmp_path / "00001.txt").read_text()
    assert "Acme" not in content
    assert "Claims" not in content
    assert re.search(r"has no access to \w{6} \w{3,4} \(proj_\w{3,4}\) since 2026-01-31\.", content)


def test_only_headers_that_describe_the_reply_are_recorded(tmp_path):
    headers = {
        "Content-Type": "application/json",
        "openai-organization": "acme-robotics",
        "openai-version": "2020-10-01",
        "Set-Cookie": "__cf_bm=secret",
        "X-Request-ID": "req_9f8",
        "CF-RAY": "9a1-FRA",
        "Via": "proxy.acme.corp",
        "Server": "acme-gateway/2",
        "Retry-After": "20",
    }
    with Recorder(tmp_path, NOW, {}) as recorder:
        recorder(reply("{}", **headers))
        recorder.finish()
    head = (tmp_path / "00001.txt").read_text().splitlines()[2:-2]
    assert [line.split(":")[0] for line in head] == [
        *("content-type", "openai-organization", "openai-version", "retry-after")
    ]
    assert "acme" not in (tmp_path / "00001.txt").read_text()


@pytest.mark.parametrize(
    ("field", "literal", "factor", "scaled"),
    [
        ("value", "0.1", "0.75", "0.075"),
        ("value", "-12.50", "0.75", "-9.3750"),
        ("value", "5", "0.75", "3.75"),
        ("value", "1.5E-7", "0.5", "0.75E-7"),
        ("value", "0E-6176", "0.75", "0E-6176"),
        ("value", "0.000", "0.75", "0.000"),
        ("value", "0.000004500000000000000000000000000000000", "0.5", None),
        ("quantity", "10", "0.75", "8"),
        ("quantity", "10.0", "0.75", "8.0"),
        ("quantity", "0.5", "0.75", "0.375"),
        ("quantity", "1", "0.1", "1"),
        ("quantity", "1E+2", "0.755", "0.76E+2"),
        ("threshold_amount", "39000", "0.75", "29250"),
        ("start_time", "1764979200", "0.75", "1764979200"),
        ("created_at", "1764979205", "0.75", "1764979200"),
        ("new_limit", "100", "0.75", "75"),
        ("value", "1E-99999999", "0.5", "0.5E-99999999"),
    ],
)
@pytest.mark.parametrize("quotes", ["", '"'])
def test_number_is_scaled_and_keeps_its_format(field, literal, factor, scaled, quotes):
    if quotes and field not in ("value", "quantity"):
        return
    body = Anonymizer(Decimal(factor)).body(f'{{"{field}":  {quotes}{literal}{quotes}}}')
    scaled = scaled or "0.000002250000000000000000000000000000000"
    assert body == f'{{"{field}":  {quotes}{scaled}{quotes}}}'


@given(
    st.lists(st.decimals(-1000, 1000, places=10), min_size=1, max_size=20),
    st.decimals("0.1", 10, places=11),
)
def test_scaled_amounts_add_up_to_the_scaled_total(amounts, factor):
    anonymizer = Anonymizer(factor)

    def scaled(amount):
        body = anonymizer.body(f'{{"amount": {{"value": {amount:f}}}}}')
        return json.loads(body, parse_float=Decimal, parse_int=Decimal)["amount"]["value"]

    assert sum(map(scaled, amounts)) == scaled(sum(amounts))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        # A text stays only in a field with OpenAI's own words, and in their format.
        ('{"status": "active"}', '{"status": "active"}'),
        ('{"role": "acme-auditor"}', '{"role": "????-???????"}'),
        ('{"new_description": "acme"}', '{"new_description": "????"}'),
        ('{"Acme": true, "data": null}', '{"????": true, "data": null}'),
        ('{"data": [{"message": "a"}, "acme"]}', '{"data": [{"message": "a"}, "????"]}'),
        (r'{"name": "Zo\u00eb \"Z\""}', r'{"name": "??\u0??? \"?\""}'),
        ('{"name": "Zoë 🚀"}', '{"name": "??? ?"}'),
        ('{"name": ""}', '{"name": ""}'),
        ('{"created_at": "2026-01-31T12:30:00Z"}', '{"created_at": "2026-01-31T00:00:00Z"}'),
        # What is cut or no JSON stays so.
        ('{"data": [{"name": "Acme Rob', '{"data": [{"name": "xxxx xxx'),
        ('{"value": NaN, "name": acme}', '{"value": NaN, "name": xxxx}'),
        ("<html>Bad gateway at acme-7</html>", "<html>Bad gateway at xxxx-0</html>"),
        # Sentences keep their words and the names of parameters.
        (
            """{"message": "Invalid value: 'user_id'. No id 'Acme 7' at 10.1.2.3 or $500.00."}""",
            """{"message": "Invalid value: 'user_id'. No id '???? ?' at ??.?.?.? or $???.??."}""",
        ),
        (
            '{"message": "No key sk-a***min. Use us.api.openai.com, not gw.acme.com/v1."}',
            '{"message": "No key sk-?***???. Use us.api.openai.com, not ??.????.???/??."}',
        ),
    ],
)
def test_text_is_replaced_unless_it_is_known_to_be_public(body, expected):
    changed = Anonymizer(FACTOR).body(body)
    assert re.fullmatch(re.escape(expected).replace(r"\?", r"\w"), changed), changed
    assert "acme" not in changed.lower()


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("priority | gpt-5.6-sol, cached input, long context", None),
        ("code_interpreter_20gb session", None),
        ("gpt-image-1.5-20251216 text, output", None),
        ("gpt-4o, jane@acme.bank, jane.acme, proj_jane", "gpt-4o, "),
    ],
)
def test_name_of_a_line_item_stays_except_addresses_and_ids(name, kept):
    changed = Anonymizer().body(json.dumps({"line_item": name}))
    assert (kept or name) in changed
    assert not re.search("jane|acme", changed)


FIELDS = st.sampled_from(["id", "name", "value", "quantity", "status", "message", "model", "new"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.emails(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=3),
    max_leaves=10,
)


def structure(value):
    if isinstance(value, dict):
        return {name: structure(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return list(map(structure, value))
    return value if value is None or isinstance(value, bool) else type(value).__name__


@given(st.dictionaries(FIELDS, VALUES, max_size=3), st.booleans())
def test_any_json_keeps_its_structure(document, is_ascii):
    body = Anonymizer(FACTOR).body(json.dumps(document, ensure_ascii=is_ascii))
    replaced = json.loads(body, parse_float=lambda _: 0)  # A whole amount may get decimals.
    assert structure(replaced) == structure(document)


@example([f"{number:04}" for number in range(1000)])
@given(st.lists(st.text(max_size=3) | st.emails(), unique=True))
def test_different_values_have_different_pseudonyms(values):
    anonymizer = Anonymizer(FACTOR)
    replaced = json.loads(anonymizer.body(json.dumps({"recipients": values})))["recipients"]
    assert len(set(replaced)) == len(values)
    again = json.loads(anonymizer.body(json.dumps({"name": values})))["name"]
    assert again == replaced


def test_addresses_of_one_domain_share_its_pseudonym():
    addresses = ["kavya@acme.com", "liam@acme.com", "kavya@acme.org"]
    body = Anonymizer(FACTOR).body(json.dumps({"recipients": addresses}))
    first, second, third = json.loads(body)["recipients"]
    assert first.partition("@")[2] == second.partition("@")[2] != third.partition("@")[2]
    assert first.partition("@")[0] == third.partition("@")[0] != second.partition("@")[0]
    assert re.fullmatch(r"\w{5}@\w{4}\.\w{3}\.example", first)


@pytest.mark.parametrize(
    "sentence",
    [
        *(case[0] for case in REFUSALS.args[1]),
        FLOOR.format(1764979200),
        HISTORY_START.format("2025-10-08"),
        "You have insufficient permissions for this operation. Missing scopes: api.usage.read.",
        "Please make your request to us.api.openai.com.",
    ],
)
def test_objects_that_are_named_like_words_of_a_refusal_do_not_change_it(sentence):
    anonymizer = Anonymizer(FACTOR)
    names = [*re.findall(r"[\w.\-]+", sentence), *re.findall(r"\w+ \w+", sentence)]
    for name in {*names, *(name.upper() for name in names)}:
        anonymizer.body(json.dumps({"name": name}))
    assert anonymizer.sentence(sentence) == sentence


@pytest.mark.parametrize(
    "sentence",
    [
        "The model gpt-5.6-sol is no o4-mini, e.g. gpt-image-1.5-2025-12-16, and no gpt-4.1.",
        "Limit 3 of 30000 at 12:30:45 on 2026-01-31 since 1764979200, version 1.5 of HTTP/1.1.",
        "See https://platform.openai.com/settings/organization/billing, or help.openai.com.",
        "It's OpenAI's users' key: 'project_id', `group_by[0]`, \"1d\".",
    ],
)
def test_sentence_keeps_models_dates_numbers_and_addresses_of_openai(sentence):
    assert Anonymizer().sentence(sentence) == sentence


@pytest.mark.parametrize(
    ("sentence", "kept"),
    [
        (
            "The project 'zeppelin' of `alice` in \"acme_corp\" and “Skunk works”, «geheim», ‘x’.",
            "",
        ),
        (
            "2a02:8109::1234 ::1 fe80::1ff:fe23:4567:890a ::ffff:10.1.2.3 10.1.2.3 a:b:c:d:e:f:a:b",
            "",
        ),
        (
            "gw.acme.bank vault.acme.tech:8443 proxy-1.acme.example db.acme-internal x.acme.k8s/a",
            "",
        ),
        ("https://openai.com.acme.bank/x notopenai.com api.acme.internal", ""),
        ("o'brien@acme.com jürgen@münchen.de jane@acme", ""),
        ("10012,56 Euro; 99001 GBP; £ 12001; CHF 47110; 1 20034 €; $50001; 70001 usd", "Euro"),
        ("+49 151 2345678 and 0151/2345678", "0151"),
        ("Bearer abcdefghijkl, req_abcdefg, file-abc123xyz, DE89370400440532013000", "Bearer"),
        ("DE89 3704 0044 0532 0130 00, account 123456789, a1b2c3d4e5f6", "account"),
        ("550e8400-e29b-41d4-a716-446655440000", ""),
        (
            "https://platform.openai.com/settings/proj_9aBc/limits",
            "platform openai settings limits",
        ),
        ("No ft:gpt-4o:acme:claims:b7Xa or ft:gpt-4o-mini:acme::b7Xa.", "gpt 4o mini"),
    ],
)
def test_sentence_keeps_no_value_that_may_be_private(sentence, kept):
    changed = Anonymizer().sentence(sentence)
    stays = set(f"{kept} The project proj of in and No or ft https com".split())
    # Shorter ones may be in random text.
    long = r"[^\W\d_]{4,}|[^\W_]{5,}"
    assert (set(re.findall(long, sentence)) - stays) & set(re.findall(long, changed)) == set()


def test_known_name_is_replaced_in_a_sentence_in_any_case():
    anonymizer = Anonymizer()
    anonymizer.body('{"name": "Skunkworks"}')
    changed = anonymizer.sentence("SKUNKWORKS is archived, skunkworks too: Skunkworks's key.")
    assert re.fullmatch(r"(\w{10}) is archived, \1 too: \1's key\.", changed)


# The command.


def totals(file):
    """The amounts by day."""
    with duckdb.connect(str(file), read_only=True) as connection:
        rows = connection.execute(
            "select date, sum(amount), count(*) from openai_raw.costs group by 1 order by 1"
        )
        return rows.fetchall()


def replayed_file(folder, recording="recording"):
    (file,) = folder.glob(f"replay_{recording}_*.duckdb")
    return file


def test_command_records_a_load_and_a_check_and_replays_both(warehouse, tmp_path):
    settings = {"SOURCES__OPENAI_COSTS__START_DATE": str(days_ago(3))}
    with RememberingApi(FEW, overrides={}) as api:
        settings |= known(api)
        recorded = run_pipeline("check", "--record", "recording", cwd=tmp_path, **settings)
        warehouse.load(api, start_date=days_ago(3))
    assert recorded.returncode == 0, recorded.stderr
    assert re.match(r"\d+ replies are recorded in .*/recording\.\n", recorded.stdout)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == [
        "openai_costs.duckdb"
    ]
    replayed = run_pipeline("load", "--replay", "recording", cwd=tmp_path)
    assert (replayed.returncode, replayed.stdout) == (0, ""), replayed.stderr
    direct, copy = totals(warehouse.path), totals(replayed_file(tmp_path))
    assert [(day, rows) for day, _, rows in copy] == [(day, rows) for day, _, rows in direct]
    factors = [
        amount / original for (_, amount, _), (_, original, _) in zip(copy, direct, strict=True)
    ]
    assert max(factors) - min(factors) < Decimal("1e-12")
    with RecordedApi(tmp_path / "recording") as api:
        findings = list(check_key(REPLAY_KEY, api.base_url, api.now.date()))
    assert {finding.status for finding in findings} == {"ok", "note"}


def test_replay_on_a_later_day_loads_the_days_of_the_recording(tmp_path):
    then = days_ago(3)
    with RememberingApi(Few(then), overrides={}) as api:
        now, start = NOW - (TODAY - then), str(then - (TODAY - then))
        Recording(tmp_path, api, now=now, start_date=start)
    replayed = run_pipeline("load", "--replay", "recording", cwd=tmp_path)
    assert replayed.returncode == 0, replayed.stderr
    assert [day for day, *_ in totals(replayed_file(tmp_path))][-1] == then


def test_command_records_a_failure_and_replays_it(tmp_path):
    trap = ("--demo", "--trap", "no-usage-scope")
    recorded = run_pipeline("check", *trap, "--record", "recording", cwd=tmp_path)
    assert recorded.returncode == 0, recorded.stderr
    message = "OpenAI's /organization/costs refused with 403: You have insufficient permissions"
    assert f"The load ended with: {message}" in recorded.stdout
    assert message in (tmp_path / "recording" / "README.md").read_text()
    replayed = run_pipeline("load", "--replay", "recording", cwd=tmp_path)
    assert replayed.returncode == 1
    assert message in replayed.stderr
    assert list(tmp_path.glob("*.duckdb")) == []


def test_message_of_a_recording_does_not_name_the_host_of_a_gateway(monkeypatch, tmp_path):
    def hang_up(request, reply):
        if request.number:
            raise ConnectionError
        return reply

    monkeypatch.setitem(FAILURE_MODES, "hang-up", hang_up)
    with RememberingApi(FEW, overrides={}, failure_modes=["hang-up"]) as api:
        url = api.base_url.replace("127.0.0.1", "localhost")
        settings = {**known(api), "OPENAI_BASE_URL": url}
        settings["SOURCES__OPENAI_COSTS__MAX_WAIT_SECONDS"] = "0"
        recorded = run_pipeline("check", "--record", "recording", cwd=tmp_path, **settings)
    assert recorded.returncode == 0, recorded.stderr
    assert "did not answer at localhost:" in recorded.stdout
    index = (tmp_path / "recording" / "recording.json").read_text()
    assert "did not answer at" in index
    assert "localhost" not in index


@pytest.mark.parametrize(
    "proxy", ["http://acme:secret@squid:3128", "https://squid/", "squid:3128", "http://[squid"]
)
def test_message_of_a_recording_does_not_name_the_host_of_a_proxy(proxy, monkeypatch):
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, proxy)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    url = "https://acme-gw/v1"
    anonymizer = Anonymizer()
    for host in own_hosts(url):
        anonymizer.pseudonyms.of(host)
    messages = [explained(error, url).message for error in (ProxyError(), ConnectionError())]
    assert re.search("squid.*acme-gw", " ".join(messages))
    recorded = " ".join(map(anonymizer.sentence, messages))
    assert not re.search("squid|acme|secret", recorded)
    assert "did not answer" in recorded


def test_command_records_nothing_if_openai_cannot_be_reached(tmp_path):
    settings = {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "OPENAI_ADMIN_KEY": DEMO_ADMIN_KEY}
    settings["SOURCES__OPENAI_COSTS__MAX_WAIT_SECONDS"] = "0"
    result = run_pipeline("check", "--record", "recording", cwd=tmp_path, **settings)
    assert result.returncode == 1
    assert "did not answer at 127.0.0.1:9" in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("check", "--record", "full"), "full is not empty: name a new folder."),
        (("check", "--record", "full/file"), "full/file cannot be written to: File exists."),
        (("check", "--record", "new"), "--record records one organization, and 2 keys are"),
        (("load", "--replay", "full"), "full is not a complete recording: it has no"),
    ],
)
def test_folder_or_keys_that_cannot_be_used_are_refused(api, arguments, sentence, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    keys = f"{DEMO_ADMIN_KEY},sk-admin-of-another" if "new" in arguments else DEMO_ADMIN_KEY
    result = run_pipeline(
        *arguments, cwd=tmp_path, OPENAI_BASE_URL=api.base_url, OPENAI_ADMIN_KEY=keys
    )
    assert (result.returncode, result.stdout) == (2, "")
    assert sentence in result.stderr
    assert api.requests == []
    assert [path.name for path in tmp_path.iterdir()] == ["full"]
