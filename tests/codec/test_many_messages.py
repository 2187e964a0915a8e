"""Many messages: what 100,000 take as the process sees it, that millions leave nothing, threads side by side."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.codec.samples import DATA_FIELDS, EXECUTION_REPORT, HEARTBEAT, LOGON, MARKET_DATA
from tests.codec.support import Codec, item_of

ROOT = Path(__file__).resolve().parents[2]

#: What each probe begins with. `rss()` is what the process holds, in bytes; the order has 176 of them, in 18 fields.
PROBE = """
import gc, os, sys
from pathlib import Path
from tests.codec.test_memory import ORDER
from tests.codec.samples import HEARTBEAT, MARKET_DATA
import fixfast as ff
PAGE = os.sysconf("SC_PAGE_SIZE")
def rss():
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE
assert len(ORDER) == 176 and len(ff.parse(ORDER)) == 18
N = 100_000
kept = [None] * N
"""
RETAINED = """
before = rss()
for i in range(N):
    kept[i] = ff.parse(bytes(bytearray(ORDER)))
print((rss() - before) / N)
"""
DETACHED = """
decoder = ff.StreamDecoder()
before = rss()
for i in range(0, N, 100):
    decoder.feed(bytearray(ORDER * 100))
    for k, m in enumerate(decoder):
        m.detach()
        kept[i + k] = m
print((rss() - before) / N)
assert all(m.raw == ORDER for m in kept)
"""
FLAT = """
decoder = ff.StreamDecoder(validate=True)
get = ff.getter((11, "str"), (44, "scaled:5"), (60, "time"))
batch = ORDER * 60 + HEARTBEAT * 39 + MARKET_DATA
def work(millions):
    for i in range(round(millions * 10_000)):
        decoder.feed(batch)
        for m in decoder:
            get(m)
            if m.msg_type == "W":
                m.group(268).columns(270, (271, "int"))
                m.detach()
        ff.parse(ORDER).many(11, 55, 54)
        ff.parse(bytearray(ORDER)).time_ns(60)
work(0.3)
before = rss()
work(float(sys.argv[1]))
print(rss() - before)
"""

measured = pytest.mark.skipif(
    not Path("/proc/self/statm").exists() or "FIXFAST_SANITIZED" in os.environ or "PYTHONMALLOC" in os.environ,
    reason="the memory of this process cannot be told, or its allocator is not Python's",
)


def probe(code: str, *arguments: str) -> float:
    command = [sys.executable, "-c", PROBE + code, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=600)
    return float(done.stdout)


@measured
def test_100_000_kept_orders_take_560_bytes_each() -> None:
    assert probe(RETAINED) <= 560


@measured
def test_100_000_detached_orders_take_340_bytes_each() -> None:
    assert probe(DETACHED) <= 340


@measured
def test_two_million_messages_leave_nothing() -> None:
    assert probe(FLAT, "2") <= 256 * 1024


@pytest.mark.parametrize("count", [1, 8])
def test_threads_with_a_decoder_each_do_not_meet(codec: Codec, count: int) -> None:
    stream = b"".join((LOGON, EXECUTION_REPORT, b"garbage\x01", MARKET_DATA, HEARTBEAT, DATA_FIELDS)) * 3
    get = codec.getter((34, "int"), (52, "time"), (55, "str"), (44, "scaled:8"))  # one for all
    shared = codec.parse(MARKET_DATA)
    prices = [entry.float(270) for entry in shared.group(268)]
    start = threading.Barrier(count)
    found: list[list[object]] = []
    failures: list[BaseException] = []

    def work(step: int) -> None:
        try:
            start.wait()
            items: list[object] = []
            for _ in range(20 if codec.name == "compiled" else 2):
                decoder = codec.StreamDecoder(validate=True)
                for at in range(0, len(stream), step):
                    decoder.feed(bytearray(stream[at : at + step]))
                    for item in decoder:
                        items.append(item_of(item))
                        if hasattr(item, "fault"):
                            items += [get(item), item.fault, [entry.many(269, 270) for entry in item.group(268)]]
                            item.detach()
                assert shared.group(268).columns(270)[0].tolist() == prices
            found.append(items)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(50 + 37 * k,)) for k in range(count)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert not failures
    assert len(found) == count
    assert all(items == found[0] for items in found)
