"""The market maker and the drop copy reader against examples/exchange.py: processes, killed and started again."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.examples.test_examples import ROOT, run_python, running


def start(example: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(ROOT / "examples" / example), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def lines(path: Path) -> list[dict[str, object]]:
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def wait_for(path: Path, count: int) -> None:
    until = time.monotonic() + 60
    while len(lines(path)) < count:
        assert time.monotonic() < until, f"{len(lines(path))} of {count} fills"
        time.sleep(0.005)


def test_the_market_maker_leaves_no_quote_behind() -> None:
    with running("exchange.py") as port:
        said = run_python("examples/market_maker.py", "--port", str(port), "--fills", "30", "--target", "VENUE")
    match = re.fullmatch(r"(\d+) fills, position [+-]\d+, no quote left\n", said)
    assert match
    assert int(match[1]) >= 30


def test_the_market_maker_takes_its_quotes_back_when_interrupted(tmp_path: Path) -> None:
    with running("exchange.py") as port:
        drop = start("drop_copy.py", str(tmp_path), "--port", str(port))
        with start("market_maker.py", "--port", str(port), "--fills", "1000000", "--target", "VENUE") as maker, drop:
            wait_for(tmp_path / "fills.jsonl", 5)
            maker.send_signal(signal.SIGINT)
            said, _ = maker.communicate(timeout=60)
            drop.send_signal(signal.SIGINT)
            drop.communicate(timeout=60)
    assert said.endswith("no quote left\n")


def test_the_drop_copy_loses_and_doubles_nothing_when_killed(tmp_path: Path) -> None:
    fills = tmp_path / "fills.jsonl"
    with (
        running("exchange.py") as port,
        start("market_maker.py", "--port", str(port), "--fills", "1000000", "--target", "VENUE") as maker,
    ):
        for count in (20, 40, 60):
            with start("drop_copy.py", str(tmp_path), "--port", str(port)) as drop:
                wait_for(fills, count)
                drop.kill()
        known = len(lines(fills))
        maker.send_signal(signal.SIGINT)
        said, _ = maker.communicate(timeout=60)
        all_of_them = int(said.split()[0])
        assert all_of_them >= known
        run_python("examples/drop_copy.py", str(tmp_path), "--port", str(port), "--fills", str(all_of_them))
    ids = [str(line["exec_id"]) for line in lines(fills)]
    assert len(ids) == len(set(ids)) == all_of_them
    assert ids == sorted(ids, key=lambda name: int(name.removeprefix("E")))
