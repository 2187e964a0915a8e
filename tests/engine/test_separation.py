"""Nothing of one session shows up in another: not on its wire, in its store, its events or its log (C18)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import fixfast as ff
from tests.engine.harness import EAGER, Notes, news, run, them, to, until, us


class Echo(Notes):
    """Answers each message with one of the same text, and half of them only after a turn of the loop."""

    async def on_message(self, session: ff.LiveSession, message: ff.Message) -> None:  # type: ignore[override]
        text = message[148]
        if text[-1] in "13579":
            await asyncio.sleep(0)
        session.send_nowait(*news(f"echo {text}"))
        if text.endswith("7"):
            raise ff.BusinessReject(3, f"no {text}")


@pytest.mark.parametrize("shared", [True, False], ids=["one dictionary", "two dictionaries"])
def test_sc18_a_canary_in_each_session_is_seen_in_no_other(tmp_path: Path, shared: bool) -> None:
    names = ("ALFA", "BRAVO", "CHARLIE")
    dictionary = ff.load_dictionary("FIX.4.4") if shared else None
    logs: dict[str, list[str]] = {name: [] for name in names}
    seen: dict[str, list[str]] = {name: [] for name in names}

    def canary(name: str) -> str:
        return f"canary-{name}"

    async def main() -> None:
        configs = [them(target=name, password=f"pw-{name}", dictionary=dictionary) for name in names]
        stores = {name: ff.JournalStore(tmp_path / f"{name}.journal") for name in names}

        async with ff.serve(Echo(), configs, stores=lambda config: stores[config.target_comp_id]) as server:

            async def client(name: str) -> None:
                config = us(sender=name, dictionary=dictionary, password=f"pw-{name}")
                async with ff.connect(config, to(server, EAGER)) as session:
                    for n in range(30):
                        session.send_nowait(*news(f"{canary(name)} {n}"))
                        if n == 15:
                            session.drop(reset=True)  # and what is resent stays with its session, too
                            await until(lambda: session.active)
                    async for message in session:
                        message.detach()
                        seen[name].append(message.pretty())
                        if f"echo {canary(name)} 29" in seen[name][-1]:
                            break
                    logs[name].append(repr(session))

            await asyncio.gather(*map(client, names))
            for config, live in zip(configs, server.sessions.values(), strict=True):
                logs[config.target_comp_id] += [repr(live), repr(live.stats()), repr(live.config)]

    run(main())
    for name in names:
        told = "\n".join(seen[name] + logs[name])
        stored = (tmp_path / f"{name}.journal").read_bytes()
        assert canary(name) in told
        assert canary(name).encode() in stored
        for other in names:
            if other != name:
                assert other not in told
                assert canary(other) not in told
                assert other.encode() not in stored
