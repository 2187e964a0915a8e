"""The desk's pages: one to log in, one to trade. What they look like; what they show is in trader.py."""

from __future__ import annotations

import math
from collections.abc import Callable

from nicegui import Client as Browser
from nicegui import ui

from fixfast import clock
from fixfast.auth.coordinator import AuthUpdate
from fixfast.auth.state import AuthFailure, AuthState
from fixfast.errors import FixfastError
from fixfast.service.desk.door import Visits
from fixfast.service.desk.look import look
from fixfast.service.desk.panels import Panels
from fixfast.service.desk.screen import Screen
from fixfast.service.desk.trader import Trader

__all__ = ["login_page", "trading_page"]

_BUSY = {
    AuthState.REGISTERING: "registering …",
    AuthState.CONNECTING: "connecting …",
    AuthState.AUTHENTICATING: "logging in …",
}
_LOST = "The desk has lost its Backend, and is looking for it."


def login_page(trader: Trader, visits: Visits, browser: Browser, known: str | None, ended: str) -> None:
    """Register and log in, bound to the AuthState: a spinner while something is under way, and why it failed.

    Args: ended: why the last login is over; "" where somebody logged out.
    """
    look(trader.options.title)
    auth = trader.auth
    screen = Screen()
    mine = False

    def note(update: AuthUpdate) -> None:
        screen.note(update)

    unsubscribe = auth.observe(note)
    browser.on_disconnect(unsubscribe)

    with ui.card().classes("absolute-center desk-login"):
        ui.label(trader.options.title).classes("text-h5")
        tabs = ui.tabs().classes("w-full")
        with tabs:
            login = ui.tab("Log in").props("data-test=tab-login")
            register = ui.tab("Register").props("data-test=tab-register")
        if not trader.options.registration:
            register.set_visibility(False)
        with ui.tab_panels(tabs, value=login).classes("w-full"):
            with ui.tab_panel(login):
                client_id = _input("Client id", "client-id", "username").props("autofocus")
                password = _input("Password", "password", "current-password", secret=True)
                go = ui.button("Log in").classes("w-full").props("data-test=login")
            with ui.tab_panel(register):
                username = _input("User name", "username", "username")
                first = _input("Password", "new-password", "new-password", secret=True)
                again = _input("Password again", "new-password-again", "new-password", secret=True)
                make = ui.button("Register").classes("w-full").props("data-test=register")
        with ui.row().classes("items-center") as busy:
            ui.spinner(size="sm").props("data-test=spinner")
            doing = ui.label().props("data-test=doing aria-live=polite")
            ui.button("Stop", on_click=trader.logout).props("flat dense data-test=stop")
        trouble = ui.label(ended).classes("text-negative").props("data-test=error role=alert")
        good = ui.label().classes("text-positive").props("data-test=good aria-live=polite")

    def shown() -> None:
        snapshot = auth.snapshot
        busy.set_visibility(mine and snapshot.state.waiting)
        busy_with = _BUSY.get(snapshot.state, "") if snapshot.failure is None else "trying again …"
        if snapshot.state is AuthState.CONNECTING and trader.port.trouble:
            busy_with += f" ({trader.port.trouble})"
        doing.set_text(busy_with)
        for button in (go, make):
            button.set_enabled(not snapshot.state.waiting)
        if not mine:
            return
        trouble.set_text(_sentence(trader, snapshot.failure))
        if snapshot.state is AuthState.DISCONNECTED and snapshot.client_id is not None and not snapshot.client_id.gone:
            name = snapshot.client_id.reveal()
            good.set_text(f"Registered. Your client id is {name}: you log in with it.")
            client_id.set_value(name)
            tabs.set_value(login)
        if snapshot.state is AuthState.ACTIVE:
            let_in()

    def let_in() -> None:
        ui.navigate.to(f"/enter?ticket={visits.ticket(clock.now().mono_ns)}")

    def refuse(error: object) -> None:
        trouble.set_text(str(error))

    async def log_in() -> None:
        nonlocal mine
        trouble.set_text("")
        name, secret = (client_id.value or "").strip(), password.value or ""
        password.set_value("")
        if not name or not secret:
            return refuse("Enter a client id and a password.")
        wait = visits.may_try(known, clock.now().mono_ns)
        if wait:
            return refuse(f"Too many attempts: wait {math.ceil(wait)} seconds.")
        if not trader.client.connected:
            return refuse(f"{_LOST} Try again in a moment.")
        if trader.active:
            why = await trader.is_user(name, secret)
            return let_in() if not why else refuse(why)
        mine = True
        try:
            trader.login(name, secret)
        except FixfastError as error:
            refuse(error)
        return None

    def sign_up() -> None:
        nonlocal mine
        trouble.set_text("")
        good.set_text("")
        name, secret, other = (username.value or "").strip(), first.value or "", again.value or ""
        if not name or not secret:
            return refuse("Enter a user name and a password.")
        if secret != other:
            return refuse("The two passwords are not the same.")
        first.set_value("")
        again.set_value("")
        mine = True
        try:
            trader.register(name, secret)
        except FixfastError as error:
            refuse(error)
        return None

    go.on_click(log_in)
    make.on_click(sign_up)
    for field in (client_id, password):
        field.on("keydown.enter", log_in)
    for field in (username, first, again):
        field.on("keydown.enter", sign_up)

    def frame() -> None:
        if screen.take().status or auth.state.waiting:  # what the wait is for may change
            shown()

    ui.timer(1 / trader.options.frames, frame)


def _sentence(trader: Trader, failure: AuthFailure | None) -> str:
    """Return why a login came to nothing, for a person."""
    if failure is None:
        return ""
    return str(failure) if trader.client.connected else _LOST


def _input(label: str, test: str, complete: str, *, secret: bool = False) -> ui.input:
    field = ui.input(label, password=secret).classes("w-full")
    return field.props(f"data-test={test} autocomplete={complete} maxlength=200")


def trading_page(trader: Trader, screen: Screen, log_out: Callable[[], object]) -> None:
    """Trade: everything on one page, drawn anew as often as `frames` says, and only what has changed."""
    dark = look(trader.options.title)
    trader.screens.add(screen)
    panels = Panels(trader, screen)
    with ui.header().classes("items-center q-py-xs gap-3"):
        ui.label(trader.options.title).classes("text-h6 desk-wide").props("role=heading aria-level=1")
        panels.status()
        ui.space()
        ui.button(icon="contrast", on_click=lambda: dark.set_value(not dark.value)).props(
            'flat dense color=white aria-label="dark or light" data-test=dark'
        )
        ui.button("Log out", on_click=log_out).props("flat dense color=white data-test=logout")
    with ui.element("main").classes("desk-page"):
        with ui.element("div"):
            panels.ticket()
            panels.ladder()
        with ui.element("div"):
            panels.chart()
            panels.blotter()
            panels.positions()
            panels.messages()
            panels.faults()
    ui.timer(1 / trader.options.frames, panels.frame)
