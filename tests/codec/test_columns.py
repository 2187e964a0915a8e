"""index() and decode_columns(): both implementations, against parse() and StreamDecoder, and against each other."""

from __future__ import annotations

import ctypes
import mmap
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

import fixfast as ff
from fixfast.codec.scan import kernels
from fixfast.types import GarbledReason
from tests.codec.mutate import mutated, repaired
from tests.codec.support import Codec, message, wire_fields
from tests.codec.test_corpora import MARKET_DATA, ORDERS, corpus

KINDS = {
    35: "S", 55: "S", 11: "S8", 58: "S70", 38: "int", 34: "int", 44: "float", 6: "scaled", 270: "scaled:4", 52: "time",
    43: "bool", 10: "S", 9: "int", 8: "S9", 96: "S3", 65571: "S", 268: "int", 269: "S",
}  # fmt: skip


def order(seq: int, random: Random) -> bytes:
    price = f"{random.randrange(10**6)}.{random.randrange(10 ** random.choice((1, 4, 8)))}"
    fields = [
        "35=D", f"34={seq}", "49=A", "56=B", f"52=20260105-10:00:{random.randrange(60):02}.{random.randrange(1000):03}",
        f"11=id{random.randrange(10**random.choice((3, 9)))}",
        f"55={random.choice(('EUR/USD', 'AAPL', 'A rather long symbol, longer than eight', 'Zürich', ''))}"
        if random.random() < 0.9 else "58=no symbol",
        random.choice(("43=Y", "43=N", "43=X", "59=0")), f"38={random.randrange(-10, 10**5)}",
        f"44={random.choice((price, '1e5', '-0', '.5', '123456789012345678901.5', '12345678901234567890'))}",
        f"6={price}", f"270={price}", "38=7", random.choice(("95=3\x0196=a\x01b", "65571=far away", "60=x")),
    ]  # fmt: skip
    return message("\x01".join(f for f in fields if not f.endswith("55=")).encode("utf-8") + b"\x01")


def log(count: int = 300, seed: int = 4) -> bytes:
    random = Random(seed)
    return b"".join(order(i, random) for i in range(count))


def flat(result: Any) -> dict[str, Any]:
    """Return every array of an Index or Columns by a name, texts as tuples."""
    found: dict[str, Any] = {"offset": result.offset}
    found |= {f"garbled.{name}": getattr(result.garbled, name) for name in ("offset", "size", "reason")}
    if isinstance(result, ff.Index):
        found |= {name: getattr(result, name) for name in ("size", "first", "tag", "start", "end")}
        return found | {"codes": result.msg_type.codes, "types": result.msg_type.categories}
    found["malformed"] = result.malformed
    for tag, column in result.items():
        parts = column if isinstance(column, tuple) else (column,)
        found |= {f"{tag}.{i}": part for i, part in enumerate(parts)} | {f"{tag}.valid": result.valid[tag]}
    return found


def assert_same(one: Any, other: Any) -> None:
    a, b = flat(one), flat(other)
    assert a.keys() == b.keys()
    for name, value in a.items():
        if isinstance(value, np.ndarray):
            assert value.dtype == b[name].dtype, name
            np.testing.assert_array_equal(value, b[name], err_msg=name)
        else:
            assert value == b[name], name


def assert_twins(twins: tuple[Codec, Codec], data: bytes, **options: Any) -> None:
    reference, compiled = twins
    exact = bytearray(data)  # its end is the end of an allocation
    assert_same(compiled.index(exact, **options), reference.index(data, **options))
    assert_same(compiled.index(exact, fields=False, **options), reference.index(data, fields=False, **options))
    assert_same(compiled.decode_columns(exact, KINDS, **options), reference.decode_columns(data, KINDS, **options))


def as_log(data: bytes, delimiter: bytes = b"|", seed: int = 1) -> bytes:
    random = Random(seed)
    parts = [b"10:00:00.%03d IN  " % random.randrange(1000) + m for m in messages(data)]
    return b"\n".join(parts).replace(b"\x01", delimiter) + b"\n\nnothing here\n"


