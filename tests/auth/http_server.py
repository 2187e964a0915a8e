"""A small registration server: real HTTP over loopback, accounts in memory, and misbehaviour on request."""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *args: object) -> None:
        pass

    def answer(self, status: int, body: object, **headers: str) -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(raw)

    def refuse(self, status: int, code: str, message: str, *, fields: object = None, **headers: str) -> None:
        error: dict[str, Any] = {"code": code, "message": message}
        if fields is not None:
            error["fields"] = fields
        self.answer(status, {"error": error}, **headers)

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((self.path, raw, dict(self.headers)))
        if self.server.instead is not None:
            self.server.instead(self)
            return
        asked = json.loads(raw)
        username, password = asked["username"], asked["password"]
        if len(password) < 8:
            self.refuse(422, "invalid", "invalid", fields={"password": "at least 8 characters"})
        elif any(one[0] == username for one in self.server.accounts.values()):
            self.refuse(409, "username_taken", "the user name is taken")
        else:
            client_id = f"C{len(self.server.accounts) + 4711}"
            self.server.accounts[client_id] = (username, password)
            self.answer(201, {"client_id": client_id})

    def do_GET(self) -> None:
        self.server.seen.append((self.path, b"", dict(self.headers)))
        if self.server.instead is not None:
            self.server.instead(self)
            return
        kind, _, coded = self.headers.get("Authorization", "").partition(" ")
        client_id, _, password = base64.b64decode(coded).decode().partition(":")
        account = self.server.accounts.get(client_id)
        if kind != "Basic" or account is None or account[1] != password:
            self.refuse(401, "unauthorized", "wrong client id or password")
        elif account[0] in self.server.locked:
            self.refuse(423, "locked", "the account is locked")
        else:
            self.answer(200, {"client_id": client_id, "username": account[0], "created": "2026-01-05T10:00:00Z"})


class Server(ThreadingHTTPServer):
    """Attributes: accounts: client_id -> (username, password). instead: what answers in place of the real thing."""

    daemon_threads = True

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.secure = context is not None
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.accounts: dict[str, tuple[str, str]] = {}
        self.locked: set[str] = set()
        self.seen: list[tuple[str, bytes, dict[str, str]]] = []
        self.instead: Callable[[Handler], None] | None = None
        self.over = threading.Event()  # set in the end: what an `instead` may wait for

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # clients that go away

    @property
    def url(self) -> str:
        return f"{'https' if self.secure else 'http'}://localhost:{self.server_address[1]}"


@contextmanager
def serving(certificate: Path | None = None) -> Iterator[Server]:
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    with Server(context) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.over.set()
            server.shutdown()
            thread.join(10)
