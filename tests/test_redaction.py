"""What must not be stored: the key, redacted names and addresses, days that are not kept."""

import base64
import contextlib
import hashlib
import json
import logging
import re
import shutil
import ssl
import subprocess
import threading
import traceback
import zlib
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import dlt
import duckdb
import pytest
from conftest import FEW, TODAY, RememberingApi, Warehouse, days_ago
from dlt.common.configuration.container import Container
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext
from running import run_pipeline, run_pipeline_process

from openai_costs.commands.models import DAILY
from openai_costs_source import OpenAICostsError, openai_costs
from openai_costs_source.api.client import PATHS, Client
from openai_costs_source.doctor import check_key
from openai_costs_source.extract import maintenance
from openai_costs_source.extract.listing_rows import read_listing
from openai_costs_source.simulator import failure_modes
from openai_costs_source.simulator.organization import Organization
from openai_costs_source.simulator.server import Reply

KEY = "sk-admin-" + "".join(f"{n:02d}Hq{n * 37 % 100:02d}-tR_" for n in range(15))
REVOKED = {"admin_key": "sk-admin-the-one-that-is-valid"}
FIRST_DAY = days_ago(66)
USERS_APART = "users-apart-before"

BRUNO = "user-bruno"
NAMELESS = "user-amara"
BRUNOS_NAMES = ("Bruno Carvalho", "bruno@")
BRUNOS_HASH = hashlib.sha256(b"bruno@heliotrope.example").hexdigest()
EMAIL_COLUMNS = {
    "costs": "user_email",
    "costs_by_user": "user_email",
    "users": "email",
    "api_keys": "owner_email",
}
PERSON_COLUMN = {
    "costs": "user_id",
    "costs_by_user": "user_id",
    "users": "id",
    "api_keys": "owner_id",
}


def pieces_of(key):
    """All pieces of 12 characters of the key, and of 16 characters of its base64 at any offset."""
    plain = key.removeprefix("sk-admin-")
    coded = [base64.b64encode(key[start:].encode()).decode()[4:-4] for start in range(3)]
    spans = [(plain, 12), *((text, 16) for text in coded)]
    return [text[n : n + size] for text, size in spans for n in range(0, len(text) - size, size)]


PIECES = pieces_of(KEY)


def has_key(data):
    """Whether a text or file contains a piece of the key, even within dlt's compressed state."""
    data = data if isinstance(data, bytes) else str(data).encode()
    texts = [data, *map(unpacked, re.findall(rb"[A-Za-z0-9+/]{40,}={0,2}", data))]
    return any(piece.encode() in text for text in texts for piece in PIECES)


def unpacked(text):
    try:
        return zlib.decompress(base64.b64decode(text))
    except (ValueError, zlib.error):
        return b""


def files_with_key(folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if has_key(path.read_bytes())]


def rows(path, sql):
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def texts(path, views=True):
    """Each table, including dlt's own, and each view of the marts, with its rows as one text.

    The views of other schemas are skipped: they are slow to read, and read the same tables.
    """
    with duckdb.connect(str(path), read_only=True) as connection:
        names = connection.execute(
            "select table_schema, table_name from information_schema.tables "
            "where table_type = 'BASE TABLE' or ($views and table_schema = 'openai_marts')",
            {"views": views},
        )
        for table in [f'"{schema}"."{name}"' for schema, name in sorted(names.fetchall())]:
            lines = connection.execute(f"select row::varchar from {table} as row order by 1")
            yield table, " ".join(line for (line,) in lines.fetchall())


def tables_with(path, *parts, views=True):
    return [table for table, text in texts(path, views) if any(part in text for part in parts)]


def warehouse_has_key(path):
    states = rows(path, "select state from openai_raw._dlt_pipeline_state")
    assert b"openai_costs" in unpacked(states[0][0])
    stored = [path.read_bytes(), *(text for _, text in texts(path, views=False))]
    return any(map(has_key, stored))


def money(path):
    """The amount of each day, in the raw tables and in the marts."""
    sums = {
        "openai_raw.costs": "date, sum(amount)",
        "openai_raw.costs_by_user": "date, sum(amount)",
        "openai_raw.cost_days": "date, sum(row_amount)",
        "openai_marts.daily_costs_by_user": "date, sum(unblended_cost)",
        "openai_marts.daily_costs_by_project": "date, sum(unblended_cost)",
        "openai_marts.daily_costs_by_model": "date, sum(unblended_cost)",
        "openai_marts.focus_costs": "ChargePeriodStart, sum(BilledCost)",
    }
    found = {
        t: rows(path, f"select {sql} from {t} group by 1 order by 1") for t, sql in sums.items()
    }
    assert all(found.values())
    return found


