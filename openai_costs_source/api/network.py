"""Reads the body of a reply within bounds, and explains why a request got no complete reply."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.exceptions import (
    ChunkedEncodingError,
    ContentDecodingError,
    InvalidProxyURL,
    InvalidSchema,
    InvalidURL,
    ProxyError,
    SSLError,
)
from urllib3.exceptions import DecodeError, LocationParseError, ProtocolError

from openai_costs_source.api.refusals import PROXY_CREDENTIALS, is_transient

REPLY_SECONDS = 300
"""The longest time for a complete reply."""
MEGABYTE = 1_000_000
LARGEST_REPLY = 250 * MEGABYTE
"""The most bytes of a reply, after decompression; a page of costs has about 16 MB."""

_CHUNK_BYTES = 1 << 18
_TUNNEL = re.compile(r"Tunnel connection failed: (\d{3})([\w -]*)")
_UNCHANGED = "If there is a proxy in between, let it pass requests to this host unchanged."
_RUN_AGAIN = "Check the network and base_url, and run again."


class TooSlow(OSError):
    """A reply is not complete after `REPLY_SECONDS`."""


class TooLarge(OSError):
    """A reply has more than `LARGEST_REPLY` bytes."""


@dataclass(frozen=True)
class Problem:
    """Why a request got no reply: the end of a sentence about it, a remedy, and error facts."""

    message: str
    remedy: str
    facts: dict[str, Any] = field(default_factory=dict)


def within_bounds(send: Callable[[], requests.Response]) -> tuple[requests.Response, bytes]:
    """The reply to a streamed request, and its decompressed body.

    Raises TooSlow or TooLarge beyond the bounds. A thread reads the reply: a server may delay the
    headers, or send what decompresses to nothing, without an end.
    """
    future: Future[tuple[requests.Response, bytes]] = Future()

    def read() -> None:
        try:
            with send() as reply:
                future.set_result((reply, _body(reply)))
        except BaseException as error:
            future.set_exception(error)

    Thread(target=read, daemon=True).start()
    try:
        return future.result(REPLY_SECONDS)
    except TimeoutError:
        if future.done():
            raise
        raise TooSlow from None


def _body(reply: requests.Response) -> bytes:
    """The body; each chunk is decompressed to a limited size, so that memory is bounded."""
    chunks: list[bytes] = []
    size = 0
    while chunk := reply.raw.read1(_CHUNK_BYTES, decode_content=True):
        size += len(chunk)
        if size > LARGEST_REPLY:
            raise TooLarge
        chunks.append(chunk)
    return b"".join(chunks)


def explained(error: Exception, url: str) -> Problem:
    """Why a request to this URL got no complete reply, from the error of requests or urllib3."""
    host = urlsplit(url).netloc
    text = str(error)
    transient = {"is_transient": True}
    if isinstance(error, TooSlow):
        message = f"did not complete its reply at {host} within {REPLY_SECONDS} s"
        return Problem(message, _RUN_AGAIN, transient)
    if isinstance(error, TooLarge):
        return Problem(
            f"sent more than {LARGEST_REPLY // MEGABYTE} MB in one reply",
            _UNCHANGED,
        )
    if isinstance(error, ProxyError | InvalidProxyURL | InvalidSchema | InvalidURL):
        return _proxy_problem(error, url)
    if isinstance(error, LocationParseError):
        return Problem(
            f"cannot be requested: {host} is not the name of a host",
            "Correct base_url.",
            {"is_wrong_use": True},
        )
    if isinstance(error, ContentDecodingError | DecodeError):
        return Problem(f"sent a reply at {host} that cannot be unpacked", _UNCHANGED, transient)
    if isinstance(error, ChunkedEncodingError | ProtocolError):
        return Problem(f"broke off its reply at {host}", _RUN_AGAIN, transient)
    if "WRONG_VERSION_NUMBER" in text or "RECORD_LAYER_FAILURE" in text:
        return Problem(f"does not use HTTPS at {host}", "Correct base_url, or its port.")
    if "CA certificate bundle" in text or "NO_CERTIFICATE_OR_CRL_FOUND" in text:
        return Problem(
            "cannot be requested: the file of trusted certificates does not exist or has none",
            "Correct REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE, or remove it.",
            {"is_wrong_use": True},
        )
    # A handshake that was cut off is transient; a refused certificate or protocol is not.
    if isinstance(error, SSLError) and "EOF" not in text:
        return Problem(
            f"has no TLS certificate at {host} that this machine trusts",
            "If a proxy has its own, set REQUESTS_CA_BUNDLE to its certificate authority.",
        )
    return Problem(f"did not answer at {host} ({type(error).__name__})", _RUN_AGAIN, transient)


def _proxy_problem(error: Exception, url: str) -> Problem:
    proxies = requests.utils.get_environ_proxies(url)
    # Without the user and the password that its URL may contain.
    address = (requests.utils.select_proxy(url, proxies) or "").rpartition("@")[2]
    proxy = address.removeprefix("http://").rstrip("/")
    tunnel = _TUNNEL.search(str(error))
    if tunnel:
        status = int(tunnel[1])
        remedy = "Let the proxy pass requests to this host."
        return Problem(
            f"was not reached: the proxy {proxy} refused with {tunnel[1]}:{tunnel[2].rstrip()}",
            PROXY_CREDENTIALS if status == 407 else remedy,
            {"is_transient": is_transient(status, None)},
        )
    if isinstance(error, ProxyError):
        return Problem(
            f"was not reached: the proxy {proxy} did not answer",
            "Check HTTPS_PROXY and the proxy, and run again.",
            {"is_transient": True},
        )
    return Problem(
        f"cannot be requested: the proxy {proxy} is not one that can be used",
        "Set HTTPS_PROXY to an address such as http://HOST:PORT, or remove it. A proxy with SOCKS "
        "needs one more package: pip install 'requests[socks]'.",
        {"is_wrong_use": True},
    )
