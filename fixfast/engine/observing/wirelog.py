"""A log of every message on the wire, one a line, secrets blanked: what `fixfast decode` reads."""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import re
import threading
import time
import weakref
from collections import OrderedDict, deque
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from fixfast import clock
from fixfast.engine.observing.label import hide_comp_ids, label
from fixfast.engine.observing.wirefile import Archive, LogFile, Rotation
from fixfast.errors import ConfigError
from fixfast.session.wire import Message, StreamDecoder, format_time
from fixfast.store.files import file_stem
from fixfast.store.secrets import blank_secrets, blank_texts, has_secrets
from fixfast.types import Buffer, SessionID

__all__ = ["WireLog", "WireTap"]

_log = logging.getLogger("fixfast.engine")

#: Bytes that would break a line, or a terminal that shows it (C9). SOH stays: it is the delimiter.
_CONTROL = bytes(b for b in range(32) if b != 1) + b"\x7f"
_CLEAN = bytes.maketrans(_CONTROL, b"?" * len(_CONTROL))
#: ... and the same for the control characters U+0080 to U+009F, in UTF-8
_C1 = re.compile(rb"\xc2[\x80-\x9f]")

#: Chunks that the writer takes in one go, and how long it then rests (seconds) so that the loop, which is waiting for
#: the interpreter, gets it. Also how long it lets things gather before it begins.
_BUNCH, _REST, _GATHER = 32, 0.0002, 0.005
#: Seconds that close() gives the disk.
_LAST = 10.0
#: Files of sessions that are open at once.
_OPEN_FILES = 128


class _Chunk(NamedTuple):
    """Bytes as they passed, or a note: what the writer has to make lines of."""

    tap: WireTap | None
    name: str
    mark: bytes
    wall_ns: int
    data: bytes
    hidden: tuple[bytes, ...] = ()  # texts to be masked, as they were known when the bytes passed


