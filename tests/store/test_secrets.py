"""What is blanked before it reaches a disk, and what stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixfast.codec.reference import secret as reference
from fixfast.store.secrets import blank_secrets, blank_texts, has_secrets, without_secrets

Fields = list[tuple[bytes, bytes]]


def build(fields: Fields) -> bytes:
    body = b"".join(tag + b"=" + value + b"\x01" for tag, value in fields)
    head = b"8=FIX.4.4\x019=%d\x01" % len(body) + body
    return head + b"10=%03d\x01" % (sum(head) % 256)


@pytest.mark.parametrize(
    ("fields", "blanked"),
    [
        ([(b"35", b"BE"), (b"554", b"pw"), (b"58", b"t")], [(b"35", b"BE"), (b"554", b"***"), (b"58", b"t")]),
        ([(b"35", b"A"), (b"95", b"4"), (b"96", b"a\x01=b")], [(b"35", b"A"), (b"95", b"3"), (b"96", b"***")]),
        ([(b"35", b"A"), (b"96", b"bare")], [(b"35", b"A"), (b"96", b"***")]),
        ([(b"35", b"A"), (b"93", b"2"), (b"89", b"xy")], [(b"35", b"A"), (b"93", b"3"), (b"89", b"***")]),
        ([(b"35", b"B"), (b"95", b"2"), (b"96", b"ok")], [(b"35", b"B"), (b"95", b"2"), (b"96", b"ok")]),
        ([(b"35", b"A"), (b"1401", b"1"), (b"1402", b"k")], [(b"35", b"A"), (b"1401", b"3"), (b"1402", b"***")]),
        (
            [(b"35", b"B"), (b"354", b"9"), (b"355", b"x\x01554=pw\x01"), (b"925", b"n")],
            [(b"35", b"B"), (b"354", b"9"), (b"355", b"x\x01554=pw\x01"), (b"925", b"***")],
        ),
    ],
)
def test_C8_secrets_are_blanked_and_the_message_stays_valid(fields: Fields, blanked: Fields) -> None:
    assert blank_secrets(build(fields)) == build(blanked)
    assert blank_secrets(build(fields) + build(blanked)) == build(blanked) * 2


def test_B5_8_what_only_looks_like_a_secret_is_kept() -> None:
    """A data field with such bytes, and a Logon without credentials: nothing is blanked, so nothing is held back."""
    for fields in ([(b"35", b"B"), (b"354", b"9"), (b"355", b"x\x01554=pw\x01")], [(b"35", b"A"), (b"98", b"0")]):
        raw = build(fields)
        assert has_secrets(raw)
        assert without_secrets(raw) is without_secrets(memoryview(raw)) is None
    secret = build([(b"35", b"BE"), (b"554", b"pw")])
    assert without_secrets(secret) == build([(b"35", b"BE"), (b"554", b"***")])
    assert without_secrets(build([(b"35", b"BE"), (b"554", b"***")])) == build([(b"35", b"BE"), (b"554", b"***")])
    assert without_secrets(build([(b"35", b"D")])) is None


def test_what_has_secrets() -> None:
    assert has_secrets(build([(b"35", b"A"), (b"98", b"0")]))
    for tag in (b"554", b"925", b"1402", b"1404"):
        assert has_secrets(memoryview(build([(b"35", b"D"), (tag, b"x")])))
    assert not has_secrets(build([(b"35", b"D"), (b"55", b"554=")]))
    assert not has_secrets(build([(b"35", b"AE"), (b"5540", b"x")]))


#: what a message with a secret is made of, and what is nearly that
PIECES = st.sampled_from(
    [b"\x01", b"554=", b"925=", b"1402=", b"1403=", b"1404=", b"35=A", b"35=AE", b"35=", b"5", b"=", b"14", b"x"]
)


@given(pieces=st.lists(PIECES, max_size=12))
def test_the_twins_find_the_same_secrets(pieces: list[bytes]) -> None:
    raw = b"".join(pieces)
    for n in range(len(raw) + 1):
        assert has_secrets(raw[:n]) is has_secrets(memoryview(raw)[:n]) is reference.has_secrets(raw[:n])


def test_only_bytes_have_secrets() -> None:
    with pytest.raises(TypeError):
        has_secrets("8=FIX.4.4")  # type: ignore[arg-type]


@given(noise=st.binary(max_size=80), secret=st.from_regex(rb"[a-z]{12}", fullmatch=True))
def test_C8_no_noise_lets_a_password_through(noise: bytes, secret: bytes) -> None:
    for raw in (noise + b"\x01554=" + secret + b"\x01" + noise, b"35=A\x01" + noise + b"\x01554=" + secret):
        assert secret not in blank_secrets(raw) or _hidden_in_data(raw)


def _hidden_in_data(raw: bytes) -> bool:
    """A length field in the noise may have swallowed the password into a data field: then it is data, not a field."""
    import re

    from fixfast.codec._data_pairs import DATA_PAIRS

    return any(re.search(rb"(?:^|\x01)%d=\d+\x01%d=" % pair, raw) for pair in DATA_PAIRS.items())


def test_C8_texts_are_masked_wherever_they_stand_and_the_message_stays_valid() -> None:
    said = [(b"35", b"5"), (b"58", b"canary, canary!"), (b"354", b"8"), (b"355", b"x\x01canary"), (b"927", b"no")]
    masked = [(b"35", b"5"), (b"58", b"***, ***!"), (b"354", b"5"), (b"355", b"x\x01***"), (b"927", b"no")]
    message = build(said)
    assert blank_texts(message, [b"canary", b"", b"no such text"]) == build(masked)
    assert blank_texts(message, [b"no such text"]) is message
