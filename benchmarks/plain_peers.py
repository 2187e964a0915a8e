"""Thousands of peers of an acceptor that cost little themselves: sockets, a selector, prepared bytes.

`python -m benchmarks.plain_peers PORT COUNT SLOW` connects all in one moment, logs on, and says when each Logon was
answered; on "go" it reads what comes, from all but the first SLOW, and on any other line it tells the age of the
messages it got. It tells in JSON, one object a line.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import fixfast as ff

__all__ = ["main"]

HOST = "127.0.0.1"
#: bytes that mark the time of sending in a message: Text(58) of 20 digits
_MARK = b"\x0158="


def _tell(**what: Any) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


@dataclass
class _Peer:
    sock: socket.socket
    logon: bytes
    began: int = 0
    answered: int = 0
    closed: bool = False
    ages: list[int] = field(default_factory=list)


def _connect(port: int, count: int, selector: selectors.BaseSelector) -> list[_Peer]:
    peers = []
    for number in range(count):
        fields: list[Any] = [(49, f"BOT{number}"), (56, "VENUE"), (34, 1), (52, time.time_ns()), (98, 0), (108, 60)]
        sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 * 1024)
        peers.append(_Peer(sock, bytes(ff.encode("FIX.4.4", "A", fields))))
    for peer in peers:
        peer.began = time.perf_counter_ns()
        peer.sock.connect_ex((HOST, port))
        selector.register(peer.sock, selectors.EVENT_WRITE, peer)
    return peers


def _log_on(peers: list[_Peer], selector: selectors.BaseSelector) -> None:
    waiting = len(peers)
    while waiting:
        for key, events in selector.select():
            peer: _Peer = key.data
            if events & selectors.EVENT_WRITE:
                peer.sock.send(peer.logon)
                selector.modify(peer.sock, selectors.EVENT_READ, peer)
            elif not peer.answered:
                data = peer.sock.recv(65536)
                if b"\x0135=A\x01" not in data:
                    raise RuntimeError(f"instead of a Logon: {data!r}")
                peer.answered = time.perf_counter_ns()
                waiting -= 1


def _read(peers: list[_Peer], slow: int, selector: selectors.BaseSelector) -> None:
    for peer in peers[:slow]:
        selector.unregister(peer.sock)
    selector.register(sys.stdin, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.data is None:
                return
            data = key.data.sock.recv(65536)
            now = time.perf_counter_ns()
            if not data:
                key.data.closed = True
                selector.unregister(key.data.sock)
            at = data.find(_MARK)
            while at >= 0:
                key.data.ages.append(now - int(data[at + 4 : at + 24]))
                at = data.find(_MARK, at + 24)


def main(port: int, count: int, slow: int) -> None:
    """Be the peers."""
    selector = selectors.DefaultSelector()
    peers = _connect(port, count, selector)
    _log_on(peers, selector)
    first = min(peer.began for peer in peers)
    _tell(logons=[peer.answered - peer.began for peer in peers], all=max(peer.answered for peer in peers) - first)
    if sys.stdin.readline().strip() == "go":
        _read(peers, slow, selector)
        ages = sorted(age for peer in peers[slow:] for age in peer.ages)
        _tell(messages=len(ages), ages=ages[:: max(1, len(ages) // 10_000)], lost=sum(peer.closed for peer in peers))
    for peer in peers:
        peer.sock.close()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]))
