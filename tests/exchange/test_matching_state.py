"""A book as plain data: written, read again, it goes on as if nothing had happened."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from fixfast.exchange.matching.engine import Matching
from fixfast.exchange.matching.outcome import Busted, Restated
from tests.exchange.books import Desk


def _busy() -> Desk:
    desk = Desk()
    desk.sell(50, 101, display=10, tag={"cl_ord_id": "A1"})
    desk.sell(10, 101)
    desk.buy(15, 101)
    desk.buy(10, 99, tif="6", expire_ns=50)
    desk.buy(10, stop_px=105)
    desk.sell(10, 103, tif="7")
    return desk


def test_a_snapshot_is_json_and_comes_back_the_same() -> None:
    book = _busy().book
    data = book.snapshot()
    again = Matching.restore(json.loads(json.dumps(data)))
    assert again.snapshot() == data
    assert again.depth(9) == book.depth(9)
    assert again.take_changes() == book.take_changes()


def test_a_restored_book_goes_on_where_the_other_stopped() -> None:
    desk = _busy()
    again = Matching.restore(desk.book.snapshot())
    for book in (desk.book, again):
        assert [e.cum for e in book.bust(1, 10) if isinstance(e, (Busted, Restated))] == [5, 0, 0]
    assert again.snapshot() == desk.book.snapshot()
    assert [repr(e) for e in again.expire(50)] == [repr(e) for e in desk.book.expire(50)] != []


def test_a_snapshot_of_another_version_is_refused() -> None:
    with pytest.raises(ValueError, match="version 99: this fixfast reads 2"):
        Matching.restore({"version": 99})


_DIGEST = """
import hashlib
from tests.exchange.days import run_day
lines = []
run_day({seed}, tell=lines.append)
print(hashlib.sha256("\\n".join(lines).encode()).hexdigest())
"""


def test_a_day_is_the_same_in_every_process_whatever_its_hashes() -> None:
    digests = set()
    for hash_seed in ("1", "2"):
        command = [sys.executable, "-c", _DIGEST.format(seed=4)]
        done = subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": hash_seed}, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        digests.add(done.stdout)
    assert len(digests) == 1
