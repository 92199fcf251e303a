"""The admin key and the API's address: validation, the Authorization header, redaction."""

from __future__ import annotations

import re
from functools import cache
from ipaddress import ip_address
from typing import AnyStr
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase

from openai_costs_source.errors import OpenAICostsError

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
_ESCAPED_ASCII = re.compile(rb'\\(?:u00[2-7]|["\\/])|%[2-7]')
_ADMIN_KEY = re.compile(r"sk-admin-[!-~]+")


class BearerKey(AuthBase):
    """Sends the key in the Authorization header.

    With an `auth` of its own, a session of requests ignores the credentials in ~/.netrc.
    """

    def __init__(self, key: str) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._key}"
        return request


def redact_key(text: AnyStr, key: str) -> AnyStr:
    """The text without the key, which a server may quote in a reply.

    Any of the key's characters may be escaped as in JSON (`\\u002d`, `\\/`), also in JSON within
    JSON, or percent-encoded (`%2D`).
    """
    if isinstance(text, bytes):
        plain = text.replace(key.encode(), b"[the key]")
        # For a page of 16 MB, these searches take 5, 80 and 500 ms.
        if not (b"\\" in plain or b"%" in plain) or not _ESCAPED_ASCII.search(plain):
            return plain
        return re.sub(_escaped(key).encode(), b"[the key]", plain)
    return re.sub(_escaped(key), "[the key]", text)


@cache
def _escaped(key: str) -> str:
    """A regular expression for the key with or without escaped characters."""

    def spellings(character: str) -> str:
        code = "".join(f"[{digit}{digit.upper()}]" for digit in f"{ord(character):02x}")
        return rf"(?:\\*{re.escape(character)}|\\+u00{code}|%(?:25)*{code})"

    # Each further level of JSON doubles the backslashes. A match starts before the first of them:
    # the search reads a long run of backslashes only once, and none is left before `[the key]`.
    return r"(?<!\\)" + "".join(map(spellings, key))


def checked_key(key: str) -> str:
    """The key, trimmed. Raises OpenAICostsError (wrong use) if it is not an admin key."""
    key = key.strip()
    if not _ADMIN_KEY.fullmatch(key):
        kinds = (kind for prefix, kind in _OTHER_KEYS.items() if key.startswith(prefix))
        kind = next(kinds, "") if not key.startswith("sk-admin-") else ""
        raise OpenAICostsError(
            f"The key is not an admin key: those start with sk-admin-. {kind}".strip(),
            WHERE_KEYS_COME_FROM,
            is_wrong_use=True,
        )
    return key


def checked_url(url: str) -> tuple[str, bool]:
    """The address without a trailing slash, and whether it is on this machine.

    Raises OpenAICostsError (wrong use) if the key would not be safe there.
    """
    try:
        requests.Request("GET", url.strip()).prepare()
        parts = urlsplit(url.strip())
    except ValueError:
        parts = urlsplit("")
    host = parts.hostname or ""
    is_local = is_loopback(host)
    is_plain = not ("@" in parts.netloc or parts.query or parts.fragment)
    if is_plain and host and (parts.scheme == "https" or (parts.scheme == "http" and is_local)):
        path = parts.path.rstrip("/") or "/v1"
        return f"{parts.scheme}://{parts.netloc}{path}", is_local
    raise OpenAICostsError(
        f"The base URL must be a plain https:// address (http:// only on this machine), such as "
        f"{OPENAI_URL}.",
        is_wrong_use=True,
    )


def is_loopback(host: str) -> bool:
    """Whether the host is this machine: `localhost`, `127.x.x.x` or `::1`.

    Other spellings, such as `127.1`, mean different addresses to different programs.
    """
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost"
    return address == ip_address("::1") or (address.version == 4 and address.is_loopback)