def messages(data: bytes) -> Iterator[bytes]:
    starts = [*ff.index(data).offset.tolist(), len(data)]
    return (data[a:b] for a, b in pairwise(starts))


# --- what they say -------------------------------------------------------------------------------------------


def test_each_kind(codec: Codec) -> None:
    data = message("35=D|34=1|55=EUR/USD|11=abc|38=100|44=1.50|52=20260105-10:00:00.123456789|43=Y|")
    data += message("35=8|34=2|55=AAPL|11=much too long|38=x|44=1.5e3|52=20260230-10:00:00|43=y|")
    data += message("35=D|34=3|")
    kinds = {55: "S", 11: "S8", 38: "int", 44: "float", 52: "time", 43: "bool", 35: "S"}
    table = codec.decode_columns(data, kinds)
    assert list(table) == list(kinds)
    assert table.rows == 3
    assert table[55].codes.tolist() == [0, 1, -1]
    assert table[55].categories == ("EUR/USD", "AAPL")
    assert [table[35].categories[i] for i in table[35].codes] == ["D", "8", "D"]
    assert table[11].tolist() == [b"abc", b"", b""]
    assert table[11].dtype == "S8"
    assert table[38].tolist() == [100, 0, 0]
    assert table[44].tolist()[0] == 1.5
    assert np.isnan(table[44][1:]).all()
    assert table[52].tolist()[0] == 1767607200123456789
    assert np.isnat(table[52][1:]).all()
    assert table[43].tolist() == [True, False, False]
    for tag in (11, 38, 44, 52, 43):
        assert table.valid[tag].tolist() == [True, False, False]
        assert table.malformed[tag] == 1
    assert table.valid[55].tolist() == [True, True, False]
    assert table.malformed[55] == 0


def test_decimals_are_exact(codec: Codec) -> None:
    texts = ["1.50", "-0.5", ".25", "3.", "9223372036854775807", "9223372036854775808", "1.23456", "-0", "", "1-"]
    data = b"".join(message(f"35=D|44={text}|") for text in texts)
    exact = codec.decode_columns(data, {44: "scaled"})
    assert exact[44].mantissa.tolist() == [150, -5, 25, 3, 9223372036854775807, 0, 123456, 0, 0, 0]
    assert exact[44].exponent.tolist() == [-2, -1, -2, 0, 0, 0, -5, 0, 0, 0]
    assert exact.malformed == {44: 3}
    fixed = codec.decode_columns(data, {44: "scaled:2"})
    assert fixed[44].tolist() == [150, -50, 25, 300, 0, 0, 0, 0, 0, 0]
    assert fixed.valid[44].tolist() == [True] * 4 + [False] * 3 + [True, False, False]


def test_quick_ways_say_what_the_judge_says(twins: tuple[Codec, Codec]) -> None:
    """Numbers of 1 to 20 characters, with a point anywhere, or something else; times of every length and day."""
    random = Random(11)
    texts = [f"{'-' * (k & 1)}{10**n - 1 - k}" for n in range(1, 20) for k in range(2)]
    texts += [text[:k] + c + text[k:] for text in texts for c in (".", "x", "\x00", "-") for k in range(len(text) + 1)]
    texts += ["", "-", ".", "-.", "..", "1..2", "-0", "-0.0", "00001", "0" * 16, "0" * 17, "9" * 16]
    days = ["20260105", "20260106", "20240229", "20230229", "16770921", "16770922", "22620411", "22620412", "\0" * 8]
    times = ["00:00:00", "23:59:59", "23:59:60", "24:00:00", "00:60:00", "1a:00:00", "12-00:00", "00:12:43", "23:47:16"]
    decimals = [
        "",
        ".",
        ".1",
        ".123",
        ".12x",
        ".1234",
        ".123456",
        ".12345678",
        ".854775807",
        ".854775808",
        ".12345678x",
    ]
    stamps = [f"{d}-{t}{f}" for d in days for t in times for f in decimals]
    stamps += [stamp.replace("-", " ") for stamp in random.sample(stamps, 20)]
    data = b"".join(message(b"35=D\x0144=%b\x01" % text.encode()) for text in texts)
    for kind in ("int", "float", "scaled", "scaled:3", "S1", "S5", "S8", "S16", "S17", "S"):
        columns = {44: kind, 10: "int", 9: "float"}
        exact = bytearray(data)
        assert_same(twins[1].decode_columns(exact, columns), twins[0].decode_columns(data, columns))
    data = b"".join(message(b"35=D\x0152=%b\x01" % text.encode()) for text in stamps)
    assert_same(twins[1].decode_columns(bytearray(data), {52: "time"}), twins[0].decode_columns(data, {52: "time"}))


