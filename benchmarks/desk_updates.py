"""`python -m benchmarks.desk_updates`: the desk in a real Chromium while updates come by the thousand a second.

All of it is real: `fixfast desk --demo` with its exchange, Launcher and Backend as processes, and a headless Chromium
with the page open. A second front end of the same Backend (a bot, in this process) trades at the market, so that
orders, executions, positions, books, prints and FIX messages are told to the desk. The bot is told the same, and
counts.

What is looked at, from outside: how many animation frames a second the page drew something in, how long its main thread
was blocked, bytes through its websocket (before compression), processor time and memory of desk and browser at begin
and end, the page's heap (after a collection) and DOM nodes, and the time from a click on "Send order" until the order's
row is to be seen.

Not in the gate: it asserts nothing. A machine that is too small does not reach the rate: the reached one is printed,
and the load of the machine (processes that want to run, of the last minute) beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fixfast.service.client import connect
from fixfast.service.messages import BookNow, Printed, WireMessage
from fixfast.trading.update import OrderUpdate, UpdateKind
from tests.service.desk.browser import Browser, browser
from tests.service.programs import Program

__all__ = ["HEAD", "Outcome", "main", "run"]

HEAD = (
    "| updates/s | frames/s | blocked | websocket kB/s | desk CPU | browser CPU | CPU a frame | desk MB | page heap MB "
    "| DOM nodes | click, median, worst | load |\n"
    "|---|---|---|---|---|---|---|---|---|---|---|---|"
)

#: told in the page before its own scripts run: counts frames that something was drawn in, long tasks, websocket bytes
_PROBE = """
window.probe = {drawn: 0, messages: 0, bytes: 0, blocked: 0};
(() => {
  const probe = window.probe, Real = WebSocket;
  let dirty = false;
  window.WebSocket = class extends Real {
    constructor(...given) {
      super(...given);
      this.addEventListener('message', event => {
        probe.messages += 1; probe.bytes += event.data.length ?? event.data.byteLength ?? event.data.size;
      });
    }
  };
  new PerformanceObserver(list => {
    for (const task of list.getEntries()) probe.blocked += task.duration;
  }).observe({type: 'longtask'});
  document.addEventListener('DOMContentLoaded', () => {
    new MutationObserver(() => { dirty = true; }).observe(
      document.body, {subtree: true, childList: true, characterData: true});
  });
  const frame = () => { if (dirty) { probe.drawn += 1; dirty = false; } requestAnimationFrame(frame); };
  requestAnimationFrame(frame);
})();
"""

#: click, and wait until a cell says the quantity that no other order has
_CLICK = """
const [quantity, done] = arguments, begin = performance.now();
const look = () => {
  for (const cell of document.querySelectorAll('[data-test=blotter] [role=cell]'))
    if (cell.textContent.trim() === quantity) return done(performance.now() - begin);
  if (performance.now() - begin > 20000) return done(null);
  requestAnimationFrame(look);
};
document.querySelector('[data-test=send]').click();
look();
"""


@dataclass
class Load:
    """A bot that trades at the market, and what it was told of it. Attributes: told: kind -> how many."""

    launcher: str
    api_key: str
    told: Counter[str] = field(default_factory=Counter)
    _orders_per_second: float = 0.0
    _ending: bool = False

    def count(self, event: object) -> None:
        """Count an event as the desk gets it."""
        if isinstance(event, OrderUpdate):
            self.told["orders"] += 1
            self.told["sent"] += event.kind is UpdateKind.SENT
            self.told["trades"] += event.trade is not None
        elif isinstance(event, BookNow | Printed | WireMessage):
            self.told[type(event).__name__] += 1

    @property
    def updates(self) -> int:
        """Return how many updates were told: of orders, positions, books and prints."""
        return sum(self.told[name] for name in ("orders", "trades", "BookNow", "Printed"))

    def pace(self, orders: float) -> None:
        """Send so many orders a second from now on."""
        self._orders_per_second = orders

    def end(self) -> None:
        """Have trade() return."""
        self._ending = True

    async def trade(self, ready: threading.Event) -> None:
        """Buy and sell in turns, until told to end. At each wake-up as many are sent as have become due."""
        async with connect(self.launcher, account="desk", api_key=self.api_key) as client:
            client.listen(self.count)
            await client.active()
            await client.subscribe("AAPL", depth=8)
            ready.set()
            due, number, under_way = 0.0, 0, set[asyncio.Task[Any]]()
            while not self._ending:
                due = min(due + self._orders_per_second * 0.01, 100)
                while due >= 1 and len(under_way) < 500:
                    due, number = due - 1, number + 1
                    buys = number % 2
                    terms = {"price": "400" if buys else "1", "time_in_force": "3"}
                    task = asyncio.create_task(
                        client.orders.submit(symbol="AAPL", side="1" if buys else "2", qty="1", **terms)
                    )
                    under_way.add(task)
                    task.add_done_callback(under_way.discard)
                await asyncio.sleep(0.01)
            if under_way:
                await asyncio.wait(under_way)


@dataclass(frozen=True)
class Sample:
    """What was there at one moment: monotonic s, updates told, the page's counters, CPU s, bytes."""

    at: float
    updates: int
    page: dict[str, float]
    desk_cpu: float
    browser_cpu: float
    desk_bytes: int
    heap: float
    nodes: float