class SmallOrganization(Organization):
    """The organization with a quarter of its charges, to be fast."""

    def charges(self, day):
        return super().charges(day)[::4]


class OtherOrganization(SmallOrganization):
    id = "org-demo-other"
    slug = "other"


def people():
    """All users of the organization, one with an address in capitals and one without a name."""
    organization = SmallOrganization(TODAY)
    by_id = {user["id"]: user for user in organization.users}
    by_id[BRUNO]["email"] = " Bruno@Heliotrope.EXAMPLE"
    by_id[NAMELESS]["name"] = by_id[NAMELESS]["email"]
    return organization


def settings(api, folder, **others):
    """The settings of a run that writes only into the folder."""
    (folder / "tmp").mkdir(exist_ok=True)
    return {
        "OPENAI_ADMIN_KEY": KEY,
        "OPENAI_BASE_URL": api.base_url,
        "SOURCES__OPENAI_COSTS__START_DATE": str(FIRST_DAY),
        "DESTINATION__DUCKDB__CREDENTIALS": str(folder / "openai_costs.duckdb"),
        "DLT_DATA_DIR": str(folder / "dlt"),
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
        "TMPDIR": str(folder / "tmp"),
        **{f"SOURCES__OPENAI_COSTS__{k.upper()}": v for k, v in others.items() if k.islower()},
        **{k: v for k, v in others.items() if not k.islower()},
    }


