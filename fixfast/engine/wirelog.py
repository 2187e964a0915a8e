"""A log of every message on the wire, one a line, secrets blanked: what `fixfast decode` reads."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from fixfast import clock
from fixfast.session.wire import Message, StreamDecoder, format_time
from fixfast.store.secrets import blank_secrets, has_secrets
from fixfast.types import Buffer, SessionID

__all__ = ["WireLog", "WireTap"]

_log = logging.getLogger("fixfast.engine")

#: Bytes that would break a line, or a terminal that shows it (C9). SOH stays: it is the delimiter.
_CONTROL = bytes(b for b in range(32) if b != 1) + b"\x7f"
_CLEAN = bytes.maketrans(_CONTROL, b"?" * len(_CONTROL))


class WireLog:
    """Appends lines `time session < message` (in), `>` (out) and `=` (notes) to a file.

    Each line is written when its message passes, in one write: a killed process loses nothing that it logged. Times are
    UTC with microseconds. The messages are as they were on the wire, but for secrets (C8), which are blanked with
    BodyLength and CheckSum made right again. Bytes that are no message are shown as a `!` line.

    Args:
        path: the file; made if it is not there, with mode 0600.

    Raises:
        OSError: it cannot be opened.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)
        self._failing = False
        self._fd = os.open(self.path, flags, 0o600)

    def tap(self, session_id: SessionID, max_message_size: int = 1 << 20) -> WireTap:
        """Return the tap of one new connection."""
        return WireTap(self, str(session_id).encode(), max_message_size)

    def note(self, session_id: SessionID, text: str) -> None:
        """Write a `=` line: a change of state, a connection lost."""
        self.write([(b"=", text.encode(errors="replace"))], str(session_id).encode())

    def write(self, lines: list[tuple[bytes, bytes]], name: bytes) -> None:
        """Write (mark, bytes) lines. What cannot be written is lost, and said so once: a full disk ends no session."""
        if self._fd < 0:
            return
        prefix = format_time(clock.now().wall_ns, 6) + b" " + name + b" "
        text = b"".join(prefix + mark + b" " + data.translate(_CLEAN) + b"\n" for mark, data in lines)
        try:
            os.write(self._fd, text)
            self._failing = False
        except OSError as error:
            if not self._failing:
                _log.error("%s: lines are lost: %s", self.path, error)
            self._failing = True

    def close(self) -> None:
        """Close the file; what comes later is not logged."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)

    def __enter__(self) -> WireLog:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class WireTap:
    """Cuts the two byte streams of one connection into messages for a WireLog."""

    def __init__(self, log: WireLog, name: bytes, max_message_size: int) -> None:
        self._log = log
        self._name = name
        # A second framing of its own: what is logged is what was on the wire, whatever the session made of it.
        self._in = StreamDecoder(max_message_size=max_message_size)
        self._out = StreamDecoder()

    def inbound(self, data: Buffer) -> None:
        """Log bytes that arrived."""
        self._pass(self._in, b"<", data)

    def outbound(self, data: Buffer) -> None:
        """Log bytes that are about to be written."""
        self._pass(self._out, b">", data)

    def _pass(self, decoder: StreamDecoder, mark: bytes, data: Buffer) -> None:
        decoder.feed(data)
        lines: list[tuple[bytes, bytes]] = []
        for item in decoder:
            raw = item.raw
            if isinstance(item, Message):
                lines.append((mark, blank_secrets(raw) if has_secrets(raw) else raw))
            else:
                # Not the bytes themselves: parse failures may hold half a password (C8).
                lines.append((b"!", b"%s %d bytes that are no message: %s" % (mark, len(raw), item.reason.encode())))
        if lines:
            self._log.write(lines, self._name)
