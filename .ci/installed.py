"""Use the installed wheel as a program would, from an empty folder: `python -I .ci/installed.py CHECKOUT`.

Every file that is opened is watched: nothing may come from the checkout, or it would be missing at a user's.
"""

from __future__ import annotations

import mmap
import sys
from pathlib import Path

CHECKOUT = Path(sys.argv[1]).resolve()
opened: list[Path] = []


def watch(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open" and isinstance(arguments[0], (str, bytes)):
        opened.append(Path(arguments[0] if isinstance(arguments[0], str) else arguments[0].decode()))


sys.addaudithook(watch)

import fixfast as ff  # noqa: E402
from fixfast import fix44  # noqa: E402
from fixfast.dictionary.compiled import blob_of  # noqa: E402
from fixfast.dictionary.load import SPEC_DIR, VERSIONS  # noqa: E402

ORDER = fix44.NewOrderSingle(
    cl_ord_id="x",
    symbol="EUR/USD",
    side=fix44.Side.BUY,
    transact_time=1_767_571_200 * 10**9,
    ord_type=fix44.OrdType.MARKET,
    order_qty=5,
    no_party_ids=[],
)
HEADER = {"sender_comp_id": "A", "target_comp_id": "B", "msg_seq_num": 7, "sending_time": 1_767_571_200 * 10**9}


def check() -> None:
    for name in ff.__all__:
        getattr(ff, name)
    raw = ff.encode("FIX.4.4", "D", [(fix44.Tag.ClOrdID, "x"), (fix44.Tag.Side, fix44.Side.BUY)])
    assert ff.parse(raw)[11] == "x"

    # the standard's dictionaries, compiled by the build
    assert all(isinstance(blob_of(version), mmap.mmap) for version in VERSIONS), "compiled dictionaries are missing"
    fault = ff.parse(raw).validate()
    assert fault is not None
    assert fault.reason == 1

    # typed messages
    order = ORDER.encode(**HEADER)
    m = ff.parse(order, validate=True)
    assert m.value(54) is fix44.Side.BUY
    assert fix44.NewOrderSingle.from_message(m) == ORDER
    assert ff.from_dict(m.to_dict()).raw == order

    # a broker's file, and a shipped overlay
    xml = (SPEC_DIR / "FIX44.xml").read_text(encoding="utf-8")
    field = '<field number="5001" name="AlgoName" type="CHAR"><value enum="A" description="TWAP"/></field>'
    xml = xml.replace("<fields>", f"<fields>{field}")
    xml = xml.replace('msgtype="D" msgcat="app">', 'msgtype="D" msgcat="app"><field name="AlgoName" required="Y"/>')
    Path("broker.xml").write_text(xml, encoding="utf-8")
    broker = ff.load_dictionary("broker.xml")
    fault = ff.parse(order, dictionary=broker).validate()
    assert fault is not None
    assert (fault.reason, fault.tag) == (1, 5001), fault
    assert ff.load_dictionary("FIX.4.2+auth").messages["BE"].name == "UserRequest"


check()
# The interpreter's own path may lie in the checkout (its .venv made this environment); its packages may not.
strays = [path for path in opened if path.resolve().is_relative_to(CHECKOUT) and ".venv" not in path.parts]
assert not strays, f"read from the checkout: {strays}"
assert not Path(ff.__file__).is_relative_to(CHECKOUT), ff.__file__
sys.stdout.write(
    f"fixfast {ff.__version__}: {len(ff.__all__)} names, {len(VERSIONS)} dictionaries, from {ff.__file__}\n"
)
