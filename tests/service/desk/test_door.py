"""Who may come into the desk: by which address, from which page, with which cookie."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fixfast.service.desk.door import Door, Visits

SECOND = 1_000_000_000
HERE = "127.0.0.1:8080"


def scope(kind: str = "http", method: str = "GET", path: str = "/", **headers: str) -> dict[str, Any]:
    pairs = {"host": HERE, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return {
        "type": kind,
        "method": method,
        "path": path,
        "headers": [(name.encode(), value.encode()) for name, value in pairs.items() if value],
    }


async def _app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"the desk"})


def said(asked: dict[str, Any]) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(Door(_app, [HERE, "desk.example:443"])(asked, receive, send))
    return sent


@pytest.mark.parametrize(
    "asked",
    [
        scope(),
        scope(host="DESK.example:443"),
        scope(path="/enter", sec_fetch_site="same-origin"),
        scope(sec_fetch_site="cross-site"),  # somebody's bookmark page: the first page, without a cookie
        scope(method="POST", origin="http://127.0.0.1:8080"),
        scope("websocket", origin="http://127.0.0.1:8080"),
        scope("websocket", host="desk.example:443", origin="https://desk.example:443"),
    ],
)
def test_the_desks_own_pages_come_in(asked: dict[str, Any]) -> None:
    assert said(asked)[0].get("status", 200) == 200
    assert said(asked)[0]["type"] in ("http.response.start", "websocket.accept")


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (scope(host="evil.example"), "another address"),  # a name of somebody else's that leads here
        (scope(host=""), "another address"),
        (scope(host="127.0.0.1"), "another address"),
        (scope(origin="http://evil.example"), "another site"),
        (scope(origin="null"), "another site"),
        (scope(method="POST", origin="http://127.0.0.1:8081"), "another site"),
        (scope(method="POST"), "without an Origin"),
        (scope(path="/enter", sec_fetch_site="cross-site"), "link of another site"),
        (scope(path="/leave", sec_fetch_site="cross-site"), "link of another site"),
    ],
)
def test_others_do_not(asked: dict[str, Any], why: str) -> None:
    start, body = said(asked)
    assert start["status"] == 403
    assert why.encode() in body["body"].lower() or why in body["body"].decode()


@pytest.mark.parametrize("asked", [scope("websocket", origin="http://evil.example"), scope("websocket")])
def test_a_websocket_of_another_page_is_closed_before_it_is_open(asked: dict[str, Any]) -> None:
    (closed,) = said(asked)
    assert (closed["type"], closed["code"]) == ("websocket.close", 1008)


def test_two_hosts_or_origins_are_no_address() -> None:
    asked = scope()
    asked["headers"].append((b"host", b"evil.example"))
    assert said(asked)[0]["status"] == 403


def test_every_answer_forbids_frames_sniffing_and_other_hosts() -> None:
    headers = dict(said(scope())[0]["headers"])
    assert b"frame-ancestors 'none'" in headers[b"content-security-policy"]
    assert b"default-src 'self'" in headers[b"content-security-policy"]
    assert headers[b"x-content-type-options"] == b"nosniff"


def test_a_ticket_is_good_once_and_not_for_long() -> None:
    visits = Visits()
    ticket = visits.ticket(SECOND)
    cookie = visits.enter(ticket, 2 * SECOND)
    assert cookie is not None
    assert visits.enter(ticket, 2 * SECOND) is None
    late = visits.ticket(SECOND)
    assert visits.enter(late, 12 * SECOND) is None
    assert visits.enter("", SECOND) is None
    assert visits.enter("\ud800", SECOND) is None
    assert cookie not in repr(vars(visits)), "only what tells it again is kept"
    assert ticket not in repr(vars(visits))


def test_a_cookie_ends_with_the_visit() -> None:
    visits = Visits(lifetime=100, idle=10)

    def enter(now: int) -> str:
        cookie = visits.enter(visits.ticket(now), now)
        assert cookie is not None
        return cookie

    first, second = enter(SECOND), enter(SECOND)
    assert visits.knows(first, 5 * SECOND)
    assert not visits.knows("guess", 5 * SECOND)
    assert not visits.knows(None, 5 * SECOND)
    visits.leave(second)
    assert not visits.knows(second, 5 * SECOND)
    assert visits.knows(first, 14 * SECOND), "seen at 5 s"
    assert not visits.knows(first, 25 * SECOND), "idle for too long"
    third = enter(30 * SECOND)
    for at in range(31, 130, 9):
        assert visits.knows(third, at * SECOND)
    assert not visits.knows(third, 131 * SECOND), "a visit does not last for ever"
    fourth = enter(200 * SECOND)
    visits.clear()
    assert not visits.knows(fourth, 200 * SECOND)


def test_passwords_cannot_be_tried_without_end() -> None:
    visits = Visits()
    assert [visits.may_try(None, SECOND) for _ in range(5)] == [0.0] * 5
    assert visits.may_try(None, SECOND) == pytest.approx(6)
    assert visits.may_try(None, 4 * SECOND) == pytest.approx(3)
    assert visits.may_try(None, 7 * SECOND) == 0.0
    assert visits.may_try(None, 7 * SECOND) > 0
    assert [visits.may_try(None, 1000 * SECOND) for _ in range(6)][:5] == [0.0] * 5


def test_strangers_cannot_keep_a_known_browser_out() -> None:
    visits = Visits()
    known = visits.know(None)
    assert known is not None
    assert visits.know(known) is None, "it has its cookie"
    for guess in (None, "", "guess"):
        for _ in range(5):
            visits.may_try(guess, SECOND)
        assert visits.may_try(guess, SECOND) > 0, "a cookie that is thrown away, or made up, does not help"
    assert [visits.may_try(known, SECOND) for _ in range(5)] == [0.0] * 5
    assert visits.may_try(known, SECOND) == pytest.approx(6), "it has a bound, too"
    visits.know(known)
    assert visits.may_try(known, SECOND) > 0, "logging in does not give it more"
    visits.clear()
    assert visits.may_try(known, 8 * SECOND) == 0.0, "it is known after logging out, too"
    assert known not in repr(vars(visits)), "only what tells it again is kept"


def test_no_more_browsers_are_known_than_a_person_has() -> None:
    visits = Visits()
    cookies = [visits.know(None) for _ in range(21)]
    for _ in range(5):
        visits.may_try(None, SECOND)
    assert visits.may_try(cookies[0], SECOND) > 0, "the oldest is a stranger again"
    assert [visits.may_try(cookie, SECOND) for cookie in cookies[1:]] == [0.0] * 20