class WireLog:
    """Lines `time session < message` (in), `>` (out) and `=` (notes), in a file that a thread of its own writes.

    The event loop hands bytes over and never waits for the disk; the thread finds the messages, blanks secrets (C8),
    replaces control bytes (C9), writes, rotates. BodyLength and CheckSum are made right again. Times are UTC with
    nanoseconds, those of the read or write. Bytes that are no message are counted in a `!` line, not shown. A full disk
    ends no session: one warning, and later a line that says how many are missing.

    What was logged is on its way to the disk within milliseconds, and there after flush() or close(), also when the
    interpreter ends by an exception. A process that is killed loses the last milliseconds.

    Args:
        path: the file (mode 0600); with `per_session` a folder (0700) with a file for each session. What is missing of
            the path is made. One process for each path.
        per_session: a file for each session.
        max_size: bytes above which a new file is begun; None: no limit. The old one gets its time in its name.
        daily: local time, "HH:MM", at which a new file is begun each day; None: not by time. tz: its IANA zone.
        keep, keep_bytes: how many of the old files are kept, the newest ones, and their size in all; None: all.
        compress: old files are compressed (gzip), in another thread.
        secret_comp_ids: CompIDs are replaced by a hash, in lines and names of files (some venues use the API key).
        queue_bytes: how much may wait for the disk; what comes above that is dropped, counted, and told of in the log.

    Raises:
        OSError: the file cannot be opened. ConfigError: an option is out of range.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        per_session: bool = False,
        max_size: int | None = 128 << 20,
        daily: str | None = None,
        tz: str = "UTC",
        keep: int | None = None,
        keep_bytes: int | None = None,
        compress: bool = True,
        secret_comp_ids: bool = False,
        queue_bytes: int = 16 << 20,
    ) -> None:
        if type(queue_bytes) is not int or queue_bytes < 1 << 16:
            raise ConfigError("queue_bytes", queue_bytes, "a whole number of at least 65536")
        rotation = Rotation(max_size=max_size, daily=daily, tz=tz, keep=keep, keep_bytes=keep_bytes, compress=compress)
        self.path = Path(path)
        self.per_session = per_session
        self.secret_comp_ids = secret_comp_ids
        self.dropped = 0  # chunks that found no room
        self._rotation = rotation
        self._archive = Archive(rotation)
        self._limit = queue_bytes
        self._files: OrderedDict[str, LogFile] = OrderedDict()
        self._closed = False
        self._begin()
        if per_session:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        else:
            self._file("").open()
        _OPEN.add(self)

    def _begin(self) -> None:
        """Have an empty queue and no thread; also in a child process, which has none of its parent's."""
        self._lock = threading.Lock()
        self._queue: deque[_Chunk | threading.Event] = deque()
        self._waiting = 0  # bytes in the queue
        self._told = 0  # of self.dropped, how many were told of
        self._wanted = threading.Event()
        self._hurry = threading.Event()
        self._reopen = False
        self._thread: threading.Thread | None = None

    # --- what is logged ------------------------------------------------------------------------------------

    def tap(self, session_id: SessionID, max_message_size: int = 1 << 20) -> WireTap:
        """Return the tap of one new connection."""
        return WireTap(self, session_id, max_message_size)

    def note(self, session_id: SessionID, text: str) -> None:
        """Write a `=` line: a change of state, a connection lost."""
        data = text.encode(errors="replace")
        self.put(_Chunk(None, self.name_of(session_id), b"=", clock.now().wall_ns, data))

    def put(self, chunk: _Chunk) -> bool:
        """Hand something to the writer; False: there was no room."""
        with self._lock:
            if self._closed:
                return True
            room = self._waiting <= self._limit
            if room:
                self._waiting += len(chunk.data) + 128
                self._queue.append(chunk)
            else:
                self.dropped += 1
            if self._thread is None:
                self._start()
        if not self._wanted.is_set():
            self._wanted.set()
        return room

    def name_of(self, session_id: SessionID) -> str:
        """Return what a session is called in lines; with `per_session`, its file's name stands before it."""
        name = label(session_id, secret=self.secret_comp_ids)
        return f"{file_stem(session_id, secret=self.secret_comp_ids)}\0{name}" if self.per_session else name

    # --- life ----------------------------------------------------------------------------------------------

    def reopen(self) -> None:
        """Open the files anew, where another program rotates them: `loop.add_signal_handler(SIGHUP, log.reopen)`."""
        self._reopen = True
        self._wanted.set()

    def flush(self, timeout: float = _LAST) -> bool:
        """Wait until what was logged so far is written; from an event loop, in a thread. Not a sync of the disk.

        Returns: False: it did not happen in `timeout` seconds.
        """
        done = threading.Event()
        with self._lock:
            if self._thread is None:
                return True
            self._queue.append(done)
        self._hurry.set()
        self._wanted.set()
        return done.wait(timeout)

    def close(self) -> None:
        """Write what waits and close the files; what comes later is not logged."""
        with self._lock:
            closed, self._closed = self._closed, True
        if closed:
            return
        self._hurry.set()
        self._wanted.set()
        if self._thread is not None:
            self._thread.join(_LAST)
        if self._thread is not None and self._thread.is_alive():
            _log.error("%s: the disk did not take the last %d bytes in time", self.path, self._waiting)
            return
        for file in self._files.values():
            file.close()
        self._archive.close()
        _OPEN.discard(self)

    def __enter__(self) -> WireLog:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    async def __aenter__(self) -> WireLog:
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Close, without keeping the event loop waiting: the last file may have to be compressed."""
        await asyncio.get_running_loop().run_in_executor(None, self.close)

    def after_fork(self) -> None:
        """Forget the parent's thread and what it has to write; the child logs into the same files, line by line."""
        self._archive.after_fork()
        self._begin()

    # --- the writer's thread -------------------------------------------------------------------------------

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="fixfast-wirelog", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            self._hurry.wait(_GATHER)
            self._wanted.clear()
            while self._work():
                if not self._hurry.is_set() and self._waiting < self._limit // 2:
                    time.sleep(_REST)
            self._hurry.clear()
            with self._lock:
                if self._closed and not self._queue:
                    return
                if self._queue or self._closed:
                    self._wanted.set()

    def _work(self) -> bool:
        """Write a bunch of what waits; False: that was all."""
        with self._lock:
            bunch = [self._queue.popleft() for _ in range(min(_BUNCH, len(self._queue)))]
        if self._reopen:
            self._reopen = False
            self._guarded(self._open_anew)
        size, flushed = 0, []
        for item in bunch:
            if isinstance(item, threading.Event):
                flushed.append(item)
            else:
                size += len(item.data) + 128
                self._guarded(self._add, item)
        self._guarded(self._tell_of_dropped)
        for file in list(self._files.values()):
            self._guarded(file.flush)
        for event in flushed:
            event.set()
        with self._lock:
            self._waiting -= size
            return bool(self._queue)

    def _guarded(self, step: Callable[..., None], *args: object) -> None:
        """Do something; what goes wrong with it costs a line, never the thread."""
        try:
            step(*args)
        except Exception:
            _log.exception("%s: a line is lost", self.path)

    def _add(self, chunk: _Chunk) -> None:
        tap = chunk.tap
        lines = [(chunk.mark, chunk.data)] if tap is None else tap.lines(chunk.mark, chunk.data, chunk.hidden)
        stem, _, name = chunk.name.rpartition("\0")
        file = self._file(stem)
        prefix = format_time(chunk.wall_ns, 9) + b" " + name.encode("utf-8", "replace") + b" "
        for mark, data in lines:
            file.add(prefix + mark + b" " + _cleaned(data) + b"\n", chunk.wall_ns)

    def _tell_of_dropped(self) -> None:
        """Say how much found no room, once there is some again."""
        told, self._told = self._told, self.dropped
        if self._told > told:
            text = f"{self._told - told} reads or writes are missing here: the disk is slower than the wire"
            _log.warning("%s: %s", self.path, text)
            now = clock.now().wall_ns
            for file in self._files.values():
                file.add(format_time(now, 9) + b" - ! " + text.encode() + b"\n", now)

    def _file(self, stem: str) -> LogFile:
        file = self._files.get(stem)
        if file is None:
            path = self.path / f"{stem}.log" if stem else self.path
            file = self._files[stem] = LogFile(path, self._rotation, self._archive)
            if self._archive.files(path):
                self._archive.take(path)  # what an earlier process left
            while len(self._files) > _OPEN_FILES:
                _, oldest = self._files.popitem(last=False)
                oldest.flush()
                oldest.close()
        elif stem:
            self._files.move_to_end(stem)
        return file

    def _open_anew(self) -> None:
        for file in self._files.values():
            file.reopen()


