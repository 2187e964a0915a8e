"""Who sees what of a market: subscribers, and the views that they share. Values, without behaviour."""

from __future__ import annotations

from typing import NamedTuple

from fixfast.exchange.market_data.entries import Window
from fixfast.exchange.market_data.feed import Feed
from fixfast.exchange.market_data.messages import Line, Messages
from fixfast.session.wire import Template

__all__ = ["Seen", "Subscriber", "View", "Watcher"]


class Seen(NamedTuple):
    """What a view is made of."""

    version: str
    window: Window
    kinds: frozenset[str]
    incremental: bool


class View:
    """What some subscribers see of one instrument. `rpt_seq`: RptSeq(83) of its latest X."""

    __slots__ = ("feed", "key", "messages", "rpt_seq", "watchers")

    def __init__(self, feed: Feed, key: Seen, messages: Messages) -> None:
        self.feed = feed
        self.key = key
        self.messages = messages
        self.rpt_seq = feed.batches  # above that of all views of this instrument there were before
        self.watchers: dict[Watcher, None] = {}


class Watcher:
    """One request's share in a view."""

    __slots__ = ("request", "subscriber", "view")

    def __init__(self, subscriber: Subscriber, request: str, view: View) -> None:
        self.subscriber = subscriber
        self.request = request
        self.view = view


class Subscriber:
    """One session. `behind`: what it is not told about any more until its line is free."""

    __slots__ = ("behind", "line", "refreshes", "requests", "snapshots", "version", "who")

    def __init__(self, who: str, version: str, line: Line) -> None:
        self.who = who
        self.version = version
        self.line = line
        self.requests: dict[str, list[Watcher]] = {}
        self.behind: dict[Watcher, None] = {}
        self.snapshots: dict[tuple[str, int, int, bool], Template] = {}
        self.refreshes: dict[tuple[str, int, int, bool], Template] = {}

    def snapshot(self, messages: Messages) -> Template:
        template = self.snapshots.get(messages.key)
        if template is None:
            template = self.snapshots[messages.key] = messages.snapshot_template(self.line)
        return template

    def refresh(self, messages: Messages) -> Template:
        template = self.refreshes.get(messages.key)
        if template is None:
            template = self.refreshes[messages.key] = messages.refresh_template(self.line)
        return template
