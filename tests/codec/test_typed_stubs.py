"""What a type checker makes of typed messages: every line of a program, in one run of mypy --strict."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import fixfast
from fixfast.dictionary.generate import GENERATED_PACKAGES

ROOT = Path(fixfast.__file__).parents[1]

HEAD = """\
import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
import fixfast as ff
from fixfast import fix42, fix44, fix50sp2
now = dt.datetime.now(dt.timezone.utc)
def made() -> fix44.NewOrderSingle:
    return fix44.NewOrderSingle(
        cl_ord_id="x", symbol="EUR/USD", side=fix44.Side.BUY, transact_time=now, ord_type="2", price=Decimal("1.5"),
        order_qty=100, stop_px="1.4", exec_inst=["G", fix44.ExecInst.HELD], solicited_flag=True, account=None,
        no_party_ids=[fix44.Parties.NoPartyIDs(party_id="A", party_role=3)], extra=[(9001, "x")],
    )
order = made()
def entry(side: str) -> fix44.MDFullGrp.NoMDEntries:
    return fix44.MDFullGrp.NoMDEntries(md_entry_type=fix44.MDEntryType(side))
def news(m: ff.Message) -> fix44.News:
    return fix44.News.from_message(m)
"""

#: a line -> what mypy says of it: "" nothing, "[code] text" an error, "-> type" what it is
LINES = {
    # --- right
    'fix44.OrderCancelRequest(orig_cl_ord_id="x", cl_ord_id="y", side="1", transact_time=1700000000000000000)': "",
    "fix44.MarketDataSnapshotFullRefresh(no_md_entries=(entry(side) for side in '01'))": "",
    'fix42.NewOrderSingle(cl_ord_id="x", handl_inst="1", symbol="X", side="1", transact_time=now, ord_type="1")': "",
    'order.encode(sender_comp_id="A", target_comp_id="B", msg_seq_num=1, sending_time=now, sender_sub_id="S")': "",
    'fix50sp2.Logon(encrypt_method=0, heart_bt_int=30, default_appl_ver_id="9")': "",
    "item: fix44.Instrument = order": "",
    'order.price = Decimal("2")': "",
    "order.account = None": "",
    # --- types of attributes
    "reveal_type(order.cl_ord_id)": "-> str",
    "reveal_type(made().side)": "-> fixfast.fix44.Side",
    "reveal_type(made().price)": "-> Decimal | None",
    "reveal_type(made().symbol)": "-> str | None",
    "reveal_type(made().exec_inst)": "-> tuple[fixfast.fix44.ExecInst, ...] | None",
    "reveal_type(order.transact_time)": "-> datetime",
    "reveal_type(made().settl_date)": "-> date | None",
    "reveal_type(made().solicited_flag)": "-> bool | None",
    "reveal_type(made().maturity_month_year)": "-> tuple[int, int, int, int, fallback=MonthYear] | None",
    "reveal_type(made().encoded_text)": "-> bytes | None",
    "reveal_type(made().min_qty)": "-> Decimal | None",
    "reveal_type(order.no_party_ids)": "-> tuple[fixfast.fix44.Parties.NoPartyIDs, ...]",
    "reveal_type(order.no_party_ids[0].party_id)": "-> str",
    "reveal_type(order.no_party_ids[0].no_party_sub_ids[0].party_sub_id)": "-> str",
    "reveal_type(order.no_party_ids[0].party_role)": "-> fixfast.fix44.PartyRole | None",
    "reveal_type(fix44.InstrmtLegGrp.NoLegs(leg_symbol='x').leg_symbol)": "-> str",
    "reveal_type(fix50sp2.Logon.from_message)": "-> def (m: Message) -> fixfast.fix50sp2.Logon",
    "reveal_type(order.body())": "-> list[tuple[int, Any]]",
    "reveal_type(order.value_ns('transact_time'))": "-> int",
    "reveal_type(order.msg_type)": "-> str",
    "reveal_type(news)": "-> def (m: Message) -> fixfast.fix44.News",
    # --- wrong
    'fix44.Quote(symbol="x")': '[call-arg] Missing named argument "quote_id"',
    "fix44.Parties.NoPartyIDs(party_role=1)": '[call-arg] Missing named argument "party_id"',
    'fix44.InstrmtLegGrp.NoLegs(leg_currency="EUR")': '[call-arg] Missing named argument "leg_symbol"',
    "fix44.Quote(quote_id=5)": '[arg-type] Argument "quote_id" to "Quote" has incompatible type "int"; expected "str"',
    'fix44.Quote(quote_id="x", quote="y")': '[call-arg] Unexpected keyword argument "quote"',
    'fix44.Quote(quote_id="x", side=fix44.OrdType.LIMIT)': '[arg-type] Argument "side" to "Quote"',
    'fix44.Quote(quote_id="x", side="BUY")': '[arg-type] Argument "side" to "Quote"',
    'fix44.Quote(quote_id="x", transact_time="now")': '[arg-type] Argument "transact_time" to "Quote"',
    'fix44.Quote(quote_id="x", no_party_ids=[fix44.InstrmtLegGrp.NoLegs(leg_symbol="A")])': "[list-item] List item 0",
    "fix44.Quote(quote_id='x', bid_px=1.5)": '[arg-type] Argument "bid_px" to "Quote" has incompatible type "float"',
    "fix44.Quote(quote_id=None)": '[arg-type] Argument "quote_id" to "Quote"',
    'fix44.Quote("x")': "[call-arg] ",
    'fix44.Instrument(symbol="x")': "[arg-type] ",
    "order.sidee": '[attr-defined] "NewOrderSingle" has no attribute "sidee"',
    "order.side = None": "[assignment] ",
    "order.price = 1.5": "[assignment] ",
    "order.side = fix44.OrdType.LIMIT": "[assignment] ",
    'order.encode(sender_comp_id="A", target_comp_id="B", msg_seq_num=1)': "[call-arg] Missing named argument",
    'order.encode(sender_comp_id="A", target_comp_id="B", msg_seq_num=1, sending_time=1, x=1)': "[call-arg] Unexpected",
    "fix44.Nope": '[attr-defined] Module has no attribute "Nope"',
}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Run mypy once, on the program and all stubs; return {line: what it says}."""
    pytest.importorskip("mypy")
    folder = tmp_path_factory.mktemp("typed")
    program = folder / "program.py"
    program.write_text(HEAD + "\n".join(LINES) + "\n", encoding="utf-8")
    stubs = [str(ROOT / name.replace(".", "/") / "__init__.pyi") for name in GENERATED_PACKAGES]
    options = ["--strict", "--no-error-summary", "--no-pretty", "--cache-dir", str(folder / "cache")]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, str(program), *stubs],
        capture_output=True,
        text=True,
        env={**os.environ, "MYPYPATH": str(ROOT)},
        cwd=folder,
    )
    assert done.stderr == ""
    numbers = {str(HEAD.count("\n") + i): line for i, line in enumerate(LINES, start=1)}
    found: dict[str, str] = {}
    for text in done.stdout.splitlines():
        file, number, what, detail = (part.strip() for part in text.split(":", 3))
        assert file.endswith("program.py"), text  # the stubs have no errors
        assert number in numbers, text
        if what == "note" and not detail.startswith("Revealed"):
            continue
        if what == "error":
            detail, _, code = detail.rpartition("  ")
            detail = f"{code} {detail}"
        else:
            detail = "-> " + detail.partition('"')[2].rpartition('"')[0]
        found.setdefault(numbers[number], detail)
    return found


@pytest.mark.parametrize("line", LINES)
def test_mypy_knows_every_field(line: str, said: dict[str, str]) -> None:
    expected, found = LINES[line], said.get(line, "")
    for module in ("datetime", "decimal", "builtins", "fixfast.types", "fixfast.codec.message"):
        found = found.replace(f"{module}.", "")
    if expected.startswith("[") and expected != "[call-arg] ":
        assert found.startswith(expected.strip())
    elif expected.startswith("["):
        assert found.split(" ")[0] in ("[call-arg]", "[misc]")
    else:
        assert found == expected


def test_stubs_stay_small() -> None:
    """4.0 MB now: FIX 5.0 SP2 has half of it."""
    sizes = [(ROOT / name.replace(".", "/") / "__init__.pyi").stat().st_size for name in GENERATED_PACKAGES]
    assert sum(sizes) < 5_000_000
