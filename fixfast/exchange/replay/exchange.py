"""ReplayExchange: a recorded day as an exchange to subscribe to. It takes no orders: nobody trades with the past."""

from __future__ import annotations

import asyncio
import os
from types import TracebackType
from typing import Any

from fixfast import clock
from fixfast.dictionary.validation import Validation
from fixfast.engine.acceptor import Server, serve
from fixfast.engine.live import LiveSession
from fixfast.errors import BusinessReject, FieldMissing
from fixfast.exchange.config import ExchangeConfig
from fixfast.exchange.market_data.publishing import CatchingUp, application_version
from fixfast.exchange.replay.player import Replay, ReplayMarket
from fixfast.exchange.replay.recording import Recording
from fixfast.session.config import SessionConfig
from fixfast.session.wire import Message

__all__ = ["ReplayExchange"]

_SECOND = 1_000_000_000
#: seconds until it is looked again whether those that are too slow have read what they were sent
_AGAIN = 0.005


class ReplayExchange:
    """Plays the market data of a log to whoever subscribes: `async with ReplayExchange("day.log") as exchange: ...`.

    Subscriptions are answered from the books as they were at that moment of the recording. When it is over, the books
    stay as they are.

    Args:
        path: the log.
        config: `comp_id`, `host`, `port`, `versions` and `market_data` are used; None: the default.
        speed: 1 is the recorded pace, 10 ten times that; 0: as fast as the subscribers read.
        wait: begin when somebody subscribes; False: at once.
        serve_options: further arguments of `fixfast.serve`: tls, limits, wire_log ...

    Attributes:
        recording: what is in the log. market: the MarketData that tells it. replay: how far it is.
        finished: set when everything was played.

    Raises: OSError: the log cannot be read. ConfigError: there is no market data in it, or an option cannot be.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        config: ExchangeConfig | None = None,
        *,
        speed: float = 1,
        wait: bool = True,
        **serve_options: Any,
    ) -> None:
        self.config = config if config is not None else ExchangeConfig()
        self.recording = Recording(path)
        self.market = ReplayMarket(self.recording.instruments.values(), self.recording.kinds, self.config.market_data)
        self.replay = Replay(self.recording, self.market, speed=speed)
        self.finished = asyncio.Event()
        self._wait = wait
        self._catching_up = CatchingUp(self.market)
        self._serve_options = serve_options
        self._server: Server | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> ReplayExchange:
        config = self.config
        self._server = await serve(
            self,
            [],
            host=config.host,
            port=config.port,
            templates=[self._session(version) for version in config.versions],
            **self._serve_options,
        )
        if not self._wait:
            self._begin()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._catching_up.close()
        if self._server is not None:
            await self._server.close("The recording ends")

    @property
    def port(self) -> int:
        """The TCP port it listens on."""
        if self._server is None:
            raise RuntimeError("the exchange is not open: `async with ReplayExchange(...) as exchange:` around this")
        return self._server.port

    # --- as an Application ------------------------------------------------------------------------------------

    def on_logon(self, session: LiveSession) -> None:
        """Let a client ask for market data."""
        self.market.join(str(session.id), application_version(session), session)

    def on_logout(self, session: LiveSession, reason: str) -> None:
        """End the subscriptions of one who is gone."""
        self.market.leave(str(session.id))

    def on_message(self, session: LiveSession, message: Message) -> None:
        """Answer a MarketDataRequest (V).

        Raises: BusinessReject: anything else, or it has no MDReqID.
        """
        if message.msg_type != "V":
            raise BusinessReject(3, "A recording is played: market data only", message.get(11) or "")
        try:
            self.market.on_request(str(session.id), message, clock.now().wall_ns)
        except FieldMissing as error:
            raise BusinessReject(5, str(error)) from None
        if self.replay.next_ns is None and self.market.watching:
            self._begin()

    # --- inside -----------------------------------------------------------------------------------------------

    def _session(self, version: str) -> SessionConfig:
        return SessionConfig(
            version,
            self.config.comp_id,
            "*",
            default_appl_ver_id="9" if version == "FIXT.1.1" else "",
            on_resend=lambda session, message, age_ns: False,  # prices of the past are not sent again (M11)
            validation=Validation("reject", unknown_tags=False, user_defined_tags=False)
            if self.config.validation == "reject"
            else Validation("observe"),
        )

    def _begin(self) -> None:
        if not self.replay.done:
            self.replay.start(clock.now().mono_ns)
            self._play()

    def _play(self) -> None:
        now = clock.now()
        played = self.replay.poll(now.mono_ns, now.wall_ns)
        self._catching_up.check()
        due = self.replay.next_ns
        if due is None:
            self.finished.set()
            return
        wait = max(0, due - now.mono_ns) / _SECOND
        if not played and not wait:
            wait = _AGAIN
        self._timer = asyncio.get_running_loop().call_later(wait, self._play)
