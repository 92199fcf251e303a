"""GET requests to the administration API: one key, a fixed list of paths, pages and listings.

The key is sent in one header to one host, over HTTPS or loopback, and never along a redirect.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from threading import Event
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, TypeVar
from urllib.parse import urlsplit

import requests

from openai_costs_source.api.credentials import (
    OPENAI_URL,
    BearerKey,
    checked_key,
    checked_url,
    redact_key,
)
from openai_costs_source.api.retry import MAX_WAIT_SECONDS, RetryBudget
from openai_costs_source.api.usage_kinds import USAGE_KINDS
from openai_costs_source.errors import OpenAICostsError

log = logging.getLogger(__name__)

PATHS = frozenset(
    {
        "/organization/costs",
        "/organization/projects",
        "/organization/projects/{project_id}/api_keys",
        "/organization/projects/{project_id}/service_accounts",
        "/organization/projects/{project_id}/spend_alerts",
        "/organization/projects/{project_id}/spend_limit",
        "/organization/spend_alerts",
        "/organization/spend_limit",
        "/organization/users",
        *(kind.path for kind in USAGE_KINDS),
    }
)
"""All paths that the client can read. It has no other method than GET."""

_RUN_AGAIN = "Nothing from this reply was stored: run again."
TIMEOUT_SECONDS = (10, 120)
CHUNK_BYTES = 1 << 20
LARGEST_LISTING = 100
_ID = re.compile(r"(?!\.+$)[\w.:\-]+", re.ASCII)
_SECONDS = re.compile(r"\d+(\.\d+)?")

Params = Mapping[str, str | int | tuple[str, ...]]


class Exchange(NamedTuple):
    """A reply of any status, without the key, and the path and query of its request as sent.

    `path` begins after the base URL; `body` is decompressed.
    """

    path: str
    query: str
    status: int
    headers: Mapping[str, str]
    body: bytes


Observe = Callable[[Exchange], None]
"""Is called with each reply, by the thread that read it."""


class Buckets(Protocol):
    """A decoded page of buckets, with all that is needed to request the next one."""

    @property
    def buckets(self) -> Sequence[Any]: ...
    @property
    def has_more(self) -> bool: ...
    @property
    def next_page(self) -> str | None: ...


class Objects(Protocol):
    """A decoded page of a listing, with all that is needed to request the next one."""

    @property
    def objects(self) -> Sequence[dict[str, Any]]: ...
    @property
    def has_more(self) -> bool: ...
    @property
    def last_id(self) -> str | None: ...


B = TypeVar("B", bound=Buckets)
T = TypeVar("T")


class Client:
    """The administration API of one organization.

    `admin_key` must be an admin key; `base_url` ends in the API version, as for OpenAI's
    own tools. All waits for rate limits and outages together take at most `max_wait_seconds`.
    Raises OpenAICostsError (wrong use) for an invalid key or address, before anything is sent.
    """

    organization: str | None = None
    """The id or name of the organization in the replies' header `openai-organization`."""

    clock_error: timedelta | None = None
    """How far this machine's clock is ahead of the time in the replies."""

    observe: Observe | None = None

    def __init__(
        self,
        admin_key: str,
        base_url: str = OPENAI_URL,
        max_wait_seconds: float = MAX_WAIT_SECONDS,
    ) -> None:
        self._key = checked_key(admin_key)
        self._base_url, is_local = checked_url(base_url)
        self._retries = RetryBudget(max_wait_seconds)
        self._session = requests.Session()
        self._session.headers["User-Agent"] = "openai-costs"
        self._session.auth = BearerKey(self._key)
        if is_local:
            self._session.trust_env = False

    def pages(
        self,
        path: str,
        params: Params,
        decode: Callable[[bytes], B],
        final: Container[int] = (),
        cancelled: Event | None = None,
    ) -> Iterator[B]:
        """Yield each page of buckets, decoded; `decode` raises ValueError if a reply is not a page.

        A refusal with one of the `final` statuses is not retried. Once `cancelled` is set, no
        request is sent and no wait begins.
        """
        token: str | None = None
        tokens: set[str] = set()
        while True:
            page_params = {**params, "page": token} if token else params
            page = self._decoded(path, page_params, decode, final=final, cancelled=cancelled)
            yield page
            token = page.next_page
            if not page.has_more:
                return
            if not token:
                raise self._error(path, "announced more pages but named none", _RUN_AGAIN)
            # After the last bucket, the API may return new page tokens endlessly.
            if not page.buckets:
                return
            if token in tokens:
                raise self._error(path, "named the same next page twice", _RUN_AGAIN)
            tokens.add(token)

    def listing(
        self,
        path: str,
        decode: Callable[[bytes], Objects],
        params: Params,
        ids: Mapping[str, str] = MappingProxyType({}),
        final: Container[int] = (),
    ) -> Iterator[dict[str, Any]]:
        """Yield objects of a listing; `ids` fill the braces in `path`, `final` as for `pages`."""
        after: str | None = None
        cursors: set[str] = set()
        while True:
            cursor = {"after": after} if after else {}
            page_params = {"limit": LARGEST_LISTING, **params, **cursor}
            page = self._decoded(path, page_params, decode, ids, final)
            yield from page.objects
            if not page.has_more:
                return
            after = page.last_id
            if not after or after in cursors:
                message = "announced more objects but did not say after which"
                raise self._error(path, message, _RUN_AGAIN)
            cursors.add(after)

    def one(
        self,
        path: str,
        decode: Callable[[bytes], T],
        ids: Mapping[str, str] = MappingProxyType({}),
        final: Container[int] = (),
    ) -> T:
        """The single object at a path. `ids` and `final` as for `listing`."""
        return self._decoded(path, {}, decode, ids, final)

    def _decoded(
        self,
        path: str,
        params: Params,
        decode: Callable[[bytes], T],
        ids: Mapping[str, str] = MappingProxyType({}),
        final: Container[int] = (),
        cancelled: Event | None = None,
    ) -> T:
        body, content_type = self._get(path, params, ids, final, cancelled)
        try:
            return decode(redact_key(body, self._key))
        except ValueError as error:
            raise self._error(
                path,
                f"gave a reply that cannot be used ({content_type}): {error}",
                "If there is a proxy in between, let it pass requests to this host unchanged.",
            ) from None

    def _get(
        self,
        path: str,
        params: Params,
        ids: Mapping[str, str],
        final: Container[int],
        cancelled: Event | None,
    ) -> tuple[bytes, str]:
        """The body of a reply and its content type, after retries.

        Raises OpenAICostsError for a path or an id that this client does not read, and for the
        last error of the API.
        """
        if path not in PATHS:
            raise OpenAICostsError(f"This client does not read {path}.", is_wrong_use=True)
        if invalid := [value for value in ids.values() if not _ID.fullmatch(value)]:
            raise self._error(
                path, f"cannot be requested for {invalid[0][:60]!r}, which is not an id"
            )
        url = self._base_url + path.format_map(ids)

        def send() -> tuple[bytes, str]:
            if cancelled and cancelled.is_set():
                raise self._error(path, "is no longer requested")
            return self._get_once(path, url, params)

        return self._retries.call(send, final, cancelled)

    def _get_once(self, path: str, url: str, params: Params) -> tuple[bytes, str]:
        log.debug("GET %s", path)
        try:
            reply = self._session.get(
                url, params=params, timeout=TIMEOUT_SECONDS, allow_redirects=False, stream=True
            )
            # By default, requests reads 10 kB at a time; a page has several megabytes.
            body = b"".join(reply.iter_content(CHUNK_BYTES))
        except requests.RequestException as error:
            host = urlsplit(url).netloc
            # A handshake that was cut off is transient; a refused certificate or protocol is not.
            if isinstance(error, requests.exceptions.SSLError) and "EOF" not in str(error):
                message = f"has no TLS certificate at {host} that this machine trusts"
                remedy = (
                    "If a proxy has its own, set REQUESTS_CA_BUNDLE to its certificate authority."
                )
                raise self._error(path, message, remedy) from None
            message = f"did not answer at {host} ({type(error).__name__})"
            remedy = "Check the network and base_url, and run again."
            raise self._error(path, message, remedy, is_transient=True) from None
        if self.observe:
            request = (url.removeprefix(self._base_url), urlsplit(reply.url).query)
            safe_body = redact_key(body, self._key)
            self.observe(Exchange(*request, reply.status_code, reply.headers, safe_body))
        if organization := reply.headers.get("openai-organization"):
            self.organization = redact_key(organization, self._key)
        with contextlib.suppress(TypeError, ValueError):
            server_time = parsedate_to_datetime(reply.headers.get("Date", ""))
            self.clock_error = datetime.now(UTC) - server_time
        if reply.is_redirect:
            raise self._error(
                path,
                "redirects to another address, to which the key is not sent",
                "Set base_url to the real address.",
            )
        if reply.status_code != 200:
            raise self._refusal(path, reply, body)
        return body, reply.headers.get("Content-Type", "no content type")

    def _refusal(self, path: str, reply: requests.Response, body: bytes) -> OpenAICostsError:
        try:
            error = json.loads(body)["error"]
        except (ValueError, KeyError, TypeError, RecursionError):
            error = {}
        facts = error if isinstance(error, dict) else {"message": error}
        code, param = facts.get("code"), facts.get("param")
        reason = facts.get("message") or reply.reason or "no reason given"
        message = f"refused with {reply.status_code}: {str(reason).strip()}"
        retry_after = _SECONDS.fullmatch(reply.headers.get("Retry-After", "").strip())
        return self._error(
            path,
            message.rstrip("."),
            _remedy(reply.status_code, code, message),
            status=reply.status_code,
            code=code,
            param=param,
            retry_after=float(retry_after[0]) if retry_after else None,
            # During outages, OpenAI has returned 404 for paths that exist.
            is_transient=reply.status_code in (404, 429, *range(500, 600)) and code != "not_found",
        )

    def _error(
        self, path: str, message: str, remedy: str | None = None, **facts: Any
    ) -> OpenAICostsError:
        sentence = redact_key(f"OpenAI's {path} {message}.", self._key)
        return OpenAICostsError(sentence, remedy, **facts)


def _remedy(status: int, code: str | None, message: str) -> str | None:
    if "insufficient permissions" in message.lower():
        return (
            "The key needs the Usage API scope and Organization administration set to read, and "
            "whoever created it must still be an Organization Owner."
        )
    if code == "invalid_api_key" or status == 401:
        return "It was revoked or is mistyped: create a new admin key, or correct OPENAI_ADMIN_KEY."
    if status == 429 or status >= 500 or (status == 404 and code != "not_found"):
        return "This may be temporary: run again later."
    return None
