"""Watched: FIX messages as they pass, for front ends that want to see them; secrets masked (C8)."""

from __future__ import annotations

from collections.abc import Collection

from fixfast import clock
from fixfast.auth.secret import Secret, revealed
from fixfast.auth.sessions import VeiledLog
from fixfast.engine.observing.wirelog import WireLog, WireTap
from fixfast.service.link import Link
from fixfast.service.messages import WireMessage
from fixfast.session.wire import Message, StreamDecoder
from fixfast.store.secrets import blank_secrets, blank_texts, has_secrets
from fixfast.types import Buffer, SessionID

__all__ = ["Watched"]

_CONTROL = bytes.maketrans(bytes([*range(32), 127]), b"?" * 33)


class Watched(WireLog):
    """What connect() takes for a wire log: front ends look on, and what is to be logged is.

    Args:
        log: the wire log of the session; None: there is none.
        hidden: passwords that are masked in both wherever a peer repeats them; may change.
    """

    def __init__(self, log: WireLog | None, hidden: Collection[Secret] = ()) -> None:
        self._log = VeiledLog(log, hidden) if log is not None else None
        self._hidden = hidden
        self._links: dict[Link, int] = {}  # -> how many it missed

    def watch(self, link: Link, on: bool) -> None:
        """Show messages to a front end, or no more."""
        if on:
            self._links.setdefault(link, 0)
        else:
            self._links.pop(link, None)

    @property
    def anybody(self) -> bool:
        """Whether somebody looks on."""
        return bool(self._links)

    def show(self, direction: str, raw: bytes) -> None:
        """Show a message."""
        clean = blank_texts(blank_secrets(raw) if has_secrets(raw) else raw, revealed(self._hidden))
        text = clean.replace(b"\x01", b"|").translate(_CONTROL).decode("utf-8", "replace")
        wall_ns = clock.now().wall_ns
        for link, missed in self._links.items():
            self._links[link] = 0 if link.offer(WireMessage(direction, wall_ns, text, missed)) else missed + 1

    def tap(self, session_id: SessionID, max_message_size: int = 1 << 20) -> WireTap:
        """Return the tap of one new connection."""
        log = self._log
        return _Tap(self, log.tap(session_id, max_message_size) if log is not None else None, max_message_size)

    def note(self, session_id: SessionID, text: str) -> None:
        """Write a note into the log."""
        if self._log is not None:
            self._log.note(session_id, text)


class _Tap(WireTap):
    """Cuts the two byte streams of one connection into messages, while somebody looks on."""

    def __init__(self, watched: Watched, log: WireTap | None, max_message_size: int) -> None:
        self._watched = watched
        self._logged = log
        self._most = max_message_size
        self._views: dict[str, StreamDecoder] = {}

    def inbound(self, data: Buffer) -> None:
        """Show bytes that arrived."""
        if self._logged is not None:
            self._logged.inbound(data)
        self._pass("in", data)

    def outbound(self, data: Buffer) -> None:
        """Show bytes that are about to be written."""
        if self._logged is not None:
            self._logged.outbound(data)
        self._pass("out", data)

    def _pass(self, direction: str, data: Buffer) -> None:
        if not self._watched.anybody:
            self._views.clear()  # who looks on next begins with a whole message
            return
        decoder = self._views.get(direction)
        if decoder is None:
            decoder = self._views[direction] = StreamDecoder(max_message_size=self._most)
        decoder.feed(bytes(data))
        for item in decoder:
            if isinstance(item, Message):
                self._watched.show(direction, item.raw)
