"""Which dictionary describes a message, on both codecs (rows V18, V26, V27); what peers choose costs bounded memory."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from copy import copy
from functools import cache
from typing import Any

import pytest

from fixfast.dictionary.load import load_dictionary
from fixfast.dictionary.model import Dictionary, Message
from fixfast.dictionary.versions import DictionarySet
from fixfast.errors import DictionaryError
from tests.codec.support import Codec, message
from tests.dictionary.blobs import group, member, model


@cache
def own() -> Dictionary:
    """Return a dictionary of which the groups tell that it was used."""
    return model(Message("D", "Order", "app", (group(453, member(9001)),)), trailer=[member(10)], pairs={9100: 9101})


def fixt(codec: Codec, msg_type: str, more: str = "", given: Any = None) -> Any:
    return codec.parse(message(f"35={msg_type}|{more}49=A|56=B|", "FIXT.1.1"), dictionary=given)


@pytest.mark.parametrize("version", ["FIX.4.0", "FIX.4.1", "FIX.4.2", "FIX.4.3", "FIX.4.4"])
def test_begin_string_decides(codec: Codec, version: str) -> None:
    m = codec.parse(message("35=D|1128=9|", version))
    assert m.dictionary is load_dictionary(version)
    assert not m.version_assumed


@pytest.mark.parametrize(
    ("code", "version"),
    [("7", "FIX.5.0"), ("8", "FIX.5.0SP1"), ("9", "FIX.5.0SP2"), ("6", "FIX.4.4"), ("2", "FIX.4.0")],
)
def test_v26_appl_ver_id_decides_for_fixt(codec: Codec, code: str, version: str) -> None:
    m = fixt(codec, "D", f"1128={code}|", DictionarySet(default="9", by_msg_type={"D": "8"}))
    assert m.dictionary.version == version
    assert m.dictionary.begin_string == "FIXT.1.1"
    assert not m.version_assumed


@pytest.mark.parametrize("msg_type", list("012345A"))
def test_v27_session_messages_follow_fixt_itself(codec: Codec, msg_type: str) -> None:
    for given in (None, DictionarySet(default="9", by_msg_type={msg_type: "8"})):
        for more in ("", "1128=9|", "1137=9|"):
            m = fixt(codec, msg_type, more, given)
            assert m.dictionary is load_dictionary("FIXT.1.1")
            assert not m.version_assumed


def test_the_default_of_the_msg_type_comes_before_that_of_the_session(codec: Codec) -> None:
    given = DictionarySet(default="7", by_msg_type={"8": "9"})
    assert fixt(codec, "8", given=given).dictionary.version == "FIX.5.0SP2"
    assert fixt(codec, "D", given=given).dictionary.version == "FIX.5.0"
    assert fixt(codec, "8", "1128=8|", given=given).dictionary.version == "FIX.5.0SP1"
    # as one run, so that the last choice is not taken for the next
    assert [fixt(codec, t, given=given).dictionary.version for t in "8D8D0D"] == [
        "FIX.5.0SP2", "FIX.5.0", "FIX.5.0SP2", "FIX.5.0", "FIXT.1.1", "FIX.5.0",
    ]  # fmt: skip


def test_without_any_appl_ver_id_sp2_is_assumed(codec: Codec) -> None:
    m = fixt(codec, "D")
    assert m.version_assumed
    assert m.dictionary is load_dictionary("FIX.5.0SP2")
    assert not fixt(codec, "D", "1128=9|").version_assumed, "the same dictionary, and not assumed"
    assert fixt(codec, "D").version_assumed
    assert not fixt(codec, "D", given=DictionarySet(default="9")).version_assumed


@pytest.mark.parametrize("code", ["0", "1", "10", "99", "x", "9" * 200, "\x009"])
def test_v18_an_appl_ver_id_of_nobody_is_read_as_sp2(codec: Codec, code: str) -> None:
    m = fixt(codec, "W", f"1128={code}|268=1|269=0|")
    assert m.dictionary.version == "FIX.5.0SP2"
    assert len(m.group(268)) == 1


def test_appl_ver_id_counts_wherever_it_stands(codec: Codec) -> None:
    """Its place is the validator's business."""
    m = codec.parse(message("35=D|49=A|56=B|11=x|1128=8|", "FIXT.1.1"))
    assert m.dictionary.version == "FIX.5.0SP1"


@pytest.mark.parametrize(
    "begin_string", ["FIX.9.9", "FIX", "FIXT.1.2", "FIXT.1.1\0", "FIXT.1.1\0\2", "FIX.4.4 ", "FIX/../x"]
)
def test_an_unknown_begin_string_has_no_dictionary(codec: Codec, begin_string: str) -> None:
    m = codec.parse(message("35=D|453=1|448=x|", begin_string))
    asks: list[Callable[[], Any]] = [
        lambda: m.dictionary,
        lambda: m.version_assumed,
        lambda: m.group(453),
        lambda: m.body(nested=True),
    ]
    for ask in asks:
        with pytest.raises(DictionaryError):
            ask()
    assert m[448] == "x"
    assert len(m.group(268)) == 0, "absent: nobody has to know it"


