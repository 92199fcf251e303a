"""The simulated organization behind OpenAI's administration API, on 127.0.0.1.

    with SimulatedApi(Organization(today)) as api:
        get(f"{api.base_url}/organization/costs", start_time=…)

It answers and refuses as the live API was seen to. Amounts keep every digit: a reply is built from
JSON texts and no number passes through a float.
"""

import functools
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from openai_costs_source.simulator.buckets import Query, Refusal, Sent, Window, as_object
from openai_costs_source.simulator.failure_modes import (
    FAILURE_MODES,
    Reply,
    Request,
    credited_days,
    restated_days,
    usage_left,
)
from openai_costs_source.simulator.organization import EXACT, Charge, Organization, noise
from openai_costs_source.simulator.usage import KINDS, used

DEMO_ADMIN_KEY = "sk-admin-demo-heliotrope-labs"
KEY_FLOOR = 1764979200

_DIMENSIONS = ("project_id", "user_id", "api_key_id", "line_item", "api_source")
_FILTERS = {"project_ids": "project_id", "api_key_ids": "api_key_id", "line_items": "line_item"}
_NO_SCOPE = (
    "You have insufficient permissions for this operation. Missing scopes: {}. Check that you have "
    "the correct role in your organization, and if you're using a restricted API key, that it has "
    "the necessary scopes."
)
_WRONG_KEY = (
    "Incorrect API key provided: {}***{}. "
    "You can find your API key at https://platform.openai.com/account/api-keys."
)


