"""An HTTP server on 127.0.0.1 that answers requests one after the other."""

import functools
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any


@dataclass(frozen=True)
class Reply:
    """A reply; the server adds Content-Length. Surrogates in the body are bytes, not UTF-8."""

    status: int
    body: str
    headers: Mapping[str, str] = field(default_factory=dict)


Respond = Callable[[str, str, str], Reply]
"""Returns the reply to a method, a path with its query, and an Authorization header."""


class Server:
    """Serves the replies of `respond` on a free port from its creation until it is closed."""

    def __init__(self, respond: Respond) -> None:
        self.respond = respond
        self.closed = False
        self.lock = Lock()
        self._http = _QuietServer(("127.0.0.1", 0), functools.partial(_Handler, self))
        self.port: int = self._http.server_port
        Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.closed = True
        self._http.shutdown()
        self._http.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def __init__(self, server: Server, *connection: Any) -> None:
        self._serving = server
        super().__init__(*connection)

    def do_GET(self) -> None:
        # An unread body would be read as the connection's next request.
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self._serving.closed:
            self.close_connection = True
            return
        authorization = self.headers.get("Authorization") or ""
        with self._serving.lock:
            reply = self._serving.respond(self.command, self.path, authorization)
        body = reply.body.encode(errors="surrogateescape")
        self.send_response(reply.status)
        for name, value in {**reply.headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        pass


class _QuietServer(ThreadingHTTPServer):
    """Does not print that a client closed its connection."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)