def test_a_dictionary_that_was_given_describes_everything(codec: Codec) -> None:
    for begin_string in ("FIX.4.4", "FIXT.1.1", "FIX.9"):
        m = codec.parse(message("35=D|453=1|9001=x|9100=3|9101=\x01=\x01|", begin_string), dictionary=own())
        assert m.dictionary is own()
        assert not m.version_assumed
        assert [list(entry) for entry in m.group(453)] == [[(9001, "x"), (9100, "3"), (9101, "\x01=\x01")]]


def test_a_users_dictionary_comes_before_the_standards(codec: Codec) -> None:
    given = DictionarySet(dictionaries={"FIX.4.4": own(), "8": own(), "FIX.9": own()})
    raw = message("35=D|453=1|9001=x|", "FIX.4.4")
    assert codec.parse(raw, dictionary=given).dictionary is own()
    assert codec.parse(message("35=D|", "FIX.9"), dictionary=given).dictionary is own()
    assert codec.parse(message("35=D|", "FIX.4.2"), dictionary=given).dictionary is load_dictionary("FIX.4.2")
    assert fixt(codec, "D", "1128=8|", given).dictionary is own()
    assert fixt(codec, "D", "1128=9|", given).dictionary is load_dictionary("FIX.5.0SP2")


def test_pairs_of_any_dictionary_of_a_set_hold_when_a_message_is_scanned(codec: Codec) -> None:
    given = DictionarySet(dictionaries={"8": own()})
    m = fixt(codec, "D", "1128=8|453=1|9001=x|9100=4|9101=\x011=y|", given)
    assert m.bytes(9101) == b"\x011=y"
    assert m.body()[-1] == (9101, b"\x011=y")


def test_what_is_no_dictionary_is_refused(codec: Codec) -> None:
    for unfit in ("FIX.4.4", 4):
        with pytest.raises(TypeError, match="dictionary must be a Dictionary"):
            codec.parse(message("35=D|"), dictionary=unfit)
        with pytest.raises(TypeError, match="dictionary must be a Dictionary"):
            codec.StreamDecoder(dictionary=unfit)


def test_a_mixed_stream_is_told_apart(codec: Codec) -> None:
    """Message by message, in any order: what was chosen for one is not taken for the next."""
    cases = [
        (message("35=D|1128=9|", "FIXT.1.1"), "FIX.5.0SP2"),
        (message("35=D|", "FIX.4.2"), "FIX.4.2"),
        (message("35=0|", "FIXT.1.1"), "FIXT.1.1"),
        (message("35=D|1128=7|", "FIXT.1.1"), "FIX.5.0"),
        (message("35=D|", "FIXT.1.1"), "FIX.5.0SP2"),
        (message("35=0|", "FIX.4.2"), "FIX.4.2"),
    ]
    decoder = codec.StreamDecoder()
    for step in (1, 5, 7, 11):
        order = [cases[i * step % len(cases)] for i in range(30)]
        decoder.feed(b"".join(raw for raw, _ in order))
        assert [m.dictionary.version for m in decoder] == [version for _, version in order]


@pytest.mark.parametrize("given", [None, DictionarySet(by_msg_type={"D": "9"})], ids=["standard", "by MsgType"])
@pytest.mark.parametrize(
    "made_up",
    ["35=D|1128=x{}|", "35=U{}|", "35=U{}|1128={}|", "35=U{}|1128=9|"],
    ids=["1128", "35", "both", "35 of a known"],
)
def test_a_peer_cannot_make_us_remember_what_it_makes_up(made_up: str, given: DictionarySet | None) -> None:
    codec = Codec("compiled")
    text = made_up + "268=1|269=0|"

    def run(first: int, n: int) -> None:
        for i in range(first, first + n):
            codec.parse(message(text.format(i, i), "FIXT.1.1"), dictionary=given).group(268)

    run(0, 1_000)  # what is remembered at most is remembered now
    tracemalloc.start()
    try:
        run(1_000, 2_000)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 20_000, "2,000 keys would be ten times as much"


def test_dictionaries_that_come_and_go_do_not_stay() -> None:
    """A program may make one for each connection: of how many of them something is kept is bounded."""
    codec = Codec("compiled")
    raw = message("35=D|453=1|9001=x|", "FIX.9")

    def alive() -> int:
        gc.collect()
        return sum(isinstance(item, Dictionary) for item in gc.get_objects())

    before = alive()
    for _ in range(60):
        dictionary = copy(own())
        given = DictionarySet(dictionaries={"FIX.9": dictionary})
        assert len(codec.parse(raw, dictionary=dictionary).group(453)) == 1
        assert len(codec.parse(raw, dictionary=given).group(453)) == 1
    del dictionary, given
    assert alive() <= before + 16