def test_first_occurrence_wins_though_another_tag_has_the_same_low_bits(codec: Codec) -> None:
    data = message(f"35=D|{55 + 65536}=alias|55=a|{55 + 65536}=other|55=b|") + message(f"35=D|{55 + 65536}=alias|")
    table = codec.decode_columns(data, {55: "S4"})
    assert table[55].tolist() == [b"a", b""]
    both = codec.decode_columns(data, {55: "S4", 55 + 65536: "S5"})
    assert both[55].tolist() == [b"a", b""]
    assert both[55 + 65536].tolist() == [b"alias", b"alias"]


def test_index_leads_to_every_field(codec: Codec) -> None:
    data = log(50)
    index = codec.index(data)
    assert len(index) == 50
    for i, (offset, size) in enumerate(zip(index.offset.tolist(), index.size.tolist(), strict=True)):
        m = ff.parse(data[offset : offset + size])
        rows = range(index.first[i], index.first[i + 1])
        values = [(int(index.tag[k]), data[offset + index.start[k] : offset + index.end[k]]) for k in rows]
        assert values == wire_fields(m)
        assert index.msg_type.categories[index.msg_type.codes[i]] == m.msg_type


def test_garbled_is_what_a_decoder_says(codec: Codec) -> None:
    random = Random(7)
    for _ in range(30):
        parts = [order(i, random) for i in range(6)]
        parts[2] = mutated(parts[2], parts[3], random)
        parts[4] = repaired(mutated(parts[4], parts[1], random))
        data = b"".join(parts)
        decoder = ff.StreamDecoder()
        decoder.feed(data)
        expected = [(m.offset, len(m.raw), m.reason) if isinstance(m, ff.Garbled) else m.raw for m in decoder]
        index = codec.index(data)
        garbled = index.garbled
        found = [
            (offset, size, list(GarbledReason)[reason])
            for offset, size, reason in zip(
                garbled.offset.tolist(), garbled.size.tolist(), garbled.reason.tolist(), strict=True
            )
            if list(GarbledReason)[reason] is not GarbledReason.TRUNCATED
        ]
        whole = [data[o : o + n] for o, n in zip(index.offset.tolist(), index.size.tolist(), strict=True)]
        truncated = GarbledReason.TRUNCATED in garbled.counts()
        if not truncated:  # a decoder would wait for more
            assert found == [item for item in expected if isinstance(item, tuple)]
            assert whole == [item for item in expected if isinstance(item, bytes)]
        assert sum(garbled.counts().values()) == len(garbled)


def test_message_that_is_not_whole_does_not_swallow_others(codec: Codec) -> None:
    one = message("35=0|34=1|")
    data = one + b"8=FIX.4.4\x019=99999\x0135=D\x01" + one + one + one[:-1]
    index = codec.index(data)
    assert len(index) == 3
    assert index.garbled.counts() == {GarbledReason.TRUNCATED: 2}


def test_nothing_in_nothing_out(codec: Codec) -> None:
    for data in (b"", b"\x01", b"8=F", b"nothing at all"):
        index = codec.index(data)
        assert len(index) == 0
        assert index.first.tolist() == [0]
        assert codec.decode_columns(data, KINDS).rows == 0
    assert list(codec.decode_columns(message("35=0|"), {})) == []
    assert codec.decode_columns(message("35=0|"), {}).rows == 1


