"""The HTTP endpoint of the metrics: one thread, one request at a time, read-only, of this machine unless told."""

from __future__ import annotations

import io
import ipaddress
import logging
import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Any, cast
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from fixfast.engine.observing.metrics import MetricsCollector, client
from fixfast.errors import ConfigError

__all__ = ["MetricsServer", "serve_metrics"]

_log = logging.getLogger("fixfast.engine")

#: seconds a client may take to send its request and to take the answer: there is one at a time
_PATIENCE = 5.0
#: seconds between two looks whether to stop
_LOOK = 0.5


def serve_metrics(
    source: object,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    secret_comp_ids: bool = False,
    max_sessions: int = 1000,
    registry: Any = None,
) -> MetricsServer:
    """Serve the numbers of sessions at http://host:port/metrics, for Prometheus and whatever reads OpenMetrics.

    It begins at once, in a thread of its own; close() it, or use it as a context manager. Whoever reaches the port
    reads the numbers, and can do nothing else: do not put it on an address that strangers reach (C20).

    Args:
        source, secret_comp_ids, max_sessions: as for MetricsCollector.
        host: the address to listen on.
        port: the TCP port; 0: any free one, see `MetricsServer.port`.
        registry: a prometheus_client registry with metrics of yours, which are served, too; the sessions are added to
            it as long as this is open. None: one of its own.

    Raises:
        MissingExtra: prometheus-client is not installed (`pip install \'fixfast[metrics]\'`).
        ConfigError: an argument is of the wrong kind.
        OSError: the address cannot be listened on.
    """
    if not isinstance(host, str) or not host:
        raise ConfigError("host", host, "an address of this machine")
    if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 65535:
        raise ConfigError("port", port, "a whole number from 0 to 65535")
    collector = MetricsCollector(source, secret_comp_ids=secret_comp_ids, max_sessions=max_sessions)
    return MetricsServer(collector, host, port, registry)


class MetricsServer:
    """What serve_metrics() returns.

    Attributes:
        host, port: where it listens.
        url: for a browser, or for Prometheus.
    """

    def __init__(self, collector: MetricsCollector, host: str, port: int, registry: Any) -> None:
        prometheus = client()
        self._collector = collector
        self._registry = prometheus.CollectorRegistry() if registry is None else registry
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        kind = type("_Server", (_Server,), {"address_family": family})
        self._server: WSGIServer = kind(address[:2], _Handler)
        try:
            self._registry.register(collector)
        except BaseException:
            self._server.server_close()
            raise
        self._server.set_app(_logged(prometheus.make_wsgi_app(self._registry)))
        self.host, self.port = cast(tuple[str, int], self._server.server_address[:2])
        if not ipaddress.ip_address(self.host).is_loopback:
            _log.warning("metrics at %s can be read by whoever reaches that address", self.url)
        self._thread = threading.Thread(target=self._serve, name=f"fixfast-metrics-{self.port}", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where the metrics are."""
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}/metrics"

    def _serve(self) -> None:
        self._server.serve_forever(poll_interval=_LOOK)

    def close(self) -> None:
        """Stop listening; the registry forgets the sessions. Twice is once."""
        if self._thread.is_alive():
            stopping = threading.Thread(target=self._server.shutdown)
            stopping.start()
            with suppress(OSError):  # wakes it: it would look only every half second
                socket.create_connection((self.host, self.port), timeout=_LOOK).close()
            stopping.join()
            self._thread.join()
            self._server.server_close()
            self._registry.unregister(self._collector)

    def __enter__(self) -> MetricsServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _logged(app: Any) -> Any:
    """Let the logger have what goes wrong in a scrape, rather than stderr."""

    def logged(environ: Any, start_response: Any) -> Any:
        try:
            return app(environ, start_response)
        except Exception:
            _log.exception("the metrics could not be collected")
            raise

    return logged


class _Server(WSGIServer):
    """Asks no name server for its own name."""

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = cast(tuple[str, int], self.server_address[:2])
        self.setup_environ()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing on stderr of a client that went away or was too slow."""
        _log.debug("a client of the metrics failed", exc_info=True)


class _Handler(WSGIRequestHandler):
    """Says nothing on stderr, and does not wait for ever."""

    timeout = _PATIENCE

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        """Say nothing."""

    def get_stderr(self) -> Any:
        """Return where wsgiref complains: nowhere."""
        return io.StringIO()
