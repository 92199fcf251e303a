"""The administration API, read only: one key, a fixed list of paths, paging, patience, one error.

The key travels in one header to one host, over HTTPS or loopback, and never along a redirect.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
import time
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from threading import Event
from types import MappingProxyType
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase
from tenacity import RetryCallState, Retrying, retry_if_exception

log = logging.getLogger(__name__)

OPENAI_URL = "https://api.openai.com/v1"
WHERE_KEYS_COME_FROM = (
    "An Organization Owner creates one, permission Read only, at "
    "https://platform.openai.com/settings/organization/admin-keys."
)
_OTHER_KEYS = {
    "sk-proj-": "It is a project's key, which calls models and cannot read the bill.",
    "sk-svcacct-": "It is a service account's key, which calls models and cannot read the bill.",
    "sk-": "It is an ordinary key, which calls models and cannot read the bill.",
    "sess-": "It is a browser session's token.",
}
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
        "/organization/usage/audio_speeches",
        "/organization/usage/audio_transcriptions",
        "/organization/usage/code_interpreter_sessions",
        "/organization/usage/completions",
        "/organization/usage/decisions",
        "/organization/usage/embeddings",
        "/organization/usage/file_search_calls",
        "/organization/usage/images",
        "/organization/usage/moderations",
        "/organization/usage/vector_stores",
        "/organization/usage/web_search_calls",
        "/organization/users",
    }
)
"""All that the client can read. It knows no verb but GET."""

_RUN_AGAIN = "Nothing of this answer was stored: run again."
TIMEOUT_SECONDS = (10, 120)
CHUNK_BYTES = 1 << 20
MAX_WAIT_SECONDS = 600
LARGEST_LISTING = 100
_ADMIN_KEY = re.compile(r"sk-admin-[!-~]+")
_ID = re.compile(r"(?!\.+$)[\w.:\-]+", re.ASCII)
_SECONDS = re.compile(r"\d+(\.\d+)?")

Params = Mapping[str, str | int | tuple[str, ...]]


class Buckets(Protocol):
    """What a decoded page of buckets must tell, to get to the next one."""

    @property
    def buckets(self) -> Sequence[Any]: ...
    @property
    def has_more(self) -> bool: ...
    @property
    def next_page(self) -> str | None: ...


class Objects(Protocol):
    """What a decoded page of a listing must tell, to get to the next one."""

    @property
    def objects(self) -> Sequence[dict[str, Any]]: ...
    @property
    def has_more(self) -> bool: ...
    @property
    def last_id(self) -> str | None: ...


B = TypeVar("B", bound=Buckets)
T = TypeVar("T")


class OpenAICostsError(Exception):
    """What went wrong (`said`), in OpenAI's own words where it said something, and what to do
    (`remedy`); both together are its text.

    `status`, `code` and `param` are the API's, where it answered. `is_passing`: worth another try.
    `is_wrong_use` tells a setting or argument that must change from a request that failed.
    """

    def __init__(
        self,
        said: str,
        remedy: str | None = None,
        *,
        status: int | None = None,
        code: str | None = None,
        param: str | None = None,
        retry_after: float | None = None,
        is_passing: bool = False,
        is_wrong_use: bool = False,
    ) -> None:
        super().__init__(f"{said} {remedy}" if remedy else said)
        self.said = said
        self.remedy = remedy
        self.status = status
        self.code = code
        self.param = param
        self.retry_after = retry_after
        self.is_passing = is_passing
        self.is_wrong_use = is_wrong_use

    @property
    def is_missing_permission(self) -> bool:
        """OpenAI says so with 401 and with 403: the text tells, not the status."""
        return "insufficient permissions" in str(self).lower()

    @property
    def is_unknown_path(self) -> bool:
        """The API has no such path; another 404 may also mean that nothing is set there."""
        return self.status == 404 and "invalid url" in self.said.lower()


class Client:
    """One organization's administration API.

    `admin_key` must be an admin key; `base_url` ends in the version, as OpenAI's own tools expect
    it. All replies that were withheld (rate limits, outages) are waited for no longer than
    `max_wait_seconds` together. Raises OpenAICostsError (wrong use) for a key or address that
    cannot be right, before anything is sent.
    """

    organization: str | None = None
    """What the replies call the organization, in their header."""

    clock_error: timedelta | None = None
    """How far this machine's clock is ahead of the one that the replies tell."""

    def __init__(
        self,
        admin_key: str,
        base_url: str = OPENAI_URL,
        max_wait_seconds: float = MAX_WAIT_SECONDS,
    ) -> None:
        self._key = checked_key(admin_key)
        self._base_url, is_here = _checked_url(base_url)
        self._seconds_left = max_wait_seconds
        self._session = requests.Session()
        self._session.headers["User-Agent"] = "openai-costs-source"
        # An `auth` of its own keeps requests from taking another credential out of ~/.netrc.
        self._session.auth = _Bearer(self._key)
        if is_here:
            self._session.trust_env = False

    def pages(
        self,
        path: str,
        params: Params,
        decode: Callable[[bytes], B],
        final: Container[int] = (),
        is_abandoned: Event | None = None,
    ) -> Iterator[B]:
        """Each page of buckets once, decoded; `decode` raises ValueError on what is no page.

        A refusal with one of the `final` statuses is an answer here, and not waited for. Once
        `is_abandoned` is set, nothing is waited for and no further request is sent.
        """
        token: str | None = None
        seen: set[str] = set()
        while True:
            asked = {**params, "page": token} if token else params
            page = self._decoded(path, asked, decode, final=final, is_abandoned=is_abandoned)
            yield page
            token = page.next_page
            if not page.has_more:
                return
            if not token:
                raise self._error(path, "announced more pages but named none", _RUN_AGAIN)
            # Tokens can be handed out for ever past the last bucket.
            if not page.buckets:
                return
            if token in seen:
                raise self._error(path, "named the same next page twice", _RUN_AGAIN)
            seen.add(token)

    def listing(
        self,
        path: str,
        decode: Callable[[bytes], Objects],
        params: Params,
        ids: Mapping[str, str] = MappingProxyType({}),
        final: Container[int] = (),
    ) -> Iterator[dict[str, Any]]:
        """Each object of a listing; `ids` fill the path's braces. `final` as for `pages`."""
        after: str | None = None
        seen: set[str] = set()
        while True:
            asked = {"limit": LARGEST_LISTING, **params, **({"after": after} if after else {})}
            page = self._decoded(path, asked, decode, ids, final)
            yield from page.objects
            if not page.has_more:
                return
            after = page.last_id
            if not after or after in seen:
                said = "announced more objects but did not say after which"
                raise self._error(path, said, _RUN_AGAIN)
            seen.add(after)

    def one(
        self,
        path: str,
        decode: Callable[[bytes], T],
        ids: Mapping[str, str] = MappingProxyType({}),
        final: Container[int] = (),
    ) -> T:
        """The single object that a path tells. `ids` and `final` as for `listing`."""
        return self._decoded(path, {}, decode, ids, final)

    def _decoded(
        self,
        path: str,
        params: Params,
        decode: Callable[[bytes], T],
        ids: Mapping[str, str] = MappingProxyType({}),
        final: Container[int] = (),
        is_abandoned: Event | None = None,
    ) -> T:
        body, kind = self._get(path, params, ids, final, is_abandoned)
        try:
            # A server may quote the key back.
            return decode(body.replace(self._key.encode(), b"[the key]"))
        except ValueError as error:
            raise self._error(
                path,
                f"gave a reply that cannot be used ({kind}): {error}",
                "If a proxy stands between, let it pass this host through.",
            ) from None

    def _get(
        self,
        path: str,
        params: Params,
        ids: Mapping[str, str],
        final: Container[int],
        is_abandoned: Event | None,
    ) -> tuple[bytes, str]:
        """One reply and its type, with patience; raises OpenAICostsError when that is used up."""
        if path not in PATHS:
            raise OpenAICostsError(f"This client does not read {path}.", is_wrong_use=True)
        if odd := [value for value in ids.values() if not _ID.fullmatch(value)]:
            raise self._error(path, f"cannot be asked for {odd[0][:60]!r}, which is no id")
        url = self._base_url + path.format_map(ids)
        seconds_left = self._seconds_left

        def waiting(state: RetryCallState) -> float:
            return (state.seconds_since_start or 0) + state.upcoming_sleep

        def is_final(state: RetryCallState) -> bool:
            error = state.outcome.exception() if state.outcome else None
            is_unwanted = is_abandoned is not None and is_abandoned.is_set()
            return is_unwanted or getattr(error, "status", None) in final

        def tell(state: RetryCallState) -> None:
            # Requests side by side wait for the same seconds.
            self._seconds_left = min(self._seconds_left, seconds_left - waiting(state))
            error = state.outcome.exception() if state.outcome else None
            said = getattr(error, "said", error)
            log.warning("%s Waiting %.0f s before asking again.", said, state.upcoming_sleep)

        def ask() -> tuple[bytes, str]:
            if is_abandoned and is_abandoned.is_set():
                raise self._error(path, "is not asked any more")
            return self._get_once(path, url, params)

        patiently = Retrying(
            retry=retry_if_exception(
                lambda error: isinstance(error, OpenAICostsError) and error.is_passing
            ),
            wait=_wait,
            stop=lambda state: is_final(state) or waiting(state) > seconds_left,
            before_sleep=tell,
            sleep=lambda seconds: _rest(seconds, is_abandoned),
            reraise=True,
        )
        return patiently(ask)

    def _get_once(self, path: str, url: str, params: Params) -> tuple[bytes, str]:
        try:
            reply = self._session.get(
                url, params=params, timeout=TIMEOUT_SECONDS, allow_redirects=False, stream=True
            )
            # By itself, requests reads 10 kB at a time, and a page is megabytes.
            body = b"".join(reply.iter_content(CHUNK_BYTES))
        except requests.RequestException as error:
            host = urlsplit(url).netloc
            # A handshake that was cut off may pass; a certificate or protocol that failed will not.
            if isinstance(error, requests.exceptions.SSLError) and "EOF" not in str(error):
                said = f"has no TLS certificate at {host} that this machine trusts"
                remedy = "A proxy may have one of its own: REQUESTS_CA_BUNDLE names its authority."
                raise self._error(path, said, remedy) from None
            said = f"did not answer at {host} ({type(error).__name__})"
            remedy = "Look at the network and at base_url, and run again."
            raise self._error(path, said, remedy, is_passing=True) from None
        if organization := reply.headers.get("openai-organization"):
            self.organization = organization.replace(self._key, "[the key]")
        with contextlib.suppress(TypeError, ValueError):
            told = parsedate_to_datetime(reply.headers.get("Date", ""))
            self.clock_error = datetime.now(UTC) - told
        if reply.is_redirect:
            raise self._error(
                path,
                "redirects elsewhere, where the key is not sent",
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
        message = facts.get("message") or reply.reason or "no reason given"
        said = f"refused with {reply.status_code}: {str(message).strip()}"
        retry_after = _SECONDS.fullmatch(reply.headers.get("Retry-After", "").strip())
        return self._error(
            path,
            said.rstrip("."),
            _remedy(reply.status_code, code, said),
            status=reply.status_code,
            code=code,
            param=param,
            retry_after=float(retry_after[0]) if retry_after else None,
            # OpenAI's outages have shown as 404 on paths that exist.
            is_passing=reply.status_code in (404, 429, *range(500, 600)) and code != "not_found",
        )

    def _error(
        self, path: str, said: str, remedy: str | None = None, **facts: Any
    ) -> OpenAICostsError:
        # A server may quote the key back.
        sentence = f"OpenAI's {path} {said}.".replace(self._key, "[the key]")
        return OpenAICostsError(sentence, remedy, **facts)


class _Bearer(AuthBase):
    def __init__(self, key: str) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._key}"
        return request