@pytest.mark.parametrize("delimiter", [b"|", b"^A", b";", b"~", b"\t", b"\x01"])
def test_logs_with_prefixes_and_other_delimiters(codec: Codec, delimiter: bytes) -> None:
    data = log(40)
    text = as_log(data, delimiter)
    plain = codec.decode_columns(data, KINDS)
    table = codec.decode_columns(text, KINDS, delimiter=delimiter, lines=True)
    assert table.rows == 40
    assert len(table.garbled) == 0
    for tag in KINDS:
        if not isinstance(plain[tag], tuple):
            np.testing.assert_array_equal(table[tag], plain[tag])
    index = codec.index(text, delimiter=delimiter, lines=True)
    for i, offset in enumerate(index.offset.tolist()):
        assert text[offset : offset + 5] == b"8=FIX"
        assert text[offset : offset + int(index.size[i])].endswith(delimiter)
        for k in range(index.first[i], index.first[i + 1]):
            start = offset + int(index.start[k])
            assert text[:start].endswith(b"%d=" % index.tag[k])
            assert text.startswith(delimiter, offset + int(index.end[k]))


def test_a_value_that_begins_with_8_is_no_start_between_lines(codec: Codec) -> None:
    data = b"x " + message("35=D|58=FIX|") + b"\n58=FIX\n" + message("35=0|")
    assert len(codec.index(data, lines=True)) == 2
    assert len(codec.index(data, lines=True).garbled) == 0


def test_every_kind_of_buffer(codec: Codec, tmp_path: Path) -> None:
    data = log(20)
    path = tmp_path / "log.fix"
    path.write_bytes(data)
    expected = codec.index(data)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert_same(codec.index(mapped), expected)
    for buffer in (bytearray(data), memoryview(b"x" + data)[1:], np.frombuffer(data, np.uint8)):
        assert_same(codec.index(buffer), expected)


def test_bad_arguments_are_refused(codec: Codec) -> None:
    data = message("35=0|")
    for kinds in ({55: "string"}, {55: "S0"}, {55: "scaled:19"}, {55: "S10000"}, {55: None}, {0: "S"}, {10**9: "S"}):
        with pytest.raises(ValueError):
            codec.decode_columns(data, kinds)
    with pytest.raises(ValueError, match="at most 250"):
        codec.decode_columns(data, dict.fromkeys(range(1, 300), "S"))
    wrong: tuple[Any, ...] = ([55], {"55": "S"}, {True: "S"})
    for kinds in wrong:
        with pytest.raises(TypeError):
            codec.decode_columns(data, kinds)
    for options in ({"delimiter": b"x"}, {"delimiter": "|"}, {"threads": 0}, {"max_message_size": 0}):
        with pytest.raises(ValueError):
            codec.index(data, **options)
    for buffer in ("text", 5, memoryview(b"text")[::2], np.zeros((4, 4), np.uint8)[:, 1]):
        with pytest.raises(TypeError):
            codec.index(buffer)
    with pytest.raises(TypeError):
        codec.index(data, dictionary="FIX.4.4")


def test_limits_hold(codec: Codec) -> None:
    long = message("35=0|58=" + "x" * 200 + "|")
    assert codec.index(long, max_message_size=100).garbled.counts() == {GarbledReason.TOO_LARGE: 1}
    many = message(b"35=0\x01" + b"1=\x01" * 65533)
    assert codec.index(many).garbled.counts() == {GarbledReason.TOO_MANY_FIELDS: 1}
    most = message(b"35=0\x01" + b"1=\x01" * 65532)
    assert codec.index(most).first.tolist() == [0, 65536]


# --- both say the same ---------------------------------------------------------------------------------------


def test_damage_is_judged_the_same(twins: tuple[Codec, Codec]) -> None:
    random = Random(20260105)
    for round_ in range(400):
        parts = [order(i, random) for i in range(4)]
        for i in range(4):
            if random.random() < 0.5:
                parts[i] = mutated(parts[i], parts[i - 1], random)
                if random.random() < 0.5:
                    parts[i] = repaired(parts[i])
        data = b"".join(parts)
        options: dict[str, Any] = {}
        if round_ % 2:
            delimiter = random.choice([b"|", b"^A"])
            data = random.choice([b"", b"> "]).join([b"", *parts]).replace(b"\x01", delimiter)
            options = {"delimiter": delimiter, "lines": random.random() < 0.6}
        elif round_ % 4 == 0:
            options = {"lines": True}
        assert_twins(twins, data[: random.choice((len(data), random.randrange(len(data))))], **options)