class SimulatedApi:
    """The API of one organization, served while in the `with` block.

    `base_url` ends in `/v1`. `requests` holds each request as (method, path, query as sent).
    `overrides` replaces what a day tells (an empty list: an emptied day), `organization` may be
    replaced by the same one of a later day, both between requests. A page holds at most
    `days_per_page`, whatever limit is asked for. `failure_modes` are names out of `.
    Requests that arrive at once are answered one after the other.
    """

    base_url: str

    def __init__(
        self,
        organization: Organization,
        admin_key: str = DEMO_ADMIN_KEY,
        *,
        key_floor: int = KEY_FLOOR,
        overrides: dict[date, list[Charge]] | None = None,
        days_per_page: int = 180,
        failure_modes: Iterable[str] = (),
    ) -> None:
        self.organization = organization
        self.admin_key = admin_key
        self.key_floor = key_floor
        self.overrides = {} if overrides is None else overrides
        self.requests: list[tuple[str, str, dict[str, list[str]]]] = []
        self.failure_modes = tuple(failure_modes)
        # Where a window is a page, none is a later one.
        self.days_per_page = 3 if "horizon-on-a-later-page" in self.failure_modes else days_per_page
        self.is_answering = Lock()
        if "restated" in self.failure_modes:
            self.overrides |= restated_days(organization)
        if "credits" in self.failure_modes:
            self.overrides |= credited_days(organization)

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", 0), functools.partial(_Handler, self))
        self.base_url = f"http://127.0.0.1:{self._server.server_port}/v1"
        Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        self.is_open = True
        return self

    def __exit__(self, *_: object) -> None:
        self.is_open = False
        self._server.shutdown()
        self._server.server_close()

    def answer(self, method: str, target: str, authorization: str) -> tuple[int, str]:
        """The status and the JSON text for one request."""
        url = urlsplit(target)
        sent = parse_qs(url.query, keep_blank_values=True)
        self.requests.append((method, url.path, sent))
        try:
            endpoint, scope = self._route(method, url.path)
            self._authorize(authorization, scope)
            if method != "GET":
                raise Refusal(405, f"Not allowed to {method} on {url.path}.")
            return 200, endpoint(sent)
        except Refusal as refusal:
            return refusal.status, refusal.body

    def _route(self, method: str, path: str) -> tuple[Callable[[Sent], str], str]:
        match path.removeprefix("/v1/organization/").split("/"):
            case ["costs"]:
                return self._costs, "api.usage.read"
            case ["usage", kind] if kind in KINDS:
                return functools.partial(self._usage, kind), "api.usage.read"
            case ["projects"]:
                return self._projects, "api.management.read"
            case ["users"]:
                return self._users, "api.management.read"
            case ["projects", project_id, "api_keys"]:
                return functools.partial(self._api_keys, project_id), "api.management.read"
            case ["projects", project_id, "service_accounts"]:
                return functools.partial(self._service_accounts, project_id), "api.management.read"
            case ["spend_limit"]:
                return functools.partial(self._spend_limit, ""), "api.management.read"
            case ["spend_alerts"]:
                return functools.partial(self._spend_alerts, ""), "api.management.read"
            case ["projects", project_id, "spend_limit"]:
                return functools.partial(self._spend_limit, project_id), "api.management.read"
            case ["projects", project_id, "spend_alerts"]:
                return functools.partial(self._spend_alerts, project_id), "api.management.read"
        raise Refusal(404, f"Invalid URL ({method} {path})", code="not_found")

    def _authorize(self, authorization: str, scope: str) -> None:
        key = authorization.removeprefix("Bearer ").strip()
        if key == self.admin_key and authorization.startswith("Bearer "):
            return
        if key.startswith("sk-proj-"):
            raise Refusal(403, _NO_SCOPE.format(scope))
        if not key:
            raise Refusal(401, "You didn't provide an API key.")
        raise Refusal(401, _WRONG_KEY.format(key[:4], key[-3:]), code="invalid_api_key")

    def _costs(self, sent: Sent) -> str:
        query = Query(sent, one=Window.PARAMETERS, many=("group_by", *_FILTERS))
        asked = query.many("group_by", allowed=_DIMENSIONS)
        dimensions = tuple(name for name in _DIMENSIONS if name in asked)
        window = Window(query, self.organization, 180, self.days_per_page)
        if "api_key_id" in dimensions and window.start < self.key_floor:
            raise Refusal(
                400,
                "group_by=api_key_id is not available for this time range. "
                f"Try a start_time on or after {self.key_floor}.",
                "start_time",
            )
        return window.page("costs", functools.partial(self._cost_rows, dimensions, query))

    def _usage(self, name: str, sent: Sent) -> str:
        kind = KINDS[name]
        query = Query(sent, one=Window.PARAMETERS, many=("group_by", *kind.filters))
        asked = query.many("group_by", allowed=kind.dimensions)
        keep = kind.kept(query)
        window = Window(query, self.organization, 31, self.days_per_page)

        def results(day: date) -> Iterator[str]:
            charges = self._charges(day)
            if "usage-lost" in self.failure_modes:
                charges = usage_left(self.organization, name, day, charges)
            return map(json.dumps, kind.results(used(name, day, charges), asked, keep))

        return window.page(name, results)

    def _charges(self, day: date) -> list[Charge]:
        charges = self.overrides.get(day)
        return self.organization.charges(day) if charges is None else charges

    def _cost_rows(self, dimensions: tuple[str, ...], query: Query, day: date) -> Iterator[str]:
        charges = self._charges(day)
        for parameter, name in _FILTERS.items():
            if wanted := query.many(parameter):
                charges = [charge for charge in charges if getattr(charge, name) in wanted]
        groups: dict[tuple[str | None, ...], list[Charge]] = {}
        for charge in charges:
            key = tuple([getattr(charge, name) for name in dimensions])
            groups.setdefault(key, []).append(charge)
        for key, group in groups.items():
            yield self._row(day, dict(zip(dimensions, key, strict=True)), group)

    def _row(self, day: date, group: Mapping[str, str | None], charges: list[Charge]) -> str:
        amount, quantity = Decimal(0), None
        for charge in charges:
            amount = EXACT.add(amount, charge.amount)
            if charge.quantity is not None and "line_item" in group:
                quantity = EXACT.add(quantity or Decimal(0), charge.quantity)
        unit = charges[0].quantity_unit if "line_item" in group else None
        row = (day.toordinal(), *group.values())
        fields = {
            "object": '"organization.costs.result"',
            "amount": f'{{"value": {literal(amount, *row)}, "currency": "usd"}}',
            **{name: _json(group.get(name)) for name in _DIMENSIONS},
            "quantity": "null" if quantity is None else f"{quantity:f}",
            "quantity_unit": _json(unit),
        }
        # Undocumented, and not on every row; the name of a deleted user stays on the bill.
        if noise("extras", *row)[0] < 0.85:
            fields["organization_id"] = _json(self.organization.id)
            fields["organization_name"] = _json(self.organization.name)
            if project_id := group.get("project_id"):
                fields["project_name"] = _json(self.organization.project_names.get(project_id))
            if user_id := group.get("user_id"):
                fields["user_email"] = _json(self.organization.emails.get(user_id))
        return as_object(fields)

    def _projects(self, sent: Sent) -> str:
        query = Query(sent, one=("after", "limit", "include_archived"))
        archived = query.one("include_archived", "false", allowed=("true", "false")) == "true"
        projects = self.organization.projects
        return _listing(query, [p for p in projects if archived or p["status"] == "active"])

    def _users(self, sent: Sent) -> str:
        query = Query(sent, one=("after", "limit"), many=("emails",))
        emails = query.many("emails")
        users = self.organization.users
        return _listing(query, [u for u in users if not emails or u["email"] in emails])

    def _api_keys(self, project_id: str, sent: Sent) -> str:
        query = Query(sent, one=("after", "limit", "owner_project_access"))
        # Left out, the keys of owners who lost access to the project are not listed.
        access = query.one("owner_project_access", "active", allowed=("active", "inactive", "any"))
        self._check_open(project_id)
        keys = self.organization.api_keys[project_id]
        return _listing(query, [k for k in keys if access in ("any", k["owner_project_access"])])

    def _service_accounts(self, project_id: str, sent: Sent) -> str:
        query = Query(sent, one=("after", "limit"))
        self._check_open(project_id)
        return _listing(query, self.organization.service_accounts[project_id])

    def _spend_limit(self, project_id: str, sent: Sent) -> str:
        Query(sent)
        if project_id:
            self._check_open(project_id)
        limit = self.organization.spend_limits.get(project_id)
        if not limit:
            raise Refusal(404, "No hard spend limit is set.", code="not_found")
        return json.dumps(limit)

    def _spend_alerts(self, project_id: str, sent: Sent) -> str:
        query = Query(sent, one=("after", "limit"))
        if project_id:
            self._check_open(project_id)
        return _listing(query, self.organization.spend_alerts.get(project_id, []))

    def _check_open(self, project_id: str) -> None:
        """What is within an archived project cannot be read."""
        status = {project["id"]: project["status"] for project in self.organization.projects}
        if project_id not in status:
            message = f"No project found with id '{project_id}'."
            raise Refusal(404, message, "project_id", "not_found")
        if status[project_id] == "archived":
            raise Refusal(403, f"Project '{project_id}' is archived.", "project_id")


