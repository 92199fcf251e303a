"""The API of the simulated organization, served on 127.0.0.1.

    with SimulatedApi(Organization(today)) as api:
        get(f"{api.base_url}/organization/costs", start_time=…)

It returns and refuses what the live API was observed to return and refuse.
"""

import functools
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from typing import Self
from urllib.parse import parse_qs, urlsplit

from openai_costs_source.simulator.buckets import BucketRequest
from openai_costs_source.simulator.charges import Charge
from openai_costs_source.simulator.costs import DIMENSIONS, FILTERS, cost_rows
from openai_costs_source.simulator.failure_modes import (
    FAILURE_MODES,
    Request,
    charges_with_lost_usage,
    credited_days,
    restated_days,
)
from openai_costs_source.simulator.listings import Listed
from openai_costs_source.simulator.organization import Organization
from openai_costs_source.simulator.query import Parameters, Query, Refusal
from openai_costs_source.simulator.server import Reply, Server
from openai_costs_source.simulator.usage import usage_rows
from openai_costs_source.simulator.usage_kinds import KINDS

DEMO_ADMIN_KEY = "sk-admin-demo-heliotrope-labs"
KEY_FLOOR = 1764979200

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

    `base_url` ends in `/v1`. `requests` contains each request as (method, path, query as sent).
    `overrides` replaces the charges of a day (an empty list: a day without any). Between requests,
    `overrides` may change, and `organization` may be set to the same one on a later day. A page has
    at most `days_per_page` days, whatever the requested limit. `key_floor` is the first Unix time
    for which costs can be grouped by API key. `failure_modes` are names in `FAILURE_MODES`, applied
    in the given order. Requests that arrive at the same time are answered one after the other.
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
        # If a page held all requested days, there would be no later page.
        self.days_per_page = 3 if "horizon-on-a-later-page" in self.failure_modes else days_per_page
        if "restated" in self.failure_modes:
            self.overrides |= restated_days(organization)
        if "credits" in self.failure_modes:
            self.overrides |= credited_days(organization)

    def __enter__(self) -> Self:
        self._server = Server(self._reply)
        self.base_url = f"http://127.0.0.1:{self._server.port}/v1"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()

    def _reply(self, method: str, target: str, authorization: str) -> Reply:
        """Return the reply to one request, changed by the failure modes."""
        status, body = self.answer(method, target, authorization)
        headers = {"Content-Type": "application/json"}
        # The live API's header may contain a name instead of the id that is on the rows.
        if self.organization.slug:
            headers["openai-organization"] = self.organization.slug
        reply = Reply(status, body, headers)
        _, path, query = self.requests[-1]
        request = Request(len(self.requests) - 1, path, query, self.organization)
        for name in self.failure_modes:
            reply = FAILURE_MODES[name](request, reply)
        return reply

    def answer(self, method: str, target: str, authorization: str) -> tuple[int, str]:
        """Return the status and the JSON text for one request, before failure modes change it."""
        url = urlsplit(target)
        parameters = parse_qs(url.query, keep_blank_values=True)
        self.requests.append((method, url.path, parameters))
        try:
            endpoint, scope = self._route(method, url.path)
            self._authorize(authorization, scope)
            if method != "GET":
                raise Refusal(405, f"Not allowed to {method} on {url.path}.")
            return 200, endpoint(parameters)
        except Refusal as refusal:
            return refusal.status, refusal.body

    def _route(self, method: str, path: str) -> tuple[Callable[[Parameters], str], str]:
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

    def _costs(self, parameters: Parameters) -> str:
        query = Query(parameters, one=BucketRequest.PARAMETERS, many=("group_by", *FILTERS))
        group_by = query.many("group_by", allowed=DIMENSIONS)
        dimensions = tuple(name for name in DIMENSIONS if name in group_by)
        request = BucketRequest(query, self.organization, 180, self.days_per_page)
        if "api_key_id" in dimensions and request.start < self.key_floor:
            raise Refusal(
                400,
                "group_by=api_key_id is not available for this time range. "
                f"Try a start_time on or after {self.key_floor}.",
                "start_time",
            )
        return request.page("costs", functools.partial(self._cost_rows, dimensions, query))

    def _usage(self, name: str, parameters: Parameters) -> str:
        kind = KINDS[name]
        query = Query(parameters, one=BucketRequest.PARAMETERS, many=("group_by", *kind.filters))
        group_by = query.many("group_by", allowed=kind.dimensions)
        keep = kind.filtered(query)
        request = BucketRequest(query, self.organization, 31, self.days_per_page)

        def results(day: date) -> Iterator[str]:
            charges = self._charges(day)
            if "usage-lost" in self.failure_modes:
                charges = charges_with_lost_usage(self.organization, name, day, charges)
            return map(json.dumps, kind.results(usage_rows(name, day, charges), group_by, keep))

        return request.page(name, results)

    def _charges(self, day: date) -> list[Charge]:
        charges = self.overrides.get(day)
        return self.organization.charges(day) if charges is None else charges

    def _cost_rows(self, dimensions: tuple[str, ...], query: Query, day: date) -> Iterator[str]:
        charges = self._charges(day)
        for parameter, name in FILTERS.items():
            if values := query.many(parameter):
                charges = [charge for charge in charges if getattr(charge, name) in values]
        return cost_rows(self.organization, day, charges, dimensions)

    def _projects(self, parameters: Parameters) -> str:
        query = Query(parameters, one=("after", "limit", "include_archived"))
        archived = query.one("include_archived", "false", allowed=("true", "false")) == "true"
        projects = self.organization.projects
        return _listing(query, [p for p in projects if archived or p["status"] == "active"])

    def _users(self, parameters: Parameters) -> str:
        query = Query(parameters, one=("after", "limit"), many=("emails",))
        emails = query.many("emails")
        users = self.organization.users
        return _listing(query, [u for u in users if not emails or u["email"] in emails])

    def _api_keys(self, project_id: str, parameters: Parameters) -> str:
        query = Query(parameters, one=("after", "limit", "owner_project_access"))
        # By default, keys of owners who lost access to the project are not listed.
        access = query.one("owner_project_access", "active", allowed=("active", "inactive", "any"))
        self._check_active(project_id)
        keys = self.organization.api_keys[project_id]
        return _listing(query, [k for k in keys if access in ("any", k["owner_project_access"])])

    def _service_accounts(self, project_id: str, parameters: Parameters) -> str:
        query = Query(parameters, one=("after", "limit"))
        self._check_active(project_id)
        return _listing(query, self.organization.service_accounts[project_id])

    def _spend_limit(self, project_id: str, parameters: Parameters) -> str:
        Query(parameters)
        if project_id:
            self._check_active(project_id)
        limit = self.organization.spend_limits.get(project_id)
        if not limit:
            raise Refusal(404, "No hard spend limit is set.", code="not_found")
        return json.dumps(limit)

    def _spend_alerts(self, project_id: str, parameters: Parameters) -> str:
        query = Query(parameters, one=("after", "limit"))
        if project_id:
            self._check_active(project_id)
        return _listing(query, self.organization.spend_alerts.get(project_id, []))

    def _check_active(self, project_id: str) -> None:
        """Raise a refusal if the project is unknown, or archived: its objects cannot be read."""
        status = {project["id"]: project["status"] for project in self.organization.projects}
        if project_id not in status:
            message = f"No project found with id '{project_id}'."
            raise Refusal(404, message, "project_id", "not_found")
        if status[project_id] == "archived":
            raise Refusal(403, f"Project '{project_id}' is archived.", "project_id")


def _listing(query: Query, objects: list[Listed]) -> str:
    """Return the requested page of a listing as JSON."""
    limit = query.integer("limit", 20, 1, 100)
    ids = [listed["id"] for listed in objects]
    first = 0
    if after := query.one("after", ""):
        if after not in ids:
            raise Refusal(400, f"Invalid 'after': no object with id '{after}'.", "after")
        first = ids.index(after) + 1
    page = objects[first : first + limit]
    return json.dumps(
        {
            "object": "list",
            "data": page,
            "first_id": page[0]["id"] if page else None,
            "last_id": page[-1]["id"] if page else None,
            "has_more": first + limit < len(objects),
        }
    )
