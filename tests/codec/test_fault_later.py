"""`m.fault` of a decoder's message is looked for when it is read: always the one that counted at the receipt."""

from __future__ import annotations

import gc
import threading
from typing import Any

import pytest

from fixfast.dictionary.load import load_dictionary
from fixfast.dictionary.validation import Fault, Validation
from fixfast.dictionary.versions import DictionarySet
from tests.codec.support import Codec, message

WRONG = message("35=D|34=1|49=A|56=B|52=20260302-10:00:00|11=x|55=X|54=Z|60=20260302-10:00:00|40=1|38=1|")
RIGHT = WRONG.replace(b"54=Z", b"54=1").replace(b"10=" + WRONG[-4:-1], b"10=%03d" % ((int(WRONG[-4:-1]) + 215) % 256))
FAULT = Fault(5, 54, "Value is incorrect (out of range) for this tag")


def decoded(codec: Codec, data: bytes, validate: Any = True, dictionary: Any = None) -> tuple[Any, Any]:
    decoder = codec.StreamDecoder(dictionary, 1 << 20, validate)
    decoder.feed(data)
    return decoder, next(decoder)


def test_the_samples(codec: Codec) -> None:
    assert codec.parse(WRONG).validate() == FAULT
    assert codec.parse(RIGHT).validate() is None
    assert decoded(codec, RIGHT)[1].fault is None
    assert decoded(codec, WRONG, validate=False)[1].fault is None


def test_the_dictionary_is_that_of_the_receipt(codec: Codec) -> None:
    open_side = load_dictionary("FIX.4.4").overlay(fields={"Side": {"open": True}})
    for first, second, expected in ((None, open_side, FAULT), (open_side, None, None)):
        decoder, m = decoded(codec, WRONG, dictionary=first)
        decoder.dictionary = second
        assert m.fault == expected
        decoder.feed(WRONG)
        assert (next(decoder).fault is None) == (expected is not None)


def test_versions_are_those_of_the_receipt(codec: Codec) -> None:
    data = message("35=8|34=1|49=A|56=B|52=20260302-10:00:00|37=1|17=1|150=0|39=0|54=1|151=0|14=0|", "FIXT.1.1")
    faults = []
    for version in ("7", "9"):
        decoder, m = decoded(codec, data, dictionary=DictionarySet(version))
        decoder.dictionary = DictionarySet("2")
        faults.append(m.fault)
    assert faults == [codec.parse(data, dictionary=DictionarySet(version)).validate() for version in ("7", "9")]


def test_it_is_looked_for_once(codec: Codec) -> None:
    m = decoded(codec, WRONG)[1]
    assert m.fault == FAULT
    assert m.fault is m.fault


def test_other_rules_asked_for_meanwhile_do_not_count(codec: Codec) -> None:
    m = decoded(codec, WRONG, validate=Validation(level="structure"))[1]
    assert m.validate() == FAULT
    assert m.fault is None
    m = decoded(codec, WRONG)[1]
    assert m.validate(Validation(level="structure")) is None
    assert m.fault == FAULT


@pytest.mark.parametrize("before", ["kept", "detached", "alone"])
def test_the_bytes_are_those_of_the_receipt(codec: Codec, before: str) -> None:
    decoder = codec.StreamDecoder(validate=True)
    view = decoder.get_buffer(len(WRONG))
    view[: len(WRONG)] = WRONG
    del view
    decoder.buffer_updated(len(WRONG))
    m = next(decoder)
    if before == "detached":
        m.detach()
    for _ in range(200):  # three chunks
        view = decoder.get_buffer(len(RIGHT) * 4)
        view[: len(RIGHT) * 4] = RIGHT * 4
        del view
        decoder.buffer_updated(len(RIGHT) * 4)
        assert all(other.fault is None for other in decoder)
    if before == "alone":
        del decoder
        gc.collect()
    assert m.fault == FAULT


def test_reading_from_several_threads(codec: Codec) -> None:
    found: list[Any] = []
    ready = threading.Barrier(4)
    messages = [decoded(codec, data)[1] for data in (WRONG, RIGHT) * 50]

    def read() -> None:
        ready.wait()
        found.append([m.fault for m in messages])

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [[FAULT, None] * 50] * 4