@dataclass(frozen=True)
class Outcome:
    """A run: samples at begin and end, and what each click took, ms (None: the row was never seen)."""

    begin: Sample
    end: Sample
    clicks: Sequence[float | None]

    def row(self) -> str:
        """Return it as a row of a table."""
        begin, end = self.begin, self.end
        seconds = end.at - begin.at

        def rate(name: str) -> float:
            return (end.page[name] - begin.page[name]) / seconds

        frames = max(end.page["drawn"] - begin.page["drawn"], 1)
        browser_cpu = end.browser_cpu - begin.browser_cpu
        seen = [click for click in self.clicks if click is not None]
        lost = len(self.clicks) - len(seen)
        clicks = f"{statistics.median(seen):.0f}, {max(seen):.0f} ms" if seen else "-"
        return (
            f"| {(end.updates - begin.updates) / seconds:,.0f} | {rate('drawn'):.1f} | {rate('blocked') / 10:.0f} % "
            f"| {rate('bytes') / 1000:,.0f} | {(end.desk_cpu - begin.desk_cpu) / seconds:.0%} "
            f"| {browser_cpu / seconds:.0%} | {browser_cpu / frames * 1000:.0f} ms "
            f"| {begin.desk_bytes / 1e6:.0f} to {end.desk_bytes / 1e6:.0f} "
            f"| {begin.heap / 1e6:.1f} to {end.heap / 1e6:.1f} "
            f"| {begin.nodes:,.0f} to {end.nodes:,.0f} | {clicks}{f', {lost} not seen' if lost else ''} "
            f"| {os.getloadavg()[0]:.1f} |"
        )


