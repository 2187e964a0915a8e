"""control(): a Unix socket over which people look at live sessions and command them (C19), as `fixfast ctl` does."""

from __future__ import annotations

import asyncio
import hmac
import inspect
import json
import logging
import os
import secrets
import threading
from collections.abc import Coroutine, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from fixfast import clock
from fixfast.engine.controlkey import Credentials, credentials_of, key_path, make_key, proof
from fixfast.engine.controlled import COMMANDS, Refused, Sessions, find, status_of
from fixfast.engine.live import LiveSession
from fixfast.engine.observing.label import printable
from fixfast.engine.observing.records import about
from fixfast.engine.place import PrivatePlace
from fixfast.engine.sync.driven import Driven
from fixfast.engine.telling import Telling
from fixfast.errors import ConfigError, FixfastError
from fixfast.session.wire import format_time
from fixfast.types import SessionID

__all__ = ["Control", "control"]

_log = logging.getLogger("fixfast.control")

#: Bounds of what a stranger with access to the socket can cost: bytes of a request, connections, seconds.
_MAX_FRAME, _MAX_CONNECTIONS, _HANDSHAKE = 4096, 8, 5.0
#: Seconds that a Poller's program has to do what it is asked for.
_PATIENCE = 5.0
#: bytes of the audit file above which it is moved to `.1`
_MAX_AUDIT = 16 << 20

#: one session, a server, several sessions, a function that returns them; of asyncio or of `ff.sync`
Target = Telling | Mapping[SessionID, Any] | Iterable[Any] | Sessions | Any


def control(
    target: Target,
    path: str | os.PathLike[str],
    *,
    idle: float = 60.0,
    uids: Iterable[int] | None = None,
    secret_comp_ids: bool = False,
) -> Control:
    """Open a control socket for live sessions: `async with ff.control(session, path="run/bot.sock"): ...`.

    It lies in a folder of mode 0700, which is made if it is not there, and has mode 0600. Who connects must be of an
    allowed user, by the kernel's word, and prove that it has a key: the one in `<path>.key` may do everything, the one
    in `<path>.read.key` may only look. Both are made if they are not there, with mode 0600. Every command is written to
    `<path>.audit`, before it is done and after. There is no TCP (C20).

    Args:
        target: a LiveSession, a Server, several sessions, or a function that returns them; of asyncio, of
            `ff.sync`, or of a Poller.
        path: of the socket; at most 103 bytes.
        idle: seconds after which a connection that asks nothing is closed.
        uids: users that may connect; None: the one this process runs as.
        secret_comp_ids: sessions are named by hashes.

    Returns: an async context manager; and one for `with`, which has a thread of its own: for sessions of `ff.sync`.

    Raises (on entering): ConfigError: the folder or a key file is open to others, another process has the socket, this
        system has no Unix sockets. OSError: it cannot be made.
    """
    return Control(_sessions_of(target), Path(path), idle, uids, secret_comp_ids)


def _sessions_of(target: Target) -> Sessions:
    if isinstance(target, Telling):
        return lambda: (target,)
    sessions = getattr(target, "sessions", target)
    if isinstance(sessions, Mapping):
        return sessions.values
    if callable(sessions):
        return sessions
    if isinstance(sessions, Iterable) and not isinstance(sessions, (str, bytes)):
        return lambda: sessions
    raise ConfigError("target", type(target).__name__, "a session, a server, or several sessions")