def test_bad_frames_inside_each_other_are_bounded_the_same(twins: tuple[Codec, Codec]) -> None:
    inner = b"8=FIX.4.4\x019=5\x0135=0\x0110=000\x01"
    for count in (14, 15, 16, 17, 18, 40):
        data = message("35=0|") + b"8=FIX.4.4\x019=%d\x0135=0\x01" % (5 + len(inner) * count) + inner * count
        data += b"10=000\x01" + message("35=0|34=2|")
        assert_twins(twins, data)
        assert_twins(twins, data, lines=True)
        assert_twins(twins, data.replace(b"\x01", b"^A"), delimiter=b"^A")


@pytest.mark.parametrize("threads", [2, 3, 8])
def test_threads_change_nothing(threads: int) -> None:
    random = Random(threads)
    data = log(3000, seed=threads)
    assert len(data) > 7 * 65536
    hidden = message(b"35=n\x01212=%d\x01213=%b\x01" % (len(data), data))  # starts that are none
    broken = b"".join(mutated(m, data[:300], random) if random.random() < 0.05 else m for m in messages(data))
    for text in (data, broken, hidden + data, data + hidden, b"\n".join(messages(data))):
        for lines in (False, True):
            options: dict[str, Any] = {"lines": lines, "max_message_size": 1 << 22}
            assert_same(ff.index(text, threads=threads, **options), ff.index(text, **options))
            assert_same(
                ff.decode_columns(text, KINDS, threads=threads, **options), ff.decode_columns(text, KINDS, **options)
            )


@pytest.mark.parametrize("name", [MARKET_DATA, ORDERS])
def test_real_logs_against_a_decoder(name: str) -> None:
    data = corpus(name)
    decoder = ff.StreamDecoder()
    decoder.feed(data)
    expected: list[Any] = list(decoder)
    table = ff.decode_columns(data, {35: "S", 34: "int", 52: "time", 268: "int", 270: "scaled", 49: "S16"}, threads=2)
    assert table.rows == len(expected)
    assert len(table.garbled) == 0
    for i, m in enumerate(expected):
        assert table[35].categories[table[35].codes[i]] == m.msg_type
        assert table[34][i] == m.int(34, 0)
        assert table.valid[34][i] == (34 in m)
        if 52 in m:
            assert table[52][i].astype(int) == m.time_ns(52)
        assert table[49][i] == m.get(49, "").encode()
        assert table.valid[270][i] == (270 in m)
        if 270 in m:
            mantissa, exponent = int(table[270].mantissa[i]), int(table[270].exponent[i])
            assert Decimal(mantissa).scaleb(exponent).compare_total(m.decimal(270)) == 0


@pytest.mark.parametrize("name", [MARKET_DATA, ORDERS])
def test_real_logs_are_read_the_same(twins: tuple[Codec, Codec], name: str) -> None:
    assert_twins(twins, corpus(name)[:300_000])


def test_memory_grows_when_a_log_does_not_go_on_as_it_began() -> None:
    """Thin messages, then dense ones: what was expected is too little, several times."""
    thin = message("35=B|58=" + "x" * 3000 + "|") * 200
    dense = message("35=W|268=40|" + "".join(f"269={k % 2}|270={k}|271=5|" for k in range(40))) * 8000
    parts, whole = (ff.index(thin), ff.index(dense)), ff.index(thin + dense)
    assert len(whole) == 8200
    for name in ("size", "tag", "start", "end"):
        np.testing.assert_array_equal(getattr(whole, name), np.concatenate([getattr(part, name) for part in parts]))
    assert_same(ff.index(thin + dense, threads=2), whole)
    beats = message("35=0|34=7|") * 150_000
    table = ff.decode_columns(thin + beats, {34: "int", 58: "S16", 35: "S"})
    assert table[34].tolist() == [0] * 200 + [7] * 150_000
    assert table[35].categories == ("B", "0")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mprotect")