@contextlib.contextmanager
def proxy():
    """A proxy that refuses every request; yields the settings that name it and the requests."""
    requests = []

    class Refusing(BaseHTTPRequestHandler):
        def do_CONNECT(self):
            requests.append(self.path)
            self.send_error(403)

        do_GET = do_POST = do_CONNECT

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
        yield dict.fromkeys(names, address), requests
        server.shutdown()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A whole run in its own process, with the log level DEBUG and behind a proxy.

    It has the run's folder, its output, the requests to the API, and those to other hosts.
    """
    folder = tmp_path_factory.mktemp("whole")
    with (
        RememberingApi(people(), KEY, failure_modes=[USERS_APART]) as api,
        proxy() as (proxies, elsewhere),
    ):
        verbose = settings(api, folder, RUNTIME__LOG_LEVEL="DEBUG", **proxies)
        result = run_pipeline_process(cwd=folder, **verbose)
        assert result.returncode == 0, result.stderr
        yield SimpleNamespace(
            api=api,
            folder=folder,
            path=folder / "openai_costs.duckdb",
            money=money(folder / "openai_costs.duckdb"),
            result=result,
            requests=list(api.requests),
            elsewhere=elsewhere,
        )


def copied(whole, folder):
    """A copy of the warehouse of the whole run."""
    warehouse = Warehouse(folder)
    shutil.copy(whole.path, warehouse.path)
    return warehouse


@pytest.fixture
def copy(whole, tmp_path):
    return copied(whole, tmp_path)


# The key


def test_key_is_in_nothing_that_a_whole_run_prints_or_leaves_behind(whole):
    assert "[DEBUG]" in whole.result.stderr
    assert not has_key(whole.result.stdout + whole.result.stderr)
    assert not warehouse_has_key(whole.path)
    assert (whole.folder / "target" / "partial_parse.msgpack").exists()
    assert files_with_key(whole.folder) == []


@pytest.fixture
def logged(caplog):
    """All log records, also those that dlt does not pass to the root logger."""
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="dlt")
    logging.getLogger("dlt").addHandler(caplog.handler)
    yield caplog
    logging.getLogger("dlt").removeHandler(caplog.handler)


def records(logged):
    return [logged.text, *(vars(record) for record in logged.records)]


def debug_messages(logged):
    return [record for record in logged.records if record.levelno == logging.DEBUG]


@pytest.mark.parametrize("arguments", [["check", "--json"], ["status"]])
def test_key_is_in_nothing_that_other_commands_print_or_leave_behind(
    whole, copy, logged, arguments
):
    result = run_pipeline(*arguments, cwd=copy.folder, **settings(whole.api, copy.folder))
    assert result.returncode == 0, result.stderr
    assert debug_messages(logged) or arguments == ["status"]
    assert not has_key([result.stdout, result.stderr, *records(logged)])
    assert files_with_key(copy.folder) == []


def test_revoked_key_is_in_nothing_that_is_printed_or_left_behind(organization, copy, logged):
    with RememberingApi(organization, **REVOKED) as api:
        result = run_pipeline(cwd=copy.folder, **settings(api, copy.folder))
    assert result.returncode == 1
    assert "Incorrect API key" in result.stderr
    assert debug_messages(logged)
    assert not has_key([result.stdout, result.stderr, *records(logged)])
    assert files_with_key(copy.folder) == []


def test_key_in_a_settings_file_that_cannot_be_read_is_not_printed(tmp_path):
    (tmp_path / ".dlt").mkdir()
    secrets = tmp_path / ".dlt" / "secrets.toml"
    for broken in (f'admin_key = "{KEY}\n', f"admin_key = {KEY}\n"):
        secrets.write_text(f"[sources.openai_costs]\n{broken}")
        result = run_pipeline("load", cwd=tmp_path)
        assert result.returncode == 2
        assert "secrets.toml" in result.stderr
        assert not has_key(result.stdout + result.stderr)


def refused_with_key(request, reply):
    error = {"message": f"Bad key {KEY}.", "code": KEY, "param": KEY, "type": KEY}
    return Reply(401, json.dumps({"error": error}), {"WWW-Authenticate": KEY, "x-request-id": KEY})


def page_with_key(request, reply):
    html = f"<html>You sent Authorization: Bearer {KEY}</html>"
    return Reply(200, html, {"Content-Type": f"text/html; sent={KEY}"})


def amounts_with_key(request, reply):
    return Reply(200, re.sub(r'"value": [^,]+', f'"value": "{KEY}"', reply.body), reply.headers)


def header_with_key(request, reply):
    return Reply(reply.status, reply.body, {**reply.headers, "openai-organization": KEY})


def header_with_bearer(request, reply):
    headers = {**reply.headers, "openai-organization": f"Bearer {KEY}"}
    return Reply(reply.status, reply.body, headers)


QUOTING = {
    trap.__name__: trap
    for trap in (
        refused_with_key,
        page_with_key,
        amounts_with_key,
        header_with_key,
        header_with_bearer,
    )
}


@pytest.fixture
def quoting(monkeypatch, organization):
    """A server that quotes the key back, in the named way."""

    def serve(how):
        monkeypatch.setitem(failure_modes.FAILURE_MODES, how, QUOTING[how])
        return RememberingApi(organization, KEY, failure_modes=[how])

    return serve


def test_key_that_a_server_quotes_is_in_nothing_that_is_printed_or_left_behind(
    quoting, logged, tmp_path
):
    with quoting("page_with_key") as api:
        for arguments in ([], ["check", "--json"]):
            result = run_pipeline(*arguments, cwd=tmp_path, **settings(api, tmp_path))
            assert result.returncode == 1
            assert "[the key]" in result.stdout + result.stderr
            assert not has_key(result.stdout + result.stderr)
    assert debug_messages(logged)
    assert not has_key(records(logged))
    assert files_with_key(tmp_path) == []


@pytest.mark.parametrize("how", QUOTING)
def test_key_that_a_server_quotes_is_in_no_finding(quoting, how):
    with quoting(how) as api:
        findings = list(check_key(KEY, api.base_url, TODAY))
    assert not has_key(findings)


@pytest.fixture
def own_pipeline(tmp_path):
    return dlt.pipeline(
        "openai_costs",
        destination=dlt.destinations.duckdb(str(tmp_path / "openai_costs.duckdb")),
        dataset_name="openai_raw",
        pipelines_dir=str(tmp_path / "pipelines"),
    )


@pytest.fixture
def in_secrets_file(tmp_path):
    """The key in dlt's settings file, which dlt reads once a process."""
    read_again = Container()[PluggableRunContext].reload_providers
    file = tmp_path / ".dlt" / "secrets.toml"
    file.parent.mkdir()
    file.write_text(f'[sources.openai_costs]\nadmin_key = "{KEY}"\n')
    read_again()
    yield
    file.unlink()
    read_again()


@pytest.fixture
def in_own_variable(monkeypatch):
    monkeypatch.setenv("OPENAI_ADMIN_KEY", KEY)


@pytest.fixture
def in_dlts_variable(monkeypatch):
    monkeypatch.setenv("SOURCES__OPENAI_COSTS__ADMIN_KEY", KEY)


def text_of_error(error):
    """The texts of an error and of its causes."""
    chain = [error]
    while chain[-1].__cause__ or chain[-1].__context__:
        chain.append(chain[-1].__cause__ or chain[-1].__context__)
    return [*map(repr, chain), *map(str, chain), *traceback.format_exception(error)]


def text_of_trace(pipeline):
    trace = pipeline.last_trace
    return [trace.asstr(verbosity=2), trace.asdict(), repr(trace)]