class Control:
    """What control() returns: a control socket. One event loop owns it, that of the sessions, or one in its own thread.

    Attributes: path: of the socket.
    """

    def __init__(
        self, sessions: Sessions, path: Path, idle: float, uids: Iterable[int] | None, secret_comp_ids: bool
    ) -> None:
        self._place = PrivatePlace(path)
        if isinstance(idle, bool) or not isinstance(idle, (int, float)) or not 0 < idle < float("inf"):
            raise ConfigError("idle", idle, "seconds, above 0")
        self.path = path
        self._sessions = sessions
        self._idle = idle
        self._uids = frozenset((os.geteuid(),) if uids is None else uids)
        self._secret = secret_comp_ids
        self._keys: dict[str, bytes] = {}
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread: _LoopThread | None = None

    # --- life ----------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Control:
        try:
            self._place.take()
            self._keys = {role: make_key(key_path(self.path, role)) for role in ("admin", "read")}
            if self._keys["admin"] == self._keys["read"]:
                raise ConfigError("key file", str(key_path(self.path, "read")), "another key than the admin's")
            sock = self._place.bind()
            self._server = await asyncio.start_unix_server(self._accept, sock=sock, limit=_MAX_FRAME)
        except BaseException:
            self._place.release()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        mine = asyncio.current_task()  # a command may end the program that has us open
        others = [task for task in self._tasks if task is not mine]
        for task in others:
            task.cancel()
        if others:
            await asyncio.wait(others)
        self._place.remove()

    def __enter__(self) -> Control:
        self._thread = _LoopThread()
        try:
            self._thread.run(self.__aenter__())
        except BaseException:
            self._thread.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._thread is not None
        try:
            self._thread.run(self.__aexit__(kind, error, trace))
        finally:
            self._thread.close()

    # --- connections ---------------------------------------------------------------------------------------

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            who = credentials_of(writer.get_extra_info("socket"))
            if len(self._tasks) > _MAX_CONNECTIONS:
                self._audit(who, "", "connect", "refused: too many connections")
                _send(writer, {"ok": False, "kind": "failed", "error": "too many connections"})
            elif who.uid is not None and who.uid not in self._uids:
                self._audit(who, "", "connect", "refused: another user")
            else:
                await self._serve(reader, writer, who)
        except asyncio.CancelledError:
            pass  # the control ends; asyncio's streams would complain about a cancelled handler
        except (ConnectionError, TimeoutError):
            pass
        except ValueError:  # of readline(): a frame without an end; of JSON: no frame
            self._audit(who, "", "frame", "refused: not a request, or too long")
            _send(writer, {"ok": False, "kind": "usage", "error": f"not a request of at most {_MAX_FRAME} bytes"})
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, who: Credentials) -> None:
        role = await self._authenticated(reader, writer)
        if not role:
            self._audit(who, "", "connect", "refused: wrong key")
            _send(writer, {"ok": False, "kind": "denied", "error": "wrong key"})
            return
        while (request := await _receive(reader, self._idle)) is not None:
            _send(writer, await self._answer(request, role, who))
            await writer.drain()

    async def _authenticated(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        """Return the role whose key the client has; "": none. No key is sent; the server proves that it has it, too."""
        mine = secrets.token_bytes(16)
        _send(writer, {"fixfast": "control", "version": 1, "nonce": mine.hex()})
        hello = await _receive(reader, _HANDSHAKE) or {}
        theirs = bytes.fromhex(str(hello.get("nonce", "")))
        given = str(hello.get("proof", "")).encode("ascii", "replace")
        role = ""
        for name, key in self._keys.items():
            # Digests of equal length, compared in the same time whatever is in them, and each of them always.
            if hmac.compare_digest(proof(key, "client", mine, theirs).encode(), given.ljust(64)[:64]):
                role = name
        if role and len(theirs) == 16:
            _send(writer, {"ok": True, "role": role, "proof": proof(self._keys[role], "server", theirs, mine)})
            return role
        return ""

    # --- commands ------------------------------------------------------------------------------------------

    async def _answer(self, request: dict[str, Any], role: str, who: Credentials) -> dict[str, Any]:
        name = request.get("command")
        shown = printable(json.dumps(request))
        try:
            result = await self._do(request, role, who, shown)
        except TimeoutError:
            self._audit(who, role, shown, "failed: not done in time")
            return {"ok": False, "kind": "failed", "error": f"not done in {_PATIENCE:g} s: does the program poll?"}
        except (FixfastError, OSError) as error:
            kind = error.kind if isinstance(error, Refused) else "failed"
            self._audit(who, role, shown, f"{kind}: {error}")
            return {"ok": False, "kind": kind, "error": str(error)}
        except Exception as error:  # a bug of ours must not end the program that is looked at
            _log.exception("the command %s failed", name)
            self._audit(who, role, shown, f"failed: {type(error).__name__}")
            return {"ok": False, "kind": "failed", "error": f"internal error: {type(error).__name__}"}
        self._audit(who, role, shown, "done")
        return {"ok": True, "result": result}

    async def _do(self, request: dict[str, Any], role: str, who: Credentials, shown: str) -> Any:
        name, session = request.get("command"), request.get("session")
        if not (session is None or isinstance(session, str)):
            raise Refused("usage", "session: a name")
        sessions = list(self._sessions())
        if name == "status":
            chosen = sessions if session is None else [find(sessions, session, secret=self._secret)]
            return [status_of(one, secret=self._secret) for one in chosen]
        command = COMMANDS.get(name) if isinstance(name, str) else None
        if command is None:
            raise Refused("usage", f"no command {name!r}: there are status, {', '.join(COMMANDS)}")
        if command.role == "admin" and role != "admin":
            raise Refused("denied", f"this key may only look: {name} takes the one in {key_path(self.path, 'admin')}")
        given = request.get("arguments") or {}
        if not isinstance(given, dict) or not given.keys() <= command.arguments.keys():
            raise Refused("usage", f"{name} takes {', '.join(command.arguments) or 'no arguments'}")
        for key, value in given.items():
            if type(value) is not command.arguments[key]:
                raise Refused("usage", f"{key}: {command.arguments[key].__name__}, not {type(value).__name__}")
        missing = [key for key in _NEEDED.get(name, ()) if key not in given]  # type: ignore[arg-type]
        if missing:
            raise Refused("usage", f"{name} needs {', '.join(missing)}")
        live = find(sessions, session, secret=self._secret)
        self._audit(who, role, shown, "begun", must=True)
        step, text = command.work(live, given)
        if isinstance(live, Driven):
            async with asyncio.timeout(_PATIENCE):
                await asyncio.wrap_future(live.call(step))  # by the thread that polls
        elif not isinstance(live, LiveSession):
            await asyncio.to_thread(step)  # any thread may call it, and it may block
        elif self._thread is not None:
            raise Refused("failed", "this session belongs to an event loop: open the control with `async with` there")
        else:
            waiting = step()
            if inspect.isawaitable(waiting):
                await waiting
        return {"text": text, **status_of(live, secret=self._secret)}

    def _audit(self, who: Credentials, role: str, what: str, outcome: str, *, must: bool = False) -> None:
        """Write down who asked for what, and what came of it.

        Args: must: what cannot be written down is not done.

        Raises: OSError, with `must`.
        """
        given = {"uid": who.uid, "pid": who.pid, "role": role, "request": what, "outcome": printable(outcome)}
        extra = about("control", None, uid=who.uid, pid=who.pid, role=role, request=what, outcome=given["outcome"])
        _log.info("uid %s: %s: %s", who.uid, what, given["outcome"], extra=extra)
        line = json.dumps({"time": format_time(clock.now().wall_ns, 6).decode(), **given}) + "\n"
        name = f"{self.path}.audit"
        try:
            fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                if os.fstat(fd).st_size > _MAX_AUDIT:
                    os.replace(name, f"{name}.1")
                os.write(fd, line.encode())
            finally:
                os.close(fd)
        except OSError as error:
            _log.error("%s: %s", name, error)
            if must:
                raise


class _LoopThread:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fixfast-control", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, object]) -> None:
        """Have it done in the loop, and wait for it."""
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def close(self) -> None:
        """End the loop and the thread."""
        self.run(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


#: arguments that a command cannot do without
_NEEDED: dict[str, tuple[str, ...]] = {"set-seq": ("number",), "resend": ("begin",)}


async def _receive(reader: asyncio.StreamReader, seconds: float) -> dict[str, Any] | None:
    """Return the next frame; None: the connection ended. Raises: TimeoutError; ValueError: it is none."""
    async with asyncio.timeout(seconds):
        line = await reader.readline()
    if not line.endswith(b"\n"):
        return None
    try:
        frame = json.loads(line)
    except RecursionError:
        raise ValueError("a frame is nested too deeply") from None
    if not isinstance(frame, dict):
        raise ValueError("a frame is a JSON object")
    return frame


def _send(writer: asyncio.StreamWriter, frame: Mapping[str, Any]) -> None:
    if not writer.is_closing():
        writer.write(json.dumps(frame).encode() + b"\n")
