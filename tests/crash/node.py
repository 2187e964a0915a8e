"""One process of a crash test: a session on the real engine and store, a program that sends and notes what comes.

PORT is where an initiator connects to, and where an acceptor listens (0: any).

    python -m tests.crash.node SIDE FOLDER PORT OPTIONS [OPERATION before|half|after]

It is told words on its standard input, one a line, and says `port N`, `logon`, `logout` and `status ...` on its output.
With OPERATION it kills itself at that operation of the store's files.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

import fixfast as ff
from tests.crash.doom import DoomedFiles
from tests.crash.ledger import Ledger
from tests.crash.world import Options, open_store

__all__: list[str] = []

#: of what is sent, how long the text is: now and then more than a socket takes at once
SIZES = (0, 10, 10, 10, 100, 100, 1000, 20_000)


def say(*words: object) -> None:
    """Tell the controller. A pipe that is full would stop the program: what is said is little."""
    with contextlib.suppress(BrokenPipeError):
        os.write(1, " ".join(map(str, words)).encode() + b"\n")


class Program:
    """Sends orders and news whenever it can, and writes down everything before and after it happens."""

    def __init__(self, options: Options, side: str, ledger: Ledger) -> None:
        self.session: ff.LiveSession | None = None
        self.sending = True
        self._ledger = ledger
        self._options = options
        self._random = Random(f"{options.seed} {side} {os.getpid()}")
        self._name = f"{side[0]}{os.getpid()}"
        self._count = 0
        self.on_message: Any = None
        if options.style == "callback":
            self.on_message = self._on_message
        elif options.style == "async":
            self.on_message = self._on_message_slowly

    # --- what comes in -------------------------------------------------------------------------------------

    def note(self, message: ff.Message) -> None:
        """Write down a delivery: this is the effect that must not be lost, and not come twice unmarked."""
        if message.msg_type in ("3", "j"):
            self._ledger.put("rejected", message.get(58, ""))
            return
        name = message[11] if message.msg_type == "D" else message[148]
        self._ledger.put("got", message.msg_seq_num, name, int(message.poss_dup), int(message.redelivered))

    def _on_message(self, session: ff.LiveSession, message: ff.Message) -> None:
        self.note(message)

    async def _on_message_slowly(self, session: ff.LiveSession, message: ff.Message) -> None:
        self.note(message)
        if self._random.random() < 0.2:
            await asyncio.sleep(self._random.uniform(0, 0.004))

    def on_event(self, session: ff.LiveSession, event: object) -> None:
        self.session = session
        name = type(event).__name__
        if name in ("SequenceReset", "Alarm", "MessagesLost", "Rejected", "CallbackFailed", "LogonRefused"):
            self._ledger.put("event", name, repr(event)[:400])

    def on_logon(self, session: ff.LiveSession) -> None:
        self.session = session
        say("logon")

    def on_logout(self, session: ff.LiveSession, reason: str) -> None:
        say("logout", reason)

    async def iterate(self, session: ff.LiveSession) -> None:
        """Take the messages as a program without callbacks does."""
        async for message in session:
            self.note(message)
            if self._random.random() < 0.05:
                await asyncio.sleep(self._random.uniform(0, 0.004))

    # --- what goes out -------------------------------------------------------------------------------------

    def send(self) -> None:
        """Send one message, if that is possible now."""
        session = self.session
        if session is None or not (session.active or self._options.offline == "store"):
            return
        self._count += 1
        name = f"{self._name}.{self._count}"
        self._ledger.put("intent", name)
        try:
            number = session.send_nowait(*self._message(name))
        except (ff.NotActive, ff.StoreError) as error:
            self._ledger.put("unsent", name, type(error).__name__)
            return
        self._ledger.put("sent", name, number)

    def _message(self, name: str) -> tuple[str, list[Any]]:
        text = "x" * self._random.choice(SIZES) + "."
        if self._random.random() < 0.3:
            return "B", [(148, name), (33, [[(58, text)]])]
        order: list[Any] = [(11, name), (21, "1"), (55, "EUR/USD"), (54, "1"), (38, 100), (40, "1"), (58, text)]
        if self._options.begin_string != "FIX.4.1":
            order.append((60, time.time_ns()))
        return "D", order

    async def trade(self) -> None:
        """Send in bursts, for ever."""
        while True:
            if self.sending:
                for _ in range(self._random.choice((1, 1, 2, 5, 20))):
                    self.send()
            await asyncio.sleep(self._random.uniform(0, 0.03))


async def obey(program: Program, stop: asyncio.Event) -> None:
    """Do what the controller says; without a controller, end."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        word, session = line.decode().strip(), program.session
        if word == "quiet":
            program.sending = False
        elif word == "stop":
            stop.set()
        elif word == "status":
            say("status", json.dumps(_status(session)))
        elif session is not None and word == "logout":
            program.logout = loop.create_task(session.logout("see you"))  # type: ignore[attr-defined]
        elif session is not None and word == "reset" and session.active:
            with contextlib.suppress(ff.LocalProtocolError):
                session.reset()
    os._exit(9)


def _status(session: ff.LiveSession | None) -> dict[str, Any]:
    if session is None:
        return {}
    stats = session.stats()
    return {
        "state": session.state.name,
        "next_in": session.next_in,
        "next_out": session.next_out,
        "waiting": session._session._outbox.behind + session._delivery._messages + stats.unacknowledged,
    }


async def live(program: Program, options: Options, side: str, port: int, store: ff.Store) -> None:
    """Run until told to stop."""
    stop = asyncio.Event()
    tasks = [asyncio.create_task(obey(program, stop)), asyncio.create_task(program.trade())]
    config = options.config(side)
    if side == "acceptor":
        async with ff.serve(program, [config], port=port, stores=lambda config: store) as server:
            program.session = server.sessions[config.session_id]
            say("port", server.port)
            if options.style == "iterate":
                tasks.append(asyncio.create_task(program.iterate(program.session)))
            await stop.wait()
    else:
        again = ff.Reconnect(initial=0.01, maximum=0.1, max_refusals=None, retry_first=True)
        say("port", 0)
        to = ff.ConnectionConfig("127.0.0.1", port, connect_timeout=1, reconnect=again)
        async with ff.connect(config, to, application=program, store=store) as session:
            if options.style == "iterate":
                tasks.append(asyncio.create_task(program.iterate(session)))
            await stop.wait()
    for task in tasks:
        task.cancel()


def main() -> None:
    """Open the ledger and the store, note how far the store says things are, and live."""
    side, folder, port, text, *doom = sys.argv[1:]
    options = Options.of(text)
    ledger = Ledger(Path(folder) / f"{side}.ledger")
    ledger.put("start", os.getpid())
    files = DoomedFiles(int(doom[0]), doom[1]) if doom else None
    store = open_store(options, side, Path(folder), files)
    state = store.load()
    ledger.put("up", state.epoch, state.next_in, state.next_out, state.received, int(state.clean))
    program = Program(options, side, ledger)
    asyncio.run(live(program, options, side, int(port), store))
    ledger.put("end")
    os._exit(0)


if __name__ == "__main__":
    main()
