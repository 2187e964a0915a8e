"""The desk as a server: a Trader, its pages, the door before them."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response
from nicegui import Client as Browser
from nicegui import ui

from fixfast import clock
from fixfast.auth.coordinator import AuthUpdate
from fixfast.auth.state import AuthState
from fixfast.service.desk.door import COOKIE, KNOWN_COOKIE, KNOWN_SECONDS, Door, Visits
from fixfast.service.desk.options import DeskOptions
from fixfast.service.desk.page import login_page, trading_page
from fixfast.service.desk.screen import Screen
from fixfast.service.desk.trader import Trader, VenueControl

__all__ = ["serve_desk"]

_log = logging.getLogger("fixfast.service")


class _Server(uvicorn.Server):
    """A server that leaves signals to the program."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


class _Pages:
    """The pages of a Trader, and who may see them."""

    def __init__(self, trader: Trader) -> None:
        self._trader = trader
        self._visits = Visits()
        self._browsers: set[Browser] = set()
        self._ended = ""  # why nobody is logged in any more, though nobody logged out
        trader.auth.observe(self._moved)

    def add(self, app: FastAPI) -> None:
        """Have an application answer with them."""
        app.add_api_route("/enter", self._enter, methods=["GET"])
        app.add_api_route("/leave", self._leave, methods=["GET"])
        ui.page("/")(self._index)

    async def _enter(self, request: Request, ticket: str = "") -> Response:
        """Give a browser that has just logged in its cookie."""
        cookie = self._visits.enter(ticket, clock.now().mono_ns)
        answer = RedirectResponse("/", status_code=303, headers={"cache-control": "no-store"})
        if cookie is not None:
            answer.set_cookie(COOKIE, cookie, httponly=True, samesite="strict", path="/")
            known = self._visits.know(request.cookies.get(KNOWN_COOKIE))
            if known is not None:
                answer.set_cookie(
                    KNOWN_COOKIE, known, max_age=KNOWN_SECONDS, httponly=True, samesite="strict", path="/"
                )
        return answer

    async def _leave(self, request: Request) -> Response:
        """Take it back."""
        self._visits.leave(request.cookies.get(COOKIE))
        answer = RedirectResponse("/", status_code=303, headers={"cache-control": "no-store"})
        answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
        return answer

    async def _index(self, request: Request) -> None:
        trader, browser = self._trader, ui.context.client
        cookie = request.cookies.get(COOKIE)
        if not self._visits.knows(cookie, clock.now().mono_ns) or trader.auth.snapshot.client_id is None:
            return login_page(trader, self._visits, browser, request.cookies.get(KNOWN_COOKIE), self._ended)
        screen = Screen()
        self._browsers.add(browser)

        def gone() -> None:
            trader.screens.discard(screen)
            self._browsers.discard(browser)

        browser.on_delete(gone)
        for symbol in trader.options.symbols[:1]:
            await trader.follow(symbol)
        return trading_page(trader, screen, self._log_out)

    def _log_out(self) -> None:
        """Log the user off, and have every page of the desk know."""
        self._show_out()
        self._trader.logout()

    def _moved(self, update: AuthUpdate) -> None:
        """Show the login to who trades, when nobody is logged in any more: the venue has ended it."""
        snapshot = update.snapshot
        if snapshot.state is AuthState.ACTIVE:
            self._ended = ""
        elif snapshot.state is AuthState.FAILED and self._browsers:
            self._ended = str(snapshot.failure)
            self._show_out()

    def _show_out(self) -> None:
        self._visits.clear()
        for browser in list(self._browsers):
            browser.open("/leave")


async def serve_desk(
    options: DeskOptions,
    listening: socket.socket,
    *,
    exchange: VenueControl | None = None,
    told: Callable[[str], object] = lambda url: None,
    until: asyncio.Event | None = None,
) -> None:
    """Serve a desk until it is told to end. One a process: NiceGUI has one set of pages.

    Args: options: see DeskOptions. listening: where browsers come to; the caller closes it. exchange: a simulated one
        to have fault buttons for. told: called with the URL when browsers may come. until: ends it.

    Raises: LinkRefused, LinkLost: the Launcher. ConfigError: the key file.
    """
    port = listening.getsockname()[1]
    async with Trader(options, exchange=exchange) as trader:
        app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        _Pages(trader).add(app)
        ui.run_with(
            app, title=options.title, dark=None, tailwind=False, show_welcome_message=False, reconnect_timeout=10.0
        )
        local = [f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")]
        door = Door(app, [*local, *options.names])
        config = uvicorn.Config(
            door, log_config=None, access_log=False, server_header=False, ws_max_size=1 << 20, lifespan="on",
            timeout_graceful_shutdown=3,
        )  # fmt: skip
        server = _Server(config)
        running = asyncio.create_task(server.serve(sockets=[listening]))
        ending = asyncio.create_task((until or asyncio.Event()).wait())
        try:
            while not server.started and not running.done():
                await asyncio.sleep(0.01)
            if not running.done():
                told(f"http://{options.host}:{port}/")
            await asyncio.wait([running, ending], return_when=asyncio.FIRST_COMPLETED)
        finally:
            ending.cancel()
            server.should_exit = True
            await asyncio.wait([running])
        running.result()