def test_nothing_behind_the_buffer_is_read() -> None:
    """The buffer ends where a page ends behind which nothing may be read: a byte too far ends the process."""
    libc, page = ctypes.CDLL(None, use_errno=True), mmap.PAGESIZE
    room = mmap.mmap(-1, 3 * page)
    base = ctypes.addressof(ctypes.c_char.from_buffer(room))
    assert libc.mprotect(ctypes.c_void_p(base + 2 * page), ctypes.c_size_t(page), 0) == 0
    data = log(6)
    assert len(data) < 2 * page
    others: dict[str, Any] = {"delimiter": b"|", "lines": True}
    for text, options in ((data, {}), (as_log(data), others)):
        for size in (*range(len(text), len(text) - 90, -1), *range(150)):
            ctypes.memmove(base + 2 * page - size, text, size)
            edge = memoryview((ctypes.c_char * size).from_address(base + 2 * page - size))
            expected = bytes(edge)
            assert_same(ff.index(edge, **options), ff.index(expected, **options))
            assert_same(ff.index(edge, fields=False, **options), ff.index(expected, fields=False, **options))
            assert_same(ff.decode_columns(edge, KINDS, **options), ff.decode_columns(expected, KINDS, **options))
    assert libc.mprotect(ctypes.c_void_p(base), ctypes.c_size_t(3 * page), 3) == 0


@pytest.mark.parametrize("kernel", [name for name in kernels.available() if name != kernels.name()])
def test_every_kernel_passes(kernel: str) -> None:
    """The tests that look at the end of buffers and at damage, under the other kernels."""
    wanted = "behind_the_buffer or judged_the_same or quick_ways or limits"
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__, "-k", wanted],
        env={**os.environ, "FIXFAST_KERNEL": kernel},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_a_signal_ends_a_call_and_leaves_nothing_behind(threads: int) -> None:
    """Wherever it comes: when the last thread is waited for, too."""
    random = Random(3)
    data = bytearray(log(1000) * 3)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    def again(seconds: float) -> None:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        while True:
            ff.decode_columns(data, KINDS, threads=threads)

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        for _ in range(60):
            with pytest.raises(KeyboardInterrupt):
                again(random.uniform(0.001, 0.02))
            data += data[:1]  # nobody looks at it any more
            del data[-1:]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs memory that is not there until it is written")
def test_offsets_beyond_four_gigabytes() -> None:
    far = (1 << 32) + 12345
    data = log(3)
    with mmap.mmap(-1, far + len(data), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as room:
        room[far:] = data
        buffer: Any = room
        table = ff.decode_columns(buffer, {34: "int"}, lines=True, threads=2)
        assert table[34].tolist() == [0, 1, 2]
        assert (table.offset - far).tolist() == ff.index(data).offset.tolist()


def test_threads_fail_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads that cannot be started are an error, not a hang."""

    def start(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("_thread.start_new_thread", start)
    with pytest.raises(RuntimeError, match="can't start"):
        ff.index(log(1000), threads=2)


def test_arrays_outlive_the_buffer_and_may_be_written() -> None:
    data = bytearray(log(10))
    table = ff.decode_columns(data, {38: "int", 55: "S"})
    before = table[38].tolist()
    data[:] = b""  # not exported any more
    table[38][0] += 1
    assert table[38].tolist() == [before[0] + 1, *before[1:]]
    assert isinstance(table, ff.Columns)
    assert isinstance(table.garbled, ff.GarbledSpans)
    assert isinstance(table[55], ff.Coded)
    assert isinstance(ff.decode_columns(b"", {44: "scaled"})[44], ff.ScaledArray)


def test_many_distinct_texts() -> None:
    data = b"".join(message(f"35=D|11={'x' * (i % 12)}{i}|") for i in range(5000))
    table = ff.decode_columns(data, {11: "S"}, threads=3)
    assert table[11].codes.tolist() == list(range(5000))
    assert table[11].categories == tuple(f"{'x' * (i % 12)}{i}" for i in range(5000))
