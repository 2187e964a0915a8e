"""Typed messages: what is read from messages, and what the objects are as values; how classes come to be."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import threading
from datetime import UTC, time
from decimal import Decimal
from typing import Any

import pytest

import fixfast as ff
from fixfast import fix44, fix50sp2
from fixfast.codec.typed_module import typed_module
from tests.codec.orders import HEAD, NOW, NS, order
from tests.codec.support import Codec

# --- from_message ----------------------------------------------------------------------------------------------


def message(body: str, msg_type: str = "D") -> ff.Message:
    text = f"35={msg_type}|49=A|56=B|34=1|52=20240102-03:04:05|{body}".replace("|", "\x01").encode(
        "utf-8", "surrogateescape"
    )
    raw = b"8=FIX.4.4\x019=%d\x01%s" % (len(text), text)
    return ff.parse(raw + b"10=%03d\x01" % (sum(raw) % 256))


BODY = "11=x|55=EUR/USD|54=1|60=20240102-03:04:05|40=2|"


def same(m: ff.Message) -> None:
    def sort(pairs: Any) -> Any:
        return sorted((tag, [sort(e) for e in v] if isinstance(v, list) else v) for tag, v in pairs)

    assert sort(fix44.NewOrderSingle.from_message(m).body()) == sort(m.body(nested=True))


@pytest.mark.parametrize(
    ("body", "name", "expected", "extra"),
    [
        ("44=01.500|", "price", Decimal("1.500"), []),
        ("44=abc|", "price", "abc", []),
        ("38=|", "order_qty", "", []),
        ("59=Q|", "time_in_force", "Q", []),
        (
            "60=20240102-03:04:05.123456789|",
            "transact_time",
            NOW.replace(microsecond=0),
            [(60, "20240102-03:04:05.123456789")],
        ),
        ("423=99|", "price_type", 99, []),
        ("18=G ?|", "exec_inst", (fix44.ExecInst.ALL_OR_NONE, "?"), []),
        ("18=G  1|", "exec_inst", "G  1", []),
        ("9001=a|9001=b|", "price", None, [(9001, "a"), (9001, "b")]),
        ("58=a|58=b|", "text", "a", [(58, "b")]),
        ("453=0|", "no_party_ids", (), []),
        ("453=2|15=EUR|", "no_party_ids", (), [(453, "2")]),
        ("453=x|", "no_party_ids", (), [(453, "x")]),
        ("50=desk|97=Y|", "price", None, [(50, "desk"), (97, "Y")]),
        ("354=3|355=a\x01b|", "encoded_text", b"a\x01b", []),
        ("58=\udcff|", "text", "\udcff", []),
        ("999=1|", "price", None, [(999, "1")]),
        ("453=1|448=A|9001=q|", "price", None, []),
    ],
)
def test_nothing_of_a_message_is_lost(body: str, name: str, expected: Any, extra: list[Any]) -> None:
    m = message(BODY + body)
    read = fix44.NewOrderSingle.from_message(m)
    assert getattr(read, name) == expected
    assert read.extra == extra
    same(m)


def test_required_fields_may_be_missing_in_what_was_received() -> None:
    read = fix44.NewOrderSingle.from_message(message("11=x|"))
    assert read.side is None
    assert read.body() == [(11, "x")]


def test_groups_are_read_at_any_depth_and_entries_keep_their_strangers() -> None:
    m = message(BODY + "453=2|448=A|9001=q|802=1|523=S|9002=r|448=B|447=D|58=t|")
    same(m)
    read = fix44.NewOrderSingle.from_message(m)
    first, second = read.no_party_ids
    assert (first.party_id, first.extra) == ("A", [(9001, "q")])
    assert first.no_party_sub_ids[0].extra == [(9002, "r")]
    assert (second.party_id_source, read.text) == (fix44.PartyIDSource.PROPRIETARY, "t")


def test_entries_are_read_by_themselves() -> None:
    m = message(BODY + "453=1|448=A|9001=q|802=2|523=S|803=1|523=T|")
    entry = fix44.Parties.NoPartyIDs.from_message(m.group(453)[0])
    assert entry == fix44.NewOrderSingle.from_message(m).no_party_ids[0]
    assert [sub.party_sub_id for sub in entry.no_party_sub_ids] == ["S", "T"]
    assert entry.body() == [(448, "A"), (9001, "q"), (802, [[(523, "S"), (803, "1")], [(523, "T")]])]


def test_groups_of_a_brokers_dictionary_are_kept() -> None:
    d = ff.load_dictionary("FIX.4.4").overlay(
        fields={"NoOwn": {"tag": 9100, "type": "NUMINGROUP"}, "Own": {"tag": 9101, "type": "STRING"}},
        messages={"NewOrderSingle": {"groups": [{"name": "NoOwn", "members": ["Own!"]}]}},
    )
    raw = message(BODY + "9100=2|9101=a|9101=b|").raw
    m = ff.parse(raw, dictionary=d)
    read = fix44.NewOrderSingle.from_message(m)
    assert read.extra == [(9100, [[(9101, "a")], [(9101, "b")]])]
    same(m)
    assert ff.parse(read.encode(**HEAD), dictionary=d).group(9100)[1][9101] == "b"


def test_messages_of_either_codec_are_read_alike(codec: Codec) -> None:
    raw = message(BODY + "453=2|448=A|9001=q|1402=\udcff|802=1|523=S|448=B|58=t|").raw  # 355: data, and not of an entry
    m = codec.parse(raw)
    read = fix44.NewOrderSingle.from_message(m)
    assert read == fix44.NewOrderSingle.from_message(ff.parse(raw))
    assert [fix44.Parties.NoPartyIDs.from_message(entry) for entry in m.group(453)] == list(read.no_party_ids)


def test_a_session_sends_a_body_as_it_is(codec: Codec) -> None:
    made = order(no_party_ids=[fix44.Parties.NoPartyIDs(party_id="A")], extra=[(50, "desk"), (9001, "x")])
    header = [(49, "A"), (56, "B"), (34, 7), (52, NOW)]
    raw = codec.encode_session("FIX.4.4", made.msg_type, header, made.body())
    m = codec.parse(raw)
    assert [tag for tag, _ in m][:8] == [8, 9, 35, 49, 56, 34, 52, 50]
    assert fix44.NewOrderSingle.from_message(m) == made


def test_another_message_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^a message of type '8' is no NewOrderSingle \(D\)$"):
        fix44.NewOrderSingle.from_message(message("37=1|", "8"))


# --- as values -------------------------------------------------------------------------------------------------


def test_equality_is_of_meaning() -> None:
    assert order() == order(price="1.5", side="1", transact_time=NS // 1_000_000 * 1_000_000)
    assert order() != order(price="1.6")
    assert order() != order(account="x")
    assert order() != order(extra=[(9001, "x")])
    assert order() != "x"
    assert order() != fix50sp2.NewOrderSingle(
        cl_ord_id="x", symbol="EUR/USD", side="1", transact_time=NOW, ord_type="2", price="1.5"
    )
    with pytest.raises(TypeError, match="unhashable"):
        hash(order())


def test_repr_names_the_fields_and_masks_secrets() -> None:
    made = fix44.Logon(
        encrypt_method="0", heart_bt_int=30, raw_data=b"signature", password="hunter2", extra=[(925, "n")]
    )
    assert repr(made) == (
        "Logon(encrypt_method=<EncryptMethod.NONE: '0'>, heart_bt_int=30, raw_data_length=***, raw_data=***, "
        "password=***, extra=[(925, '***')])"
    )
    assert repr(fix44.Parties.NoPartyIDs(party_id="A")) == "Parties.NoPartyIDs(party_id='A')"
    assert repr(fix44.NewOrderSingle.price) == "<Price (44) decimal>"
    assert repr(fix44.NewOrderSingle.no_party_ids) == "<NoPartyIDs (453) group>"


def test_copies_and_pickles_are_equal_and_apart() -> None:
    made = order(no_party_ids=[fix44.Parties.NoPartyIDs(party_id="A")], extra=[(9001, "x")])
    for other in (copy.copy(made), copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert other == made
        other.price = Decimal(9)
        other.extra.append((9002, "y"))
        assert made.price == Decimal("1.50")
        assert made.extra == [(9001, "x")]


def test_open_fields_take_other_values_and_names_with_punctuation_work() -> None:
    module: dict[str, Any] = {"__name__": "example"}
    fields = "Kind=9000:c*~ Yield=236:n Body=9001 Word=9002:S*~ Reason=9003:i*~"
    enums = "Kind|A=a|B=b\nWord|X=xx|Y=yy\nReason|OTHER=99"
    _, get, _ = typed_module(module, "FIX.4.4", fields, "News=B", enums, "News|B|9000 236 9001 9002 9003")
    news = get("News")
    made = news(kind="z", yield_="1", body_="t", word=["xx", "zz"], reason=150)
    assert made.body() == [(9000, "z"), (236, "1"), (9001, "t"), (9002, "xx zz"), (9003, "150")]
    assert made.kind == "z"
    assert made.word == (get("Word").X, "zz")
    assert made.reason == 150
    made.reason = "99"
    assert made.reason is get("Reason").OTHER
    for name, value in [("reason", "x"), ("kind", "zz"), ("kind", ""), ("word", "a  b")]:
        with pytest.raises(ff.EncodeError, match=f"{name.title()} .900.*: .* expected"):
            setattr(made, name, value)


def test_kinds_without_codes_say_what_they_take() -> None:
    module: dict[str, Any] = {"__name__": "example"}
    kinds = "char:c int:i uint:u day:d words:S tzstamp:Z tztime:z local:L utc:T"
    fields = " ".join(
        f"{name}={tag}:{kind}" for tag, (name, kind) in enumerate((k.split(":") for k in kinds.split()), 1)
    )
    _, get, _ = typed_module(module, "FIX.4.4", fields, "News=B", "", "News|B|1 2 3 4 5 6 7 8 9")
    news = get("News")
    made = news(char="x", int=-1, uint=0, day=31, words="a b", tzstamp=NS, tztime=time(3, 4), utc=time(3, tzinfo=UTC))
    assert made.body()[:8] == [
        (1, "x"), (2, -1), (3, 0), (4, 31), (5, "a b"), (6, "20240102-03:04:05.678901234Z"), (7, "03:04:00"),
        (9, time(3, tzinfo=UTC)),
    ]  # fmt: skip
    assert made.value_ns("tzstamp") == NS
    wrong = [
        ("char", "xy", "one byte"), ("int", "1", "int expected, not a str"), ("int", True, "int expected"),
        ("uint", -1, "digits"), ("day", 32, "1 to 31"), ("words", [1], "a list of str expected, not of int"),
        ("words", ["a b", "c"], "separated by single spaces"), ("tzstamp", "x", "a datetime, or ns"),
        ("tztime", 5, "a time expected, not an int"), ("local", time(3, tzinfo=UTC), "a local time has no time zone"),
        ("utc", time(3), "UTCTIMEONLY is UTC"),
    ]  # fmt: skip
    for name, value, text in wrong:
        with pytest.raises(ff.EncodeError, match=text):
            news(**{name: value})


def test_bad_times_are_compared_as_text() -> None:
    one, other = (fix44.NewOrderSingle.from_message(message(BODY.replace("03:04:05", text))) for text in ("x", "y"))
    assert one == copy.copy(one)
    assert one != other
    with pytest.raises(ValueError, match=r"TransactTime \(60\): YYYYMMDD"):
        one.value_ns("transact_time")


def test_a_plain_field_that_a_brokers_dictionary_makes_a_group_is_kept() -> None:
    d = ff.load_dictionary("FIX.4.4").overlay(
        fields={"Own": {"tag": 9101, "type": "STRING"}},
        messages={"NewOrderSingle": {"remove": ["MinQty"], "groups": [{"name": "MinQty", "members": ["Own!"]}]}},
    )
    m = ff.parse(message(BODY + "110=1|9101=a|").raw, dictionary=d)
    assert fix44.NewOrderSingle.from_message(m).extra == [(110, [[(9101, "a")]])]


def test_importing_a_version_costs_little() -> None:
    """Neither the compiled codec, nor the model, nor numbers and dates: a program may want two tags."""
    heavy = "decimal datetime dataclasses fixfast.dictionary.model fixfast.dictionary.load fixfast.codec.encode".split()
    program = "import sys; from fixfast import fix50sp2; fix50sp2.Side; fix50sp2.Tag; "
    program += f"print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_threads_build_one_class() -> None:
    module: dict[str, Any] = {"__name__": "example"}
    _, get, _ = typed_module(module, "FIX.4.4", "A=1 B=2 C=3", "News=B", "", "News|B|Part! 2( 3 )\nPart||1")
    barrier = threading.Barrier(4)
    found: list[Any] = []

    def look() -> None:
        barrier.wait()
        found.append((get("News"), get("News").B, get("Part")))

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1


def test_what_a_class_remembers_of_orders_is_bounded() -> None:
    names = [name for name, item in fix44.News.layout.attributes.items() if type(item).__name__ == "FieldAttribute"]
    for i in range(len(names)):
        for j in range(i):
            made = fix44.News.__new__(fix44.News)
            made.kept, made.extra = {names[i]: "1", names[j]: "1"}, []
            assert len(made.body()) == 2
    assert len(fix44.News.layout._plans) <= 256