def cpu(pid: int) -> float:
    """Return the processor seconds of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(pid: int) -> int:
    """Return the bytes of memory that a process has."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def family(pid: int) -> list[int]:
    """Return a process and those below it."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(path.name)] = int((path / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found


class Watch:
    """Looks at a desk, its page and a Load."""

    def __init__(self, desk: Program, page: Browser, load: Load) -> None:
        self._desk, self._page, self._load = desk, page, load
        self._browser = family(page.driver.service.process.pid)

    def sample(self) -> Sample:
        """Return what is there now."""
        driver = self._page.driver
        driver.execute_cdp_cmd("HeapProfiler.collectGarbage", {})
        metrics = {one["name"]: one["value"] for one in driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]}
        return Sample(
            time.monotonic(), self._load.updates, driver.execute_script("return {...window.probe}"),
            cpu(self._desk.process.pid), sum(cpu(pid) for pid in self._browser if Path(f"/proc/{pid}").exists()),
            resident(self._desk.process.pid), metrics["JSHeapUsedSize"], metrics["Nodes"],
        )  # fmt: skip

    def click(self, quantity: str) -> float | None:
        """Send an order by the ticket; return the ms until its row is to be seen.

        Among the open ones: of all orders, those of the bot come by the hundred a second, and push it down at once.
        """
        self._page.click("which", "button:nth-of-type(2)")
        self._page.put("qty", quantity)
        time.sleep(0.3)  # what was typed is with the desk
        found: float | None = self._page.driver.execute_async_script(_CLICK, quantity)
        self._page.click("which", "button:nth-of-type(1)")
        return found


def new_key(state: Path) -> str:
    """Make a second API key for the demo's account, as a person would."""
    made = subprocess.run(
        [sys.executable, "-m", "fixfast", "keys", "--store", str(state / "keys.db"), "create", "desk"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return made.stdout.strip()


@contextmanager
def loaded(state: Path) -> Iterator[Load]:
    """Have a bot at the desk's Backend."""
    (launcher,) = state.rglob("launcher.sock")
    load, ready = Load(f"unix:{launcher}", new_key(state)), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(load.trade(ready)))
    thread.start()
    try:
        ready.wait(60)
        yield load
    finally:
        load.end()
        thread.join()


def run(rates: Sequence[float], seconds: float, clicks: int, shots: Path | None = None) -> Iterator[Outcome]:
    """Measure at each rate (updates/s that are wanted), one after the other, with one desk and one page."""
    with tempfile.TemporaryDirectory(prefix="ff") as name:
        folder = Path(name)
        with ExitStack() as ends:
            desk = Program(folder, "desk", "--demo", "--port", "0", "--state", "s")
            ends.callback(desk.stop)
            page = ends.enter_context(browser(shots or folder / "shots"))
            page.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": _PROBE})
            page.driver.execute_cdp_cmd("Performance.enable", {})
            page.driver.set_script_timeout(60)
            (url,) = desk.wait_for(r"desk at (http\S+)")
            page.open(url)
            page.log_in(page.signed_up("bench"))
            with loaded(folder / "s") as load:
                page.put("price", "1")  # what the ticket sends rests
                watch = Watch(desk, page, load)
                for number, rate in enumerate(rates):
                    yield measured(watch, load, rate, seconds, clicks, 1000 * (number + 1))
                load.pace(0)


def measured(watch: Watch, load: Load, rate: float, seconds: float, clicks: int, first: int) -> Outcome:
    """Measure at one rate. `first`: quantities from here on are those of the clicks."""
    orders = rate / 5
    begun, before = time.monotonic(), load.updates
    while time.monotonic() - begun < min(
        10.0, seconds
    ):  # as many orders as give the rate: books differ in what they tell
        load.pace(orders)
        time.sleep(min(2.0, seconds / 2))
        told = (load.updates - before) / (time.monotonic() - begun)
        orders = min(max(orders * rate / max(told, 1), rate / 10), rate) if rate else 0
        begun, before = begun, before
    load.pace(orders)
    begin, ms = watch.sample(), []
    for n in range(clicks):
        time.sleep(seconds / max(clicks, 1))
        ms.append(watch.click(str(first + n)))
    time.sleep(max(0.0, begin.at + seconds - time.monotonic()))
    return Outcome(begin, watch.sample(), ms)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rate", type=float, action="append", help="updates a second; default 0, 1000 and 3000")
    parser.add_argument("--seconds", type=float, default=60, help="for each rate")
    parser.add_argument("--clicks", type=int, default=10, help="orders of the ticket, for each rate")
    parser.add_argument("--shots", type=Path, help="keep screenshots here")
    given = parser.parse_args()
    sys.stdout.write(f"{HEAD}\n")
    for outcome in run(given.rate or (0, 1000, 3000), given.seconds, given.clicks, given.shots):
        sys.stdout.write(f"{outcome.row()}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
