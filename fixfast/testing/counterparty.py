"""A counterparty that does what a test tells it, right or wrong: over a real socket, or in a World."""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import inspect
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Any

from fixfast import clock
from fixfast.codec.encode import encode
from fixfast.codec.frame import StreamDecoder
from fixfast.codec.message import Message
from fixfast.codec.parse import parse
from fixfast.engine.connection import ConnectionConfig, Reconnect
from fixfast.errors import ConfigError
from fixfast.session.config import SessionConfig
from fixfast.testing.breaking import reset
from fixfast.testing.expectation import Fields, ScriptFailed, describe, wrong

__all__ = ["Counterparty"]

#: messages shown when something else came than was expected
_LAST = 10
#: what expect() passes over, unless it is asked for
_CHATTER = ("0", "1")


class Counterparty:
    """The other side of a session, played by a test: `async with Counterparty(config) as peer: ...`.

    It listens, and the program under test connects to `peer.connection`; or it connects itself (`connect=`), where an
    acceptor is under test. It numbers what it sends, answers TestRequests and sends Heartbeats, so that a session stays
    up while the test looks at something else; everything beyond is done by the test, or not.

    Args:
        config: the options of the session under test, as the program has them: the counterparty is the other side.
        connect: (host, port) to connect to; None: listen.
        host, port: the address to listen on; port 0: any free one.
        timeout: seconds that expect() and its like wait.

    Attributes:
        port: where it listens.
        next_out: MsgSeqNum of the next message it sends; set it to make a gap, or a number that is too low.
        received, sent: all messages of all connections, in order.
        alive: TestRequests are answered and Heartbeats sent; False: a peer that has fallen silent.
        connections: how often somebody connected.
    """

    def __init__(
        self,
        config: SessionConfig,
        *,
        connect: tuple[str, int] | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        timeout: float = 5.0,
    ) -> None:
        if not isinstance(config, SessionConfig):
            raise ConfigError("config", type(config).__name__, "the SessionConfig of the program under test")
        self._config = config
        self._connect = connect
        self._host = host
        self.port = port
        self.timeout = timeout
        self.next_out = 1
        self.alive = True
        self.connections = 0
        self.received: list[Message] = []
        self.sent: list[Message] = []
        self._story: deque[str] = deque(maxlen=_LAST)
        self._inbox: asyncio.Queue[Message | None] = asyncio.Queue()  # None: the program closed the connection
        self._writer: asyncio.StreamWriter | None = None
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    # --- life ----------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Counterparty:
        if self._connect is None:
            self._server = await asyncio.start_server(self._accept, self._host, self.port)
            self.port = self._server.sockets[0].getsockname()[1]
        else:
            await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        if self._writer is not None:
            self._writer.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        if self._server is not None:
            await self._server.wait_closed()

    @property
    def connection(self) -> ConnectionConfig:
        """Where the program under test connects to; it comes back at once."""
        quick = Reconnect(initial=0.01, maximum=0.05, max_refusals=None)
        return ConnectionConfig(self._host, self.port, reconnect=quick)

    async def connect(self) -> None:
        """Connect (again) to the acceptor under test.

        Raises: OSError: it cannot be reached.
        """
        assert self._connect is not None, "this counterparty listens: give it connect=(host, port)"
        self._begin(*await asyncio.open_connection(*self._connect))

    # --- sending -------------------------------------------------------------------------------------------

    def send(
        self,
        msg_type: str,
        fields: Iterable[Any] = (),
        *,
        seq: int | None = None,
        header: Fields | None = None,
    ) -> Message:
        """Send a message, numbered and stamped.

        Args:
            msg_type: MsgType(35).
            fields: (tag, value) pairs as `fixfast.encode` takes them.
            seq: another MsgSeqNum than it would be; `next_out` stays as it is.
            header: other values for 49, 56, 34, 52, or more such tags; None leaves one out.

        Returns: the message as it was sent.
        Raises: ScriptFailed: nobody is connected. EncodeError: names the tag.
        """
        config = self._config
        head: dict[int, Any] = {
            49: config.target_comp_id,
            56: config.sender_comp_id,
            34: self.next_out if seq is None else seq,
            52: clock.now().wall_ns,
            **(header or {}),
        }
        raw = encode(config.begin_string, msg_type, [*((t, v) for t, v in head.items() if v is not None), *fields])
        if seq is None:
            self.next_out += 1
        message = parse(raw)
        self._note(">", message)
        self.sent.append(message)
        self._write(raw)
        return message

    def send_raw(self, data: bytes) -> None:
        """Send bytes as they are: garbage, half a message, a message made by hand. No number is used."""
        self._story.append(f"> {data[:200]!r}")
        self._write(data)

    def logon(self, fields: Iterable[Any] = (), *, heart_bt_int: int | None = None, seq: int | None = None) -> Message:
        """Send a Logon. HeartBtInt is that of the Logon that came, or of the options."""
        came = next((m for m in reversed(self.received) if m.msg_type == "A"), None)
        beat = came.int(108) if came is not None else self._config.heart_bt_int
        fixt = [(1137, self._config.default_appl_ver_id)] if self._config.begin_string == "FIXT.1.1" else []
        return self.send("A", [(98, 0), (108, beat if heart_bt_int is None else heart_bt_int), *fixt, *fields], seq=seq)

    async def log_on(self) -> Message:
        """Have both sides logged on: expect a Logon and answer it, or send one and expect the answer.

        Returns: the Logon that came.
        """
        if self._connect is not None:
            self.logon()
            return await self.expect("A")
        came = await self.expect("A")
        self.logon([(141, True)] if came.get(141) == "Y" else ())
        return came

    def logout(self, text: str = "") -> Message:
        """Send a Logout."""
        return self.send("5", [(58, text)] if text else [])

    def gap_fill(self, first: int, next_number: int) -> Message:
        """Send a SequenceReset-GapFill over the numbers from `first` up to the one before `next_number`."""
        now = clock.now().wall_ns
        return self.send("4", [(123, True), (36, next_number)], seq=first, header={43: True, 122: now})

    async def gap(self, count: int) -> Message:
        """Act as if the last `count` messages were lost: skip their numbers, say something, expect a ResendRequest.

        Answer it with gap_fill(), with messages (`seq=`, header 43 and 122), or not at all.

        Returns: the ResendRequest.
        """
        first = self.next_out
        self.next_out += count
        self.send("0")
        return await self.expect("2", {7: first})

    # --- receiving -----------------------------------------------------------------------------------------

    async def expect(self, msg_type: str, fields: Fields | None = None, *, timeout: float | None = None) -> Message:
        """Take the next message and see that it is what it should be. Heartbeats and TestRequests are passed over.

        Args:
            msg_type: MsgType(35); "0" and "1" are not passed over when they are asked for.
            fields: tag -> value it must have; see `fixfast.testing.expectation.wrong` for what a value may be.
            timeout: seconds; None: those of the counterparty.

        Raises: ScriptFailed: something else came, or nothing; with the last messages.
        """
        expected = describe(msg_type, fields)
        while True:
            message = await self._next(expected, timeout)
            if message is None:
                raise self._failed(expected, "the connection was closed")
            if message.msg_type in _CHATTER and message.msg_type != msg_type:
                continue
            differences = wrong(message, msg_type, fields)
            if differences:
                raise self._failed(expected, f"there came {'; '.join(differences)}", message)
            return message

    async def expect_nothing(self, seconds: float) -> None:
        """See that for so long nothing comes but Heartbeats and TestRequests.

        Raises: ScriptFailed: something came, or the connection ended.
        """
        expected = f"nothing for {seconds:g} s"
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while True:
                    message = await self._inbox.get()
                    if message is None:
                        raise self._failed(expected, "the connection was closed")
                    if message.msg_type not in _CHATTER:
                        raise self._failed(expected, f"there came 35={message.msg_type}", message)

    async def expect_close(self, *, timeout: float | None = None) -> None:
        """See that the program closes the connection; only Heartbeats and TestRequests may come before.

        Raises: ScriptFailed.
        """
        while (message := await self._next("the end of the connection", timeout)) is not None:
            if message.msg_type not in _CHATTER:
                raise self._failed("the end of the connection", f"there came 35={message.msg_type}", message)

    # --- ending the connection -----------------------------------------------------------------------------

    def close(self) -> None:
        """Close the connection; what was sent arrives. The program may connect again."""
        writer, self._writer = self._writer, None  # not an end that a test has to expect
        if writer is not None:
            writer.close()

    def cut(self) -> None:
        """Reset the connection (TCP RST): what was not read yet is lost."""
        writer, self._writer = self._writer, None
        if writer is not None:
            reset(writer)

    # --- scripts -------------------------------------------------------------------------------------------

    async def play(self, steps: Sequence[Sequence[Any] | Callable[[Counterparty], Any]]) -> list[Message]:
        """Do one step after the other: ("expect", "D", {55: "EUR/USD"}), ("send", "8", [...]), ("sleep", 1.5).

        Args: steps: each is a tuple of a method's name and its arguments, "sleep" and seconds, or a function, sync or
            async, that is given the counterparty.

        Returns: the messages that were expected, in order.
        Raises: ValueError: a step that there is not, before anything is done. ScriptFailed: names the step.
        """
        for step in steps:
            self._check(step)
        taken = []
        for number, step in enumerate(steps, 1):
            try:
                if callable(step):
                    result = step(self)
                elif step[0] == "sleep":
                    result = asyncio.sleep(*step[1:])
                else:
                    result = getattr(self, step[0])(*step[1:])
                if inspect.isawaitable(result):
                    result = await result
            except ScriptFailed as failed:
                failed.add_note(f"in step {number} of {len(steps)}: {step!r}")
                raise
            if isinstance(result, Message) and result not in self.sent[-1:]:
                taken.append(result)
        return taken

    def _check(self, step: Any) -> None:
        if callable(step):
            return
        name = step[0] if isinstance(step, (tuple, list)) and step else step
        known = [n for n in dir(self) if not n.startswith("_") and callable(getattr(self, n)) and n != "play"]
        if name not in (*known, "sleep"):
            near = difflib.get_close_matches(str(name), [*known, "sleep"], 1)
            hint = f"; did you mean {near[0]!r}?" if near else f": there are {', '.join(sorted([*known, 'sleep']))}"
            raise ValueError(f"no step {name!r}{hint}")

    # --- inside --------------------------------------------------------------------------------------------

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._begin(reader, writer)

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self._writer is not None:
            self._writer.close()
        self._writer = writer
        loop = asyncio.get_running_loop()
        for work in (self._read(reader, writer), self._beat(writer)):
            task = loop.create_task(work)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        decoder = StreamDecoder()
        try:
            while data := await reader.read(65536):
                decoder.feed(data)
                for item in decoder:
                    if isinstance(item, Message):
                        item.detach()
                        self._on_message(item)
                    else:
                        self._story.append(f"< {len(item.raw)} bytes that are no message: {item.reason}")
        except ConnectionError:
            pass
        finally:
            if writer is self._writer:
                self._writer = None
                self._inbox.put_nowait(None)
                self._story.append("= the connection ended")
            writer.close()

    def _on_message(self, message: Message) -> None:
        self._note("<", message)
        if message.msg_type == "A" and message.get(141) == "Y":
            self.next_out = 1
        self.received.append(message)
        self._inbox.put_nowait(message)
        if message.msg_type == "1" and self.alive:
            self.send("0", [(112, message.get(112, ""))])

    async def _beat(self, writer: asyncio.StreamWriter) -> None:
        """Send Heartbeats from the Logons on, at their interval."""
        while writer is self._writer:
            logon = next((m for m in reversed(self.sent) if m.msg_type == "A"), None)
            seconds = logon.int(108, default=0) if logon is not None else 0
            await asyncio.sleep(seconds or 1)
            if seconds and self.alive and writer is self._writer:
                self.send("0")

    async def _next(self, expected: str, timeout: float | None) -> Message | None:
        limit = self.timeout if timeout is None else timeout
        try:
            async with asyncio.timeout(limit):
                return await self._inbox.get()
        except TimeoutError:
            what = "nothing came" if self.connections else "nobody connected"
            raise self._failed(expected, f"{what} in {limit:g} s") from None

    def _failed(self, expected: str, came: str, message: Message | None = None) -> ScriptFailed:
        return ScriptFailed(expected, came, message, self._story)

    def _note(self, mark: str, message: Message) -> None:
        self._story.append(f"{mark} {message}")

    def _write(self, data: bytes) -> None:
        if self._writer is None:
            raise self._failed("a connection to send on", "nobody is connected")
        self._writer.write(data)
