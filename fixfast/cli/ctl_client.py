"""The client's side of a control socket: connects, proves that it has the key, asks, and says what went wrong."""

from __future__ import annotations

import contextlib
import errno
import hmac
import json
import secrets
import socket
from pathlib import Path
from types import TracebackType
from typing import Any

from fixfast.engine.controlkey import key_path, proof, read_key
from fixfast.errors import ConfigError, FixfastError

__all__ = ["ControlClient", "CtlFailed"]

#: bytes of an answer: thousands of sessions fit
_MAX_ANSWER = 64 << 20


class CtlFailed(FixfastError):
    """A control socket could not be asked, or refused.

    Attributes: status: the exit status: 1 the command failed, 2 it was wrong, 3 nobody is there, 4 not allowed.
    """

    def __init__(self, status: int, text: str) -> None:
        self.status = status
        super().__init__(text)


class ControlClient:
    """One connection: `with ControlClient(path) as client: client.ask("status")`.

    Args: path: the socket. key_file: None: the key beside it, the admin's if this user can read it, else the reader's.
        timeout: seconds for each answer.

    Raises (on entering): CtlFailed.
    """

    def __init__(self, path: Path, key_file: Path | None = None, *, timeout: float = 30.0) -> None:
        self._path = path
        self._key_file = key_file
        self._timeout = timeout
        self._buffer = b""

    def __enter__(self) -> ControlClient:
        if not hasattr(socket, "AF_UNIX"):
            raise CtlFailed(3, "this system has no Unix sockets")
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._sock.settimeout(self._timeout)
            self._connect()
            self._prove(self._key())
        except BaseException:
            self._sock.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sock.close()

    def ask(self, command: str, session: str | None = None, **arguments: Any) -> Any:
        """Give a command and return its result.

        Raises: CtlFailed: it was refused, or failed.
        """
        self._send({"command": command, "session": session, "arguments": arguments})
        answer = self._receive("the command was given; whether it was done is not known")
        if answer.get("ok"):
            return answer.get("result")
        status = {"usage": 2, "session": 2, "denied": 4}.get(str(answer.get("kind")), 1)
        raise CtlFailed(status, str(answer.get("error", "refused")))

    # --- inside --------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        path = str(self._path)
        try:
            self._sock.connect(path)
        except FileNotFoundError:
            raise CtlFailed(3, f"{path}: no such socket{self._nearest()}") from None
        except ConnectionRefusedError:
            raise CtlFailed(3, f"{path}: nobody listens; the program that made it has ended") from None
        except PermissionError:
            raise CtlFailed(3, f"{path}: not allowed: the socket belongs to another user") from None
        except OSError as error:
            why = "not a socket" if error.errno in (errno.ENOTSOCK, errno.EPROTOTYPE) else error.strerror or str(error)
            raise CtlFailed(3, f"{path}: {why}") from None

    def _nearest(self) -> str:
        folder = self._path if self._path.is_dir() else self._path.parent
        try:
            there = sorted(str(one) for one in folder.iterdir() if one.is_socket())
        except OSError:
            return ""
        return f"; there is {', '.join(there[:3])}" if there else ""

    def _key(self) -> bytes:
        tried = [self._key_file] if self._key_file else [key_path(self._path, role) for role in ("admin", "read")]
        problem: Exception | None = None
        for path in tried:
            try:
                return read_key(path)
            except ConfigError as error:
                raise CtlFailed(4, str(error)) from None
            except OSError as error:
                problem = problem or error
        assert isinstance(problem, OSError)
        raise CtlFailed(4, f"{tried[0]}: {problem.strerror}; give --key-file") from None

    def _prove(self, key: bytes) -> None:
        hello = self._receive("it is no control socket of fixfast")
        mine = secrets.token_bytes(16)
        try:
            theirs = bytes.fromhex(str(hello.get("nonce", "")))
        except ValueError:
            theirs = b""
        if hello.get("fixfast") != "control" or len(theirs) != 16:
            raise CtlFailed(3, f"{self._path}: {hello.get('error') or 'it is no control socket of fixfast'}")
        self._send({"nonce": mine.hex(), "proof": proof(key, "client", theirs, mine)})
        answer = self._receive("it does not take this key")
        if not answer.get("ok"):
            raise CtlFailed(4, f"{self._path}: {answer.get('error', 'wrong key')}")
        if not hmac.compare_digest(str(answer.get("proof")), proof(key, "server", mine, theirs)):
            raise CtlFailed(4, f"{self._path}: who listens there does not have the key; nothing was asked")

    def _send(self, frame: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # it has closed: why, it may have said
            self._sock.sendall(json.dumps(frame).encode() + b"\n")

    def _receive(self, otherwise: str) -> dict[str, Any]:
        try:
            while b"\n" not in self._buffer:
                data = self._sock.recv(65536)
                self._buffer += data
                if not data or len(self._buffer) > _MAX_ANSWER:
                    raise CtlFailed(3, f"{self._path}: the connection was closed: {otherwise}")
            line, _, self._buffer = self._buffer.partition(b"\n")
            frame = json.loads(line)
        except TimeoutError:
            raise CtlFailed(3, f"{self._path}: no answer in {self._timeout:g} s") from None
        except OSError as error:
            raise CtlFailed(3, f"{self._path}: {error.strerror or error}: {otherwise}") from None
        except ValueError:
            raise CtlFailed(3, f"{self._path}: it is no control socket of fixfast") from None
        return frame if isinstance(frame, dict) else {}