def checked_key(key: str) -> str:
    """The key, trimmed; raises OpenAICostsError (wrong use) where it is no admin key."""
    key = key.strip()
    if not _ADMIN_KEY.fullmatch(key):
        kinds = (what for start, what in _OTHER_KEYS.items() if key.startswith(start))
        what = next(kinds, "") if not key.startswith("sk-admin-") else ""
        raise OpenAICostsError(
            f"The key is no admin key: those start with sk-admin-. {what}".strip(),
            WHERE_KEYS_COME_FROM,
            is_wrong_use=True,
        )
    return key


def is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or re.fullmatch(r"127(\.\d+){3}", host) is not None


def _checked_url(url: str) -> tuple[str, bool]:
    """The address without a trailing slash, and whether it is on this machine."""
    try:
        requests.Request("GET", url.strip()).prepare()
        parts = urlsplit(url.strip())
    except ValueError:
        parts = urlsplit("")
    host = parts.hostname or ""
    is_here = is_loopback(host)
    is_plain = not ("@" in parts.netloc or parts.query or parts.fragment)
    if is_plain and host and (parts.scheme == "https" or (parts.scheme == "http" and is_here)):
        path = parts.path.rstrip("/") or "/v1"
        return f"{parts.scheme}://{parts.netloc}{path}", is_here
    raise OpenAICostsError(
        f"The base URL must be a plain https:// address (http:// only on this machine), such as "
        f"{OPENAI_URL}.",
        is_wrong_use=True,
    )


def _remedy(status: int, code: str | None, said: str) -> str | None:
    if "insufficient permissions" in said.lower():
        return (
            "The key needs the Usage API scope and Organization administration set to read, and "
            "whoever created it must still be an Organization Owner."
        )
    if code == "invalid_api_key" or status == 401:
        return "It was revoked or is mistyped: create a new admin key, or correct OPENAI_ADMIN_KEY."
    if status == 429 or status >= 500 or (status == 404 and code != "not_found"):
        return "This may pass: run again later."
    return None


def _wait(state: RetryCallState) -> float:
    """Seconds: what the API asked for, where that is a pause, else 1, 2, 4 … up to a minute."""
    error = state.outcome.exception() if state.outcome else None
    asked = getattr(error, "retry_after", None)
    return float(asked if asked and asked >= 1 else min(2 ** (state.attempt_number - 1), 60))


def _rest(seconds: float, is_abandoned: Event | None) -> None:
    """Sleep, though no longer than the reply is wanted."""
    if is_abandoned:
        is_abandoned.wait(seconds)
    else:
        time.sleep(seconds)
