"""Stream: each front end gets the records of the order log from where it was, none twice, none left out."""

from __future__ import annotations

import asyncio
import logging
import math
from collections import deque
from collections.abc import Callable, Iterator

from msgspec.structs import replace

from fixfast import clock
from fixfast.engine.observing.records import about
from fixfast.errors import FixfastError, StoreError
from fixfast.service.backend.numbered import NumberedLog
from fixfast.service.backend.values import Values
from fixfast.service.link import Link, LinkLost
from fixfast.service.messages import CaughtUp, Message, Record, Refused, Reset

__all__ = ["Stream"]

_log = logging.getLogger("fixfast.service")

#: records after which others have their turn
_BATCH = 100
#: bytes of a record's content that one message carries: a state may be longer than a frame
_PIECE = 1 << 19


class Stream:
    """Who follows the log.

    Args:
        log: the records.
        make: makes Values, for who wants them.
    """

    def __init__(self, log: NumberedLog, make: Callable[[], Values]) -> None:
        self._log = log
        self._make = make
        self._fresh: list[Record | list[Record] | tuple[Link, Message]] = []
        self._places: deque[list[Record]] = deque()  # in `fresh`, of records that wait to be written
        self._live: dict[Link, bool] = {}  # caught up -> whether as values
        self._behind: dict[Link, asyncio.Task[None]] = {}
        self._values: Values | None = None  # of those who are caught up
        self._soon = False
        log.on_append.append(self._append)
        log.on_late = self._keep_place

    def follow(self, link: Link, n: int, as_values: bool) -> None:
        """Send records from `n` on, and then all that come. A second time it begins anew.

        Args: n: 0, as values: what there is now, instead of how it came to that.
        """
        self.leave(link)
        self._behind[link] = asyncio.get_running_loop().create_task(self._catch_up(link, n, as_values))

    def leave(self, link: Link) -> None:
        """Send no more."""
        task = self._behind.pop(link, None)
        if task is not None:
            task.cancel()
        self._live.pop(link, None)
        if True not in self._live.values():
            self._values = None

    def answer(self, link: Link, message: Message) -> None:
        """Send a message behind the records that were written before it."""
        self._fresh.append((link, message))
        self._flush_soon()

    def flush(self) -> None:
        """Send what was written since, and write what waits; it is done by itself before the loop sleeps."""
        self._soon = False
        try:
            self._log.settle()
        except StoreError as error:  # the next command is told
            _log.error("the order log: %s", error, extra=about("store_failed", None))
        fresh, self._fresh = self._fresh, []
        for one in fresh:
            if isinstance(one, tuple):
                one[0].send(one[1])
            elif self._fresh or not one:  # what is not written is told to nobody, nor what came after it
                self._fresh.append(one)
            else:
                self._tell(one[0] if isinstance(one, list) else one)

    # --- inside --------------------------------------------------------------------------------------------

    def _tell(self, record: Record) -> None:
        said = self._values.apply(record) if self._values is not None else []
        for link, as_values in list(self._live.items()):
            for message in said if as_values else pieces(record):
                link.send(message)

    def _keep_place(self) -> None:
        """Know that a record is to come here: before the answer to its command."""
        place: list[Record] = []
        self._fresh.append(place)
        self._places.append(place)
        self._flush_soon()

    def _append(self, record: Record) -> None:
        if self._places:  # those that wait are written first
            self._places.popleft().append(record)
        elif self._live:
            self._fresh.append(record)
            self._flush_soon()

    def _flush_soon(self) -> None:
        if not self._soon:  # PERF: the message to the venue is written first: 25 us sooner
            self._soon = True
            asyncio.get_running_loop().call_soon(self.flush)

    async def _catch_up(self, link: Link, n: int, as_values: bool) -> None:
        log, since, values = self._log, 0, None
        try:
            while since != log.since:  # it may be made shorter meanwhile: then what was sent is no beginning of it
                if (n or since) and not log.since <= n <= log.next:
                    link.send(Reset(log.first))
                    n = n and log.first
                since = log.since
                values = self._make() if as_values else None
                if n or values is None:
                    await self._send(link, values, log.first if as_values else n, n)
                else:
                    await self._send_now(link, values)
        except LinkLost:
            return
        except FixfastError as error:
            _log.error("%s: %s", link.where, error, extra=about("resume_failed", None))
            link.end(Refused("unavailable", "the order log cannot be read"))
            return
        self.flush()  # to the others: this one has it all
        link.send(CaughtUp(log.next))
        self._live[link] = as_values
        del self._behind[link]
        if values is not None and self._values is None:
            self._values = values

    async def _send(self, link: Link, values: Values | None, start: int, n: float) -> None:
        """Go through the records from `start` on, and send those from `n` on."""
        for done, record in enumerate(self._log.records(start), 1):
            said = values.apply(record) if values is not None else pieces(record)
            for message in said if record.n >= n else ():
                link.send(message)
            if not done % _BATCH or len(record.data) > _PIECE:
                await link.drain()
                await asyncio.sleep(0)

    async def _send_now(self, link: Link, values: Values) -> None:
        """Send what there is now, and what happens meanwhile."""
        log, since = self._log, self._log.since
        await self._send(link, values, log.first, math.inf)
        following = log.next
        if since == log.since:
            for done, message in enumerate(values.now(clock.now().wall_ns), 1):
                link.send(message)
                if not done % _BATCH:
                    await link.drain()
        if since == log.since:
            await self._send(link, values, following, following)


def pieces(record: Record) -> Iterator[Record]:
    """Yield a record as messages that fit into frames."""
    data = record.data
    for end in range(_PIECE, len(data), _PIECE):
        yield replace(record, data=data[end - _PIECE : end], more=True)
        record = replace(record, data=data[end:])
    yield record
