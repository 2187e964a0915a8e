"""Metrics as a scraper gets them: real HTTP, parsed by prometheus-client's own parsers, both formats."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_parser
from prometheus_client.parser import text_string_to_metric_families as plain

import fixfast as ff
from fixfast import clock
from fixfast.engine.observing.label import hashed
from fixfast.engine.observing.latency import Histogram, Latency
from fixfast.engine.observing.metrics import _BOUNDS
from tests.engine.harness import news, run, them, to, until, us

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def openmetrics(text: str) -> Iterator[Metric]:
    parse: Any = openmetrics_parser
    families: Iterator[Metric] = parse(text)
    return families


def scrape(url: str, accept: str = OPENMETRICS) -> tuple[str, str]:
    """The text and its content type."""
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept": accept}), timeout=10) as answer:
        return answer.read().decode(), answer.headers["Content-Type"]


def values(text: str) -> dict[str, dict[str, float]]:
    """Sample name -> target_comp_id -> value, of what has the usual labels only."""
    found: dict[str, dict[str, float]] = {}
    for family in openmetrics(text):
        for sample in family.samples:
            if set(sample.labels) == {"begin_string", "sender_comp_id", "target_comp_id", "qualifier"}:
                series = found.setdefault(sample.name, {})
                assert sample.labels["target_comp_id"] not in series
                series[sample.labels["target_comp_id"]] = sample.value
    return found


class Fake:
    """A session as far as a collector looks."""

    def __init__(
        self, target: str = "X", sender: str = "S", begin_string: str = "FIX.4.4", qualifier: str = ""
    ) -> None:
        self.id = ff.SessionID(begin_string, sender, target, qualifier)
        self.session = ff.Session(us())
        self.latency: Latency | None = None
        self.store_error: Exception | None = None

    def stats(self) -> Any:
        return self.session.stats()


def test_a_real_scrape_of_a_live_server() -> None:
    async def main() -> None:
        async with ff.serve(None, [them(), them(target="B2")], latency=True) as server:
            with ff.serve_metrics(server) as endpoint:
                async with ff.connect(us(), to(server)) as bot:
                    (venue, other) = server.sessions.values()
                    await venue.wait_active()
                    for n in range(5):
                        bot.send_nowait(*news(n))
                    await until(lambda: venue.stats().messages_in == 5)
                    text, kind = await asyncio.to_thread(scrape, endpoint.url)
                    assert kind.startswith("application/openmetrics-text")
                    assert text.endswith("# EOF\n")
                    found = values(text)
                    assert found["fixfast_messages_received_total"] == {"BOT": 5, "B2": 0}
                    assert found["fixfast_session_active"] == {"BOT": 1, "B2": 0}
                    assert found["fixfast_next_target_msg_seq_num"] == {"BOT": 7, "B2": 1}
                    assert found["fixfast_received_bytes_total"]["BOT"] > 300
                    assert found["fixfast_logons_total"] == {"BOT": 1, "B2": 0}
                    assert (
                        abs(found["fixfast_last_received_timestamp_seconds"]["BOT"] - 1e-9 * clock.now().wall_ns) < 60
                    )
                    assert "B2" not in found["fixfast_last_received_timestamp_seconds"]
                    await server.remove(other.id)
                    await server.add(them(target="B3"))
                    text, _ = await asyncio.to_thread(scrape, endpoint.url)
                    assert set(values(text)["fixfast_gaps_total"]) == {"BOT", "B3"}

    run(main())


def test_latencies_are_histograms() -> None:
    session = Fake()
    session.latency = Latency()
    for ns in (900, 1_100, 29_000, 2 * 10**9, 10**11):
        session.latency.receive.record(ns)
    registry = CollectorRegistry()
    with ff.serve_metrics([session], registry=registry) as endpoint:
        text, _ = scrape(endpoint.url)
    samples = {
        (s.name, s.labels["stage"], s.labels.get("le")): s.value
        for family in openmetrics(text)
        if family.name == "fixfast_latency_seconds"
        for s in family.samples
    }
    assert samples["fixfast_latency_seconds_bucket", "receive", "1e-06"] == 1
    assert samples["fixfast_latency_seconds_bucket", "receive", "3e-06"] == 2
    assert samples["fixfast_latency_seconds_bucket", "receive", "3e-05"] == 3
    assert samples["fixfast_latency_seconds_bucket", "receive", "10.0"] == 4
    assert samples["fixfast_latency_seconds_bucket", "receive", "+Inf"] == 5
    assert samples["fixfast_latency_seconds_count", "receive", None] == 5
    assert samples["fixfast_latency_seconds_sum", "receive", None] == pytest.approx(102, rel=0.01)
    assert samples["fixfast_latency_seconds_count", "send", None] == 0


@given(st.lists(st.integers(0, 10**12)))
def test_buckets_grow_to_the_count(durations: list[int]) -> None:
    histogram = Histogram(durations)
    counts = histogram.at_most(_BOUNDS)
    assert counts == sorted(counts)
    assert all(n <= histogram.count for n in counts)


def test_the_older_format_for_those_who_ask_for_nothing_else() -> None:
    with ff.serve_metrics([Fake()]) as endpoint:
        text, kind = scrape(endpoint.url, "text/plain")
        assert kind.startswith("text/plain")
        families = {family.name: family for family in plain(text)}
        assert families["fixfast_messages_received"].type == "counter"
        assert families["fixfast_queued_bytes"].type == "gauge"


def test_every_name_follows_the_rules() -> None:
    for family in ff.MetricsCollector([Fake()]).collect():
        assert family.name.startswith("fixfast_")
        assert family.documentation
        if family.unit:
            assert family.name.endswith(f"_{family.unit}")
        if family.type == "counter":
            assert not family.name.endswith("_total"), "the format adds it"
            assert all(sample.name.endswith("_total") for sample in family.samples)


def test_the_state_is_a_state_set() -> None:
    with ff.serve_metrics([Fake()]) as endpoint:
        text, _ = scrape(endpoint.url)
    (family,) = (f for f in openmetrics(text) if f.name == "fixfast_session_state")
    assert family.type == "stateset"
    on = [s.labels["fixfast_session_state"] for s in family.samples if s.value]
    assert on == ["disconnected"]
    assert len(family.samples) == len(ff.State)


def test_SC8_secret_comp_ids_do_not_reach_the_labels() -> None:
    secret = Fake(sender="API-KEY-CANARY", target="VENUE", qualifier="Q")
    with ff.serve_metrics([secret, Fake("V2", "API-KEY-CANARY")], secret_comp_ids=True) as endpoint:
        text, _ = scrape(endpoint.url)
    assert "CANARY" not in text
    assert "VENUE" not in text
    series = [s.labels for f in openmetrics(text) if f.name == "fixfast_gaps" for s in f.samples]
    assert len(series) == 2
    assert series[0]["sender_comp_id"] == series[1]["sender_comp_id"]
    assert series[0]["sender_comp_id"] == hashed("API-KEY-CANARY"), "as in the logs"


@pytest.mark.parametrize("name", ["a\nb", 'say "x"', "back\\slash", "\udcff\udcfe", "x" * 4000, "ünï", ""])
def test_SC9_a_name_of_a_stranger_cannot_spoil_the_page(name: str) -> None:
    with ff.serve_metrics([Fake(name), Fake(name + "2")]) as endpoint:
        for accept in (OPENMETRICS, "text/plain"):
            text, _ = scrape(endpoint.url, accept)
            assert len(text) < 100_000
        assert len(values(scrape(endpoint.url)[0])["fixfast_gaps_total"]) == 2


def test_the_number_of_series_is_bounded() -> None:
    sessions = [Fake(f"T{n}") for n in range(50)]
    for one in sessions:
        one.session._counters["gaps"] = 2
    sessions[49].store_error = OSError()
    with ff.serve_metrics(sessions, max_sessions=3) as endpoint:
        found = values(scrape(endpoint.url)[0])
    assert found["fixfast_gaps_total"] == {"T0": 2, "T1": 2, "T2": 2, "(others)": 94}
    assert found["fixfast_session_store_failed"]["(others)"] == 1


def test_sessions_with_one_name_are_told_apart_by_the_rest() -> None:
    sessions = [Fake(begin_string="FIX.4.2"), Fake(), Fake(qualifier="b"), Fake()]
    with ff.serve_metrics(sessions) as endpoint:
        text, _ = scrape(endpoint.url)
    (family,) = (f for f in openmetrics(text) if f.name == "fixfast_gaps")
    assert len(family.samples) == 3, "the same identity twice is one series"


def test_a_registry_of_ones_own() -> None:
    registry = CollectorRegistry(auto_describe=True)
    mine = Counter("my_fills", "Fills", registry=registry)
    mine.inc(7)
    with ff.serve_metrics([Fake()], registry=registry) as endpoint:
        text, _ = scrape(endpoint.url)
        assert "my_fills_total 7.0" in text
        assert "fixfast_gaps_total" in text
        with pytest.raises(ValueError, match="Duplicated"):
            ff.serve_metrics([Fake()], registry=registry)
    assert registry.get_sample_value("my_fills_total") == 7
    registry.register(ff.MetricsCollector(Fake("Y")))
    labels = {"begin_string": "FIX.4.4", "sender_comp_id": "S", "target_comp_id": "Y", "qualifier": ""}
    assert registry.get_sample_value("fixfast_gaps_total", labels) == 0


def test_sources() -> None:
    one, two = Fake("1"), Fake("2")
    for source, names in (
        (one, {"1"}),
        ([one, two], {"1", "2"}),
        ({one.id: one}, {"1"}),
        (lambda: (two,), {"2"}),
        (type("Servers", (), {"sessions": {two.id: two}})(), {"2"}),
    ):
        with ff.serve_metrics(source) as endpoint:
            assert set(values(scrape(endpoint.url)[0])["fixfast_gaps_total"]) == names


def test_sessions_that_come_and_go_during_a_scrape() -> None:
    sessions = {n: Fake(str(n)) for n in range(300)}
    stop = threading.Event()

    def churn() -> None:
        n = 300
        while not stop.is_set():
            sessions[n] = Fake(str(n))
            del sessions[n - 300]
            n += 1

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        collector = ff.MetricsCollector(sessions)
        for _ in range(5):
            list(collector.collect())
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("source", {"source": 5}),
        ("source", {"source": "BOT"}),
        ("host", {"host": ""}),
        ("port", {"port": 70_000}),
        ("max_sessions", {"max_sessions": 0}),
    ],
)
def test_wrong_options_are_refused(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(ff.ConfigError) as error:
        ff.serve_metrics(**{"source": [], **options})
    assert error.value.name == name


def test_a_missing_extra_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(ff.MissingExtra, match=r"pip install 'fixfast\[metrics\]'"):
        ff.serve_metrics([])
    with pytest.raises(ff.MissingExtra):
        ff.MetricsCollector([])


def test_SC20_it_listens_on_this_machine_only_unless_told(caplog: pytest.LogCaptureFixture) -> None:
    with ff.serve_metrics([]) as endpoint:
        assert isinstance(endpoint, ff.MetricsServer)
        assert endpoint.host == "127.0.0.1"
    assert not caplog.records
    with caplog.at_level(logging.WARNING), ff.serve_metrics([], host="0.0.0.0") as endpoint:
        assert "can be read by whoever reaches" in caplog.text
        assert "fixfast_build_info" in scrape(endpoint.url.replace("0.0.0.0", "127.0.0.1"))[0]


def test_over_ipv6() -> None:
    try:
        with ff.serve_metrics([], host="::1") as endpoint:
            assert endpoint.url.startswith("http://[::1]:")
            assert "fixfast_build_info" in scrape(endpoint.url)[0]
    except OSError:
        pytest.skip("no IPv6 here")


def test_SC20_nothing_can_be_done_there_but_read() -> None:
    with ff.serve_metrics([Fake()]) as endpoint:
        for method in ("POST", "PUT", "DELETE"):
            request = urllib.request.Request(endpoint.url, data=b"x" * 10, method=method)
            with pytest.raises(urllib.error.HTTPError) as error:
                urllib.request.urlopen(request, timeout=10)
            assert error.value.code == 405
            error.value.close()


def test_closing_is_quick_final_and_leaves_no_thread() -> None:
    endpoint = ff.serve_metrics([])
    endpoint.close()
    endpoint.close()
    assert not any(thread.name.startswith("fixfast-metrics") for thread in threading.enumerate())
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", endpoint.port), timeout=1)


def test_a_client_that_says_nonsense_or_nothing_does_no_harm(capfd: pytest.CaptureFixture[str]) -> None:
    with ff.serve_metrics([Fake()]) as endpoint:
        address = ("127.0.0.1", endpoint.port)
        with socket.create_connection(address) as sock:
            sock.sendall(b"\x00\xff garbage\r\n\r\n")
            sock.recv(1000)
        socket.create_connection(address).close()
        assert "fixfast_gaps_total" in scrape(endpoint.url)[0]
    assert capfd.readouterr().err == ""


def test_a_source_that_fails_is_an_error_of_the_scrape_and_of_nothing_else(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    broken = True

    def sessions() -> list[Fake]:
        if broken:
            raise ValueError("no")
        return [Fake()]

    with ff.serve_metrics(sessions) as endpoint:
        with pytest.raises(urllib.error.HTTPError) as error:
            scrape(endpoint.url)
        assert error.value.code == 500
        error.value.close()
        assert "the metrics could not be collected" in caplog.text
        broken = False
        assert "fixfast_gaps_total" in scrape(endpoint.url)[0]
    assert capfd.readouterr().err == ""