class WireTap:
    """Cuts the two byte streams of one connection into messages for a WireLog.

    Attributes: hidden: asked, when bytes pass, for texts that are masked wherever they stand; None: there are none.
    """

    hidden: Callable[[], tuple[bytes, ...]] | None = None

    def __init__(self, log: WireLog, session_id: SessionID, max_message_size: int) -> None:
        self._log = log
        self._name = log.name_of(session_id)
        self._size = max_message_size
        self._hide = (session_id.sender_comp_id, session_id.target_comp_id) if log.secret_comp_ids else ()
        # A second framing of its own: what is logged is what was on the wire, whatever the session made of it.
        self._decoders = {b"<": StreamDecoder(max_message_size=max_message_size), b">": StreamDecoder()}
        self._cut = False  # something was dropped: what comes next may be in the middle of a message

    def inbound(self, data: Buffer) -> None:
        """Log bytes that arrived."""
        self._put(b"<", bytes(data))

    def outbound(self, data: Buffer) -> None:
        """Log bytes that are about to be written."""
        self._put(b">", bytes(data))

    def _put(self, mark: bytes, data: bytes) -> None:
        hidden = self.hidden() if self.hidden is not None else ()
        if not self._log.put(_Chunk(self, self._name, mark, clock.now().wall_ns, data, hidden)):
            self._cut = True

    def lines(self, mark: bytes, data: bytes, hidden: tuple[bytes, ...] = ()) -> list[tuple[bytes, bytes]]:
        """Return a (mark, bytes) pair for each message that these bytes complete. Called by the writer's thread."""
        if self._cut:
            self._cut = False
            self._decoders = {b"<": StreamDecoder(max_message_size=self._size), b">": StreamDecoder()}
        decoder = self._decoders[mark]
        decoder.feed(data)
        lines = []
        for item in decoder:
            if isinstance(item, Message):
                raw = item.raw
                raw = blank_texts(blank_secrets(raw) if has_secrets(raw) else raw, hidden)
                lines.append((mark, hide_comp_ids(raw, self._hide) if self._hide else raw))
            else:
                # Not the bytes themselves: parse failures may hold half a password (C8).
                text = b"%s %d bytes that are no message: %s" % (mark, len(item.raw), item.reason.encode())
                lines.append((b"!", text))
        return lines


def _cleaned(data: bytes) -> bytes:
    """Return a message without control bytes; its CheckSum is made right again, so that it can be decoded."""
    clean = data.translate(_CLEAN)
    if b"\xc2" in clean:
        clean = _C1.sub(b"??", clean)
    if clean == data or clean[-8:-4] != b"\x0110=":
        return clean
    body = clean[:-7]
    return body + b"10=%03d\x01" % (sum(body) % 256)


#: The logs of this process: written at its end, and without a thread after a fork.
_OPEN: weakref.WeakSet[WireLog] = weakref.WeakSet()


def _close_all() -> None:
    for log in list(_OPEN):
        log.close()


def _after_fork() -> None:
    for log in list(_OPEN):
        log.after_fork()


atexit.register(_close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
