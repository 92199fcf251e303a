"""GET requests to the administration API: one key, a fixed list of paths, pages and listings.

The key is sent in one header to one host, over HTTPS or loopback, and never along a redirect.
"""

from __future__ import annotations

import contextlib
import html
import json
import logging
import re
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from threading import Event
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, TypeVar
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError

from openai_costs_source.api.credentials import (
    OPENAI_URL,
    BearerKey,
    checked_key,
    checked_url,
    redact_key,
)
from openai_costs_source.api.network import explained, within_bounds
from openai_costs_source.api.refusals import is_transient, remedy
from openai_costs_source.api.retry import MAX_WAIT_SECONDS, RetryBudget, retry_after
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
OBJECTS_PER_PAGE = 100
LONGEST_MESSAGE = 1_000
MOST_OBJECTS = 200_000
"""The most objects of a listing: no organization has more, and a server may list endlessly."""
_ID = re.compile(r"(?!\.+$)[\w.:\-]+", re.ASCII)
_TITLE = re.compile(r"<title[^>]*>(.{1,1000}?)</title>", re.IGNORECASE | re.DOTALL)

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
    own tools. The waits for rate limits and outages take at most `max_wait_seconds` in total, those
    of listings and single objects another `max_wait_seconds`: names use up no retry of costs.
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
        self._page_retries = RetryBudget(max_wait_seconds)
        self._listing_retries = RetryBudget(max_wait_seconds)
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
            send = partial(self._get, path, page_params, cancelled=cancelled)
            page = self._decoded(path, decode, self._page_retries.call(send, final, cancelled))
            token = page.next_page
            if page.has_more and not token:
                raise self._error(path, "announced more pages but named none", _RUN_AGAIN)
            if page.has_more and page.buckets and token in tokens:
                raise self._error(path, "named the same next page twice", _RUN_AGAIN)
            yield page
            # After the last bucket, the API may return new page tokens endlessly.
            if not token or not page.has_more or not page.buckets:
                return
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
        listed: set[str] = set()
        while True:
            cursor = {"after": after} if after else {}
            page_params = {"limit": OBJECTS_PER_PAGE, **params, **cursor}
            send = partial(self._get, path, page_params, ids)
            page = self._decoded(path, decode, self._listing_retries.call(send, final))
            yield from page.objects
            if not page.has_more:
                return
            known = len(listed)
            listed.update(row["id"] for row in page.objects)
            if len(listed) == known:
                message = "announced more objects but listed no further ones"
                raise self._error(path, message, _RUN_AGAIN)
            if len(listed) > MOST_OBJECTS or len(cursors) > MOST_OBJECTS / OBJECTS_PER_PAGE:
                raise self._error(path, f"listed more than {MOST_OBJECTS:,} objects", _RUN_AGAIN)
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
        send = partial(self._get, path, {}, ids)
        return self._decoded(path, decode, self._listing_retries.call(send, final))

    def _decoded(self, path: str, decode: Callable[[bytes], T], reply: tuple[bytes, str]) -> T:
        body, content_type = reply
        try:
            return decode(redact_key(body, self._key))
        except ValueError as error:
            if (facts := _error_of(body)) and facts.get("message"):
                reason = str(facts["message"]).strip()[:LONGEST_MESSAGE].rstrip(".")
                raise self._error(path, f"returned an error: {reason}") from None
            raise self._error(
                path,
                f"gave a reply that cannot be used ({content_type}): {error}",
                "If there is a proxy in between, let it pass requests to this host unchanged.",
            ) from None

    def _get(
        self,
        path: str,
        params: Params,
        ids: Mapping[str, str] = MappingProxyType({}),
        cancelled: Event | None = None,
    ) -> tuple[bytes, str]:
        """The body of one reply and its content type.

        Raises OpenAICostsError for a path or an id that this client does not read, and for an error
        of the API.
        """
        if path not in PATHS:
            raise OpenAICostsError(f"This client does not read {path}.", is_wrong_use=True)
        if invalid := [value for value in ids.values() if not _ID.fullmatch(value)]:
            raise self._error(
                path, f"cannot be requested for {invalid[0][:60]!r}, which is not an id"
            )
        if cancelled and cancelled.is_set():
            raise self._error(path, "is no longer requested")
        return self._get_once(path, self._base_url + path.format_map(ids), params)

    def _get_once(self, path: str, url: str, params: Params) -> tuple[bytes, str]:
        log.debug("GET %s", path)
        try:
            reply, body = within_bounds(
                lambda: self._session.get(
                    url, params=params, timeout=TIMEOUT_SECONDS, allow_redirects=False, stream=True
                )
            )
        except (OSError, HTTPError) as error:  # requests' own errors are OSErrors.
            problem = explained(error, url)
            raise self._error(path, problem.message, problem.remedy, **problem.facts) from None
        if self.observe:
            request = (url.removeprefix(self._base_url), urlsplit(reply.url).query)
            safe_body = redact_key(body, self._key)
            self.observe(Exchange(*request, reply.status_code, reply.headers, safe_body))
        if organization := reply.headers.get("openai-organization"):
            self.organization = redact_key(organization, self._key)
        with contextlib.suppress(TypeError, ValueError, OverflowError):
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
        error = _error_of(body)
        is_foreign = error is None and bool(body.strip())
        facts = {"message": _title(body)} if error is None else error
        code, param = (
            value if isinstance(value, str) else None
            for value in (facts.get("code"), facts.get("param"))
        )
        reason = facts.get("message") or reply.reason or "no reason given"
        message = f"refused with {reply.status_code}: {str(reason).strip()[:LONGEST_MESSAGE]}"
        status = reply.status_code
        return self._error(
            path,
            message.rstrip("."),
            remedy(status, code, message, is_foreign),
            status=status,
            code=code,
            param=param,
            retry_after=retry_after(reply.headers),
            is_transient=is_transient(status, code, message),
        )

    def _error(
        self, path: str, message: str, remedy: str | None = None, **facts: Any
    ) -> OpenAICostsError:
        sentence = redact_key(f"OpenAI's {path} {message}.", self._key)
        return OpenAICostsError(sentence, remedy, **facts)


def _error_of(body: bytes) -> dict[str, Any] | None:
    """The API's error in a body, empty if it is another JSON document; None if it is no JSON."""
    try:
        error = json.loads(body)["error"]
    except (KeyError, TypeError, RecursionError):
        return {}
    except ValueError:
        return None
    return error if isinstance(error, dict) else {"message": error}


def _title(body: bytes) -> str:
    """The title of an HTML page; empty if it has none."""
    title = _TITLE.search(body[:100_000].decode(errors="replace"))
    return " ".join(html.unescape(title[1]).split())[:200] if title else ""