@pytest.mark.parametrize("where", ["in_own_variable", "in_dlts_variable", "in_secrets_file"])
def test_key_is_in_nothing_that_your_own_pipeline_logs_or_keeps(
    request, organization, own_pipeline, logged, tmp_path, monkeypatch, capfd, where
):
    request.getfixturevalue(where)

    def source():
        return openai_costs(since=days_ago(2)).with_resources("costs", "users", "usage_completions")

    with RememberingApi(organization, KEY) as api:
        monkeypatch.setenv("OPENAI_BASE_URL", api.base_url)
        own_pipeline.run(source())
        after_success = text_of_trace(own_pipeline)
        api.admin_key = REVOKED["admin_key"]
        with pytest.raises(Exception, match="Incorrect API key") as failure:
            own_pipeline.run(source())
    assert not has_key(after_success + text_of_trace(own_pipeline))
    assert not has_key(text_of_error(failure.value))
    assert logged.records
    assert not has_key(records(logged))
    assert not has_key(capfd.readouterr())
    assert not warehouse_has_key(tmp_path / "openai_costs.duckdb")
    assert (tmp_path / "pipelines" / "openai_costs" / "trace.pickle").exists()
    allowed = tmp_path / ".dlt" / "secrets.toml"
    assert set(files_with_key(tmp_path)) <= {allowed}


@pytest.mark.parametrize("how", QUOTING)
def test_key_that_a_server_quotes_is_in_nothing_that_your_own_pipeline_logs_or_keeps(
    quoting, own_pipeline, logged, tmp_path, capfd, how
):
    failure = None
    with quoting(how) as api:
        try:
            own_pipeline.run(openai_costs(admin_key=KEY, base_url=api.base_url, since=days_ago(2)))
        except Exception as error:
            failure = error
    assert failure or how == "header_with_key"
    assert failure is None or not has_key(text_of_error(failure))
    assert not has_key(text_of_trace(own_pipeline))
    assert logged.records
    assert not has_key(records(logged))
    assert not has_key(capfd.readouterr())
    assert files_with_key(tmp_path) == []


def test_every_request_of_a_whole_run_is_a_get_on_a_listed_path(whole):
    requests = {
        (method, re.sub(r"/projects/[^/]+/", "/projects/{project_id}/", path))
        for method, path, _ in whole.requests
    }
    assert requests == {("GET", "/v1" + path) for path in PATHS}


def test_nothing_is_sent_to_another_host_than_the_api(whole):
    assert whole.requests
    assert whole.elsewhere == []