_json = functools.cache(json.dumps)
"""The JSON of a name or an id, of which many rows hold the same few."""


def literal(amount: Decimal, *row: object) -> str:
    """The JSON text of an amount, in one of the spellings that the live API uses; `row` decides.

    A number, a string, a string of 39 decimals; zero also as `0E-6176`, bare or as a string.
    """
    choice = noise("literal", *row)[0]
    if amount == 0 and choice < 0.6:
        return "0E-6176" if choice < 0.3 else '"0E-6176"'
    if choice < 0.75:
        return str(amount)
    return f'"{amount:f}"' if choice < 0.9 else f'"{amount:.39f}"'


def _listing(query: Query, found: list[dict[str, Any]]) -> str:
    limit = query.integer("limit", 20, 1, 100)
    ids = [entry["id"] for entry in found]
    first = 0
    if after := query.one("after", ""):
        if after not in ids:
            raise Refusal(400, f"Invalid 'after': no object with id '{after}'.", "after")
        first = ids.index(after) + 1
    page = found[first : first + limit]
    return json.dumps(
        {
            "object": "list",
            "data": page,
            "first_id": page[0]["id"] if page else None,
            "last_id": page[-1]["id"] if page else None,
            "has_more": first + limit < len(found),
        }
    )


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def __init__(self, api: SimulatedApi, *connection: Any) -> None:
        self.api = api
        super().__init__(*connection)

    def do_GET(self) -> None:
        # An unread body would be taken for the connection's next request.
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if not self.api.is_open:
            self.close_connection = True
            return
        authorization = self.headers.get("Authorization") or ""
        with self.api.is_answering:
            reply = self._trapped(*self.api.answer(self.command, self.path, authorization))
        body = reply.body.encode()
        self.send_response(reply.status)
        for name, value in {**reply.headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _trapped(self, status: int, body: str) -> Reply:
        organization = self.api.organization
        headers = {"Content-Type": "application/json"}
        # Live, the header may hold a name in place of the id that the rows tell.
        if organization.slug:
            headers["openai-organization"] = organization.slug
        reply = Reply(status, body, headers)
        _, path, query = self.api.requests[-1]
        request = Request(len(self.api.requests) - 1, path, query, organization)
        for name in self.api.failure_modes:
            reply = FAILURE_MODES[name](request, reply)
        return reply

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)