# Certificates that are not trusted


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    if not shutil.which("openssl"):
        pytest.skip("openssl makes the certificate")
    folder = tmp_path_factory.mktemp("certificate")
    files = ["-keyout", folder / "private.pem", "-out", folder / "certificate.pem"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,IP:0.0.0.0"]
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    subprocess.run(["openssl", "req", "-x509", *curve, *files, *names], check=True, timeout=60)
    return folder


@pytest.fixture
def self_signed(certificate):
    """An HTTPS server with its own certificate; keeps the headers of its requests."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.headers.append(dict(self.headers))
            body = b'{"object": "list", "data": [], "has_more": false}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "certificate.pem", certificate / "private.pem")
    with ThreadingHTTPServer(("0.0.0.0", 0), Handler) as server:
        server.headers = []
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()


# The client takes no setting from the environment for 127.0.0.1; 0.0.0.0 is an ordinary host.
HOSTS = ("127.0.0.1", "0.0.0.0")
SWITCHED_OFF = {
    "PYTHONHTTPSVERIFY": "0",
    "CURL_CA_BUNDLE": "",
    "REQUESTS_CA_BUNDLE": "",
    "SSL_CERT_FILE": "",
    "SSL_CERT_DIR": "",
    "NODE_TLS_REJECT_UNAUTHORIZED": "0",
}
NO_PROXY = {"NO_PROXY": "*", "no_proxy": "*"}


def read_users(host, server):
    client = Client(KEY, f"https://{host}:{server.server_port}/v1", max_wait_seconds=0)
    return list(client.listing("/organization/users", read_listing, {}))


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("variable", SWITCHED_OFF)
def test_no_variable_sends_the_key_to_a_host_without_a_trusted_certificate(
    self_signed, monkeypatch, host, variable
):
    for name, value in {**NO_PROXY, variable: SWITCHED_OFF[variable]}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(OpenAICostsError, match="certificate"):
        read_users(host, self_signed)
    assert self_signed.headers == []


def test_certificate_of_a_configured_authority_is_trusted(self_signed, certificate, monkeypatch):
    trusted = {"REQUESTS_CA_BUNDLE": str(certificate / "certificate.pem")}
    for name, value in {**NO_PROXY, **trusted}.items():
        monkeypatch.setenv(name, value)
    assert read_users("0.0.0.0", self_signed) == []
    assert [headers["Authorization"] for headers in self_signed.headers] == [f"Bearer {KEY}"]


@pytest.mark.parametrize("host", HOSTS)
def test_command_ends_with_one_sentence_at_an_untrusted_certificate(self_signed, tmp_path, host):
    url = f"https://{host}:{self_signed.server_port}/v1"
    off = {**SWITCHED_OFF, **NO_PROXY}
    result = run_pipeline("load", cwd=tmp_path, OPENAI_ADMIN_KEY=KEY, OPENAI_BASE_URL=url, **off)
    assert result.returncode == 1
    step, message = result.stderr.splitlines()
    assert step == "Requesting costs from OpenAI."
    assert "certificate" in message
    assert self_signed.headers == []


@pytest.mark.parametrize("name", ["VERIFY", "VERIFY_SSL"])
def test_there_is_no_setting_that_switches_verification_off(self_signed, tmp_path, name):
    result = run_pipeline(
        "load",
        cwd=tmp_path,
        OPENAI_ADMIN_KEY=KEY,
        OPENAI_BASE_URL=f"https://127.0.0.1:{self_signed.server_port}/v1",
        **{f"SOURCES__OPENAI_COSTS__{name}": "false"},
    )
    assert result.returncode == 2
    assert f"There is no setting sources.openai_costs.{name.lower()}" in result.stderr
    assert self_signed.headers == []


# E-mail addresses


def test_addresses_are_stored_unchanged_without_the_setting(whole):
    for table, column in EMAIL_COLUMNS.items():
        known = f"select lower(trim(any_value({column}))) from openai_raw.{table}"
        sql = f"{known} where {PERSON_COLUMN[table]} = '{BRUNO}' and {column} is not null"
        assert rows(whole.path, sql) == [("bruno@heliotrope.example",)]


def run_again(whole, folder, **others):
    """A copy of the warehouse after a run with other settings, which reads three days again."""
    copy = copied(whole, folder)
    chosen = settings(whole.api, folder, **others)
    result = run_pipeline("--since", days_ago(2), cwd=folder, **chosen)
    assert result.returncode == 0, result.stderr
    return copy.path


@pytest.fixture(scope="module")
def hashed(whole, tmp_path_factory):
    return run_again(whole, tmp_path_factory.mktemp("hashed"), user_emails=" Hashed ")


@pytest.fixture(scope="module")
def minimal(whole, tmp_path_factory):
    """A warehouse without addresses and without days before the last month."""
    folder = tmp_path_factory.mktemp("minimal")
    return run_again(whole, folder, user_emails="none", keep_months="1")


@pytest.fixture(params=["hashed", "minimal"])
def redacted(request):
    return request.getfixturevalue(request.param)


def test_no_address_is_left_in_any_table_whenever_it_was_loaded(whole, redacted):
    raw = {f'"openai_raw"."{table}"' for table in EMAIL_COLUMNS}
    assert raw < set(tables_with(whole.path, "@", views=False))
    assert tables_with(redacted, "@") == []


@pytest.mark.parametrize(("run", "expected"), [("hashed", BRUNOS_HASH), ("minimal", None)])
def test_a_persons_addresses_all_have_the_same_hash_or_are_gone(request, run, expected):
    path = request.getfixturevalue(run)
    for table, column in EMAIL_COLUMNS.items():
        of_person = f"{PERSON_COLUMN[table]} = '{BRUNO}'"
        found = rows(path, f"select distinct {column} from openai_raw.{table} where {of_person}")
        assert (expected,) in found
        assert set(found) <= {(expected,), (None,)}


def test_names_that_are_no_address_stay_when_addresses_are_redacted(whole, redacted):
    names = "select distinct id, name from openai_raw.users where name not like '%@%' order by all"
    assert rows(redacted, names) == rows(whole.path, names)
    shown = "select distinct x_PrincipalName from openai_marts.focus_costs where x_PrincipalId = "
    assert rows(redacted, f"{shown} '{BRUNO}'") == [("Bruno Carvalho",)]
    assert rows(redacted, f"{shown} '{NAMELESS}'") == [(NAMELESS,)]


def test_money_is_the_same_to_the_last_digit_when_addresses_are_redacted(whole, hashed):
    assert money(hashed) == whole.money


def emails(path):
    addresses = [
        f"select '{table}', {column} from openai_raw.{table} where {column} is not null"
        for table, column in EMAIL_COLUMNS.items()
    ]
    return set(rows(path, " union ".join(addresses)))


@pytest.mark.parametrize("setting", ["hashed", "none"])
def test_your_own_pipeline_stores_no_address_if_addresses_are_redacted(whole, warehouse, setting):
    # Among the days with a separate response by user is one that is not at a weekend.
    warehouse.load(whole.api, FEW, admin_key=KEY, since=days_ago(23), user_emails=setting)
    filled = {
        table
        for table in PERSON_COLUMN
        if warehouse.value(f"select count(*) from openai_raw.{table}")
    }
    assert filled == set(PERSON_COLUMN)
    assert tables_with(warehouse.path, "@") == []


def load_again(whole, folder, **others):
    chosen = settings(whole.api, folder, **others)
    result = run_pipeline("load", "--since", days_ago(1), cwd=folder, **chosen)
    assert result.returncode == 0, result.stderr


def test_changing_from_hashed_to_none_removes_the_hashes_of_earlier_days(whole, hashed, tmp_path):
    path = Path(shutil.copy(hashed, tmp_path))
    assert emails(path)
    load_again(whole, tmp_path, user_emails="none")
    assert emails(path) == set()


def test_setting_in_capitals_applies_to_stored_and_new_addresses(whole, copy, hashed):
    before = emails(copy.path)
    load_again(whole, copy.folder, user_emails="PLAIN")
    assert emails(copy.path) == before
    # The fixture's setting is " Hashed ".
    assert emails(hashed) == {
        (table, hashlib.sha256(address.strip().lower().encode()).hexdigest())
        for table, address in before
    }


@pytest.mark.parametrize(
    ("setting", "value"),
    [("user_emails", "md5"), ("keep_months", "-1"), ("keep_months", "a few")],
)
def test_wrong_value_is_reported_in_one_sentence_before_any_request(api, tmp_path, setting, value):
    result = run_pipeline(cwd=tmp_path, **settings(api, tmp_path, **{setting: value}))
    assert result.returncode == 2
    assert f"{setting} is {value}" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert api.requests == []
    assert list(tmp_path.glob("*.duckdb")) == []


@pytest.mark.parametrize(
    "wrong",
    [{"user_emails": "hash"}, {"keep_months": "1.5"}, {"keep_months": 4000}, {"keep_months": [1]}],
)
def test_wrong_value_is_refused_in_your_own_pipeline(wrong):
    with pytest.raises(OpenAICostsError, match=next(iter(wrong))) as refusal:
        openai_costs(admin_key=KEY, **wrong)
    assert refusal.value.is_wrong_use


# Days that are not kept


def first_of_month(months_ago):
    first = TODAY.replace(day=1)
    for _ in range(months_ago):
        first = (first - timedelta(days=1)).replace(day=1)
    return first


FIRST_KEPT = first_of_month(1)
OF_DAYS = ("costs", "costs_by_user", "cost_days", "cost_restatements")


def oldest(warehouse):
    """The oldest day of each raw table of days; None if a table is empty."""
    return {t: warehouse.value(f"select min(date) from openai_raw.{t}") for t in OF_DAYS}


@pytest.fixture
def restated(whole, copy):
    """A warehouse with a restatement of a day that is not kept."""
    whole.api.overrides[days_ago(64)] = []
    try:
        copy.load(whole.api, ["costs"], admin_key=KEY, start_date=FIRST_DAY, refetch_days=75)
    finally:
        whole.api.overrides.clear()
    assert set(oldest(copy).values()) == {FIRST_DAY, days_ago(64)}
    return copy


def costs_to_trim(warehouse):
    """What `trimmed_costs` must have of the days before the months to keep."""
    return warehouse.rows(f"""
        with summed as (
            select organization_id, date, project_id, user_id, api_key_id, currency,
                false as is_by_user, sum(amount) as amount
            from openai_raw.costs group by all
            union all
            select organization_id, date, null, user_id, null, currency, true, sum(amount)
            from openai_raw.costs_by_user group by all
            union all
            select organization_id, date, null, null, null, null, false, 0
            from openai_raw.cost_days
            anti join openai_raw.costs using (organization_id, date)
        )
        select * from summed where date < '{FIRST_KEPT}' order by all
    """)


def trimmed_costs(warehouse):
    return warehouse.rows("""
        select organization_id, date, project_id, user_id, api_key_id, currency, is_by_user, amount
        from openai_raw.trimmed_costs order by all
    """)


def test_days_before_the_months_to_keep_are_removed_and_not_loaded_again(whole, restated, caplog):
    kept = f"select date, sum(amount) from openai_raw.costs where date >= '{FIRST_KEPT}' group by 1"
    before, to_trim = sorted(restated.rows(kept)), costs_to_trim(restated)
    keeping = {"admin_key": KEY, "start_date": FIRST_DAY, "keep_months": 1}
    for named in ({}, {}, {"since": FIRST_DAY}, {"since": FIRST_DAY, "until": days_ago(63)}):
        restated.load(whole.api, ["costs"], **keeping, **named)
        assert oldest(restated) == {**dict.fromkeys(OF_DAYS, FIRST_KEPT), "cost_restatements": None}
        assert sorted(restated.rows(kept)) == before
        assert trimmed_costs(restated) == to_trim
    assert {row[1] for row in to_trim} == {
        FIRST_DAY + timedelta(days=n) for n in range((FIRST_KEPT - FIRST_DAY).days)
    }
    assert (days_ago(64), None, 0) in [(row[1], row[5], row[7]) for row in to_trim]
    assert {row[6] for row in to_trim} == {False, True}
    # Days that are not kept are not reported as missing at OpenAI.
    assert "OpenAI returns no costs" not in caplog.text


def test_removed_days_are_loaded_again_once_the_setting_is_removed(whole, copy):
    everything = "select * exclude (loaded_at) from openai_raw.costs order by all"
    before = copy.rows(everything)
    to_trim = costs_to_trim(copy)
    for months in (1, None, 1):
        copy.load(whole.api, ["costs"], admin_key=KEY, start_date=FIRST_DAY, keep_months=months)
        assert trimmed_costs(copy) == to_trim
        assert (copy.rows(everything) == before) == (months is None)


def test_trimmed_day_that_was_open_or_mismatched_is_incomplete(whole, copy):
    open_day, mismatched = days_ago(64), days_ago(65)
    with duckdb.connect(str(copy.path)) as connection:
        connection.execute(f"""
            update openai_raw.cost_days set is_closed = false where date = '{open_day}';
            update openai_raw.cost_days set row_count = row_count + 1 where date = '{mismatched}'
        """)
    copy.load(whole.api, ["costs"], admin_key=KEY, start_date=FIRST_DAY, keep_months=1)
    incomplete = "select distinct date from openai_raw.trimmed_costs where not is_complete"
    assert set(copy.rows(incomplete)) == {(open_day,), (mismatched,)}


def test_lake_keeps_the_days_before_the_months_to_keep(whole, tmp_path):
    lake = dlt.destinations.filesystem(str(tmp_path / "lake"))
    for settings in ({"since": days_ago(66), "until": days_ago(65)}, {"keep_months": 1}):
        pipeline = dlt.pipeline("openai_costs", destination=lake, dataset_name="openai_raw")
        source = openai_costs(KEY, whole.api.base_url, start_date=FIRST_DAY, **settings)
        pipeline.run(source.with_resources("costs"), loader_file_format="parquet")
    assert not list(tmp_path.glob("lake/openai_raw/trimmed_costs"))
    files = f"{tmp_path}/lake/openai_raw/costs/*.parquet"
    assert duckdb.sql(f"select min(date) from '{files}'").fetchall() == [(days_ago(66),)]


def test_removed_days_of_another_organization_are_loaded_again_once_the_setting_is_removed(
    whole, warehouse
):
    loading = {"resources": ["costs"], "start_date": FIRST_DAY}
    days = (
        "select min(date), count(*) from openai_raw.cost_days where organization_id like '%other'"
    )
    with RememberingApi(OtherOrganization(TODAY)) as other:
        warehouse.load(other, **loading)
        before = warehouse.rows(days)
        warehouse.load(whole.api, **loading, admin_key=KEY, keep_months=1)
        warehouse.load(other, **loading)
    assert warehouse.rows(days) == before


def test_models_have_no_day_before_the_months_to_keep(whole, minimal):
    of_days = """
        select table_schema, table_name, column_name
        from information_schema.columns
        join information_schema.tables using (table_schema, table_name)
        where
            column_name in ('date', 'ChargePeriodStart')
            and table_schema <> 'openai_raw_staging'
            and table_name <> 'trimmed_costs'
            and (table_type = 'BASE TABLE' or table_schema = 'openai_marts')
    """
    modelled = rows(minimal, of_days)
    assert ("openai_marts", "focus_costs", "ChargePeriodStart") in modelled
    for schema, table, day in modelled:
        earlier = f"select count(*) from {schema}.{table} where {day} < '{FIRST_KEPT}'"
        assert rows(minimal, earlier) == [(0,)], table
    kept = {
        table: [(day, amount) for day, amount in days if str(day) >= str(FIRST_KEPT)]
        for table, days in whole.money.items()
    }
    assert money(minimal) == kept


def test_costs_to_date_do_not_change_when_months_are_trimmed(whole, minimal):
    assert rows(minimal, "select count(*) > 0 from openai_raw.trimmed_costs") == [(True,)]
    for mart in ("project", "user", "api_key"):
        columns = f"{mart}_id, first_seen, last_seen, currency, unblended_cost"
        to_date = f"select {columns} from openai_marts.{mart}s order by all"
        assert rows(minimal, to_date) == rows(whole.path, to_date)


# Forgotten people


def forget(whole, folder, user_id):
    """Run the command; dbt builds the tables and their tests, as after a load.

    Without `only`, dbt builds every model, because the first forgotten person adds a raw table.
    """
    chosen = settings(whole.api, folder)
    return run_pipeline("forget", "--user", user_id, cwd=folder, only=DAILY, **chosen)


SERVICE_ACCOUNT = "svc_acct_helpdesk-bot"


def test_forgotten_people_are_named_nowhere_also_after_a_full_reload(whole, copy, own_pipeline):
    copy.load(whole.api, FEW, admin_key=KEY, since=days_ago(3))
    assert len(tables_with(copy.path, BRUNOS_NAMES[0], views=False)) > 1

    assert maintenance.forget(own_pipeline, SERVICE_ACCOUNT)
    result = forget(whole, copy.folder, BRUNO)
    assert result.returncode == 0, result.stderr
    assert "Files that were written before may still contain the name" in result.stdout
    for name in BRUNOS_NAMES:
        assert name.encode() not in copy.path.read_bytes()
    assert tables_with(copy.path, *BRUNOS_NAMES) == []
    for who in (BRUNO, SERVICE_ACCOUNT):
        names = "select distinct user_name from openai_marts.daily_costs_by_user where user_id = "
        assert copy.rows(f"{names} '{who}'") == [(who,)]
    assert money(copy.path) == whole.money
    billed = f"select sum(BilledCost) from openai_marts.focus_costs where x_PrincipalId = '{BRUNO}'"
    assert copy.rows(billed) == rows(whole.path, billed)

    copy.load(whole.api, FEW, admin_key=KEY, since=FIRST_DAY)
    assert tables_with(copy.path, *BRUNOS_NAMES, views=False) == []
    owners = (
        f"select distinct owner_name from openai_raw.api_keys where owner_id = '{SERVICE_ACCOUNT}'"
    )
    assert copy.rows(owners) == [(None,)]
    for table, column in EMAIL_COLUMNS.items():
        of_person = f"from openai_raw.{table} where {PERSON_COLUMN[table]} = '{BRUNO}'"
        assert copy.rows(f"select count(*) > 0, count({column}) {of_person}") == [(True, 0)]
    assert money(copy.path) == whole.money


@pytest.mark.parametrize("user_id", ["user-nobody", "' or 1=1 --"])
def test_unknown_person_is_reported_in_one_sentence_and_changes_nothing(whole, copy, user_id):
    before = list(texts(copy.path, views=False))
    result = forget(whole, copy.folder, user_id)
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1
    assert user_id in result.stderr
    assert result.stdout == ""
    assert list(texts(copy.path, views=False)) == before


def test_forgetting_in_a_missing_or_empty_warehouse_is_an_error_of_one_sentence(api, tmp_path):
    path = tmp_path / "openai_costs.duckdb"
    for exists, sentence in ((False, "does not exist"), (True, "has no costs yet")):
        if exists:
            duckdb.connect(str(path)).close()
        result = run_pipeline("forget", "--user", BRUNO, cwd=tmp_path, **settings(api, tmp_path))
        assert result.returncode == 1
        assert sentence in result.stderr
        assert len(result.stderr.splitlines()) == 1
        assert path.exists() == exists
    assert api.requests == []


# Copies


def test_no_copy_of_what_was_loaded_stays_in_the_staging_dataset(whole):
    staged = rows(
        whole.path,
        "select table_name from information_schema.tables "
        "where table_schema = 'openai_raw_staging' and table_name not like '_dlt%'",
    )
    # The first load of costs has nothing to replace, and is not staged.
    assert {("costs_by_user",), ("users",), ("api_keys",)} <= set(staged)
    for (table,) in staged:
        assert rows(whole.path, f"select count(*) from openai_raw_staging.{table}") == [(0,)]
