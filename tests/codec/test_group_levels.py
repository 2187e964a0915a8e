"""Where groups end: by the levels they are in, at any depth. On both codecs, with small dictionaries made for it; and
the two compared on messages that nobody would write."""

from __future__ import annotations

from functools import cache
from random import Random
from typing import Any

import pytest

from fixfast.dictionary.model import Dictionary, Message
from tests.codec.mutate import mutated, repaired
from tests.codec.samples import EXECUTION_REPORT, MARKET_DATA
from tests.codec.support import Codec, message
from tests.dictionary.blobs import group, member, model


@cache
def small() -> Dictionary:
    """Return a dictionary with groups in groups: 100 > 200 > 300, whose members begin with the same digit.

    54 is a member of the innermost group and of the message; 700 of another group (600) only.
    """
    innermost = group(300, member(301), member(302), member(54))
    middle = group(200, member(201), innermost, member(203))
    outer = group(100, member(101), middle, member(103))
    return model(
        Message("D", "Order", "app", (member(11), outer, member(54), group(600, member(601), member(700)), member(55))),
        header=[member(8), member(9), member(35), member(49), group(627, member(628))],
        trailer=[member(93), member(89), member(10)],
    )


def tree(run: Any, *counts: int) -> list[Any]:
    """Return the entries of a group as text; behind each that has entries of the next count, those."""
    found: list[Any] = []
    for entry in run.group(counts[0]):
        found.append(" ".join(f"{tag}={value}" for tag, value in entry))
        if counts[1:] and (inner := tree(entry, *counts[1:])):
            found.append(inner)
    return found


def read(codec: Codec, body: str, *counts: int, dictionary: Dictionary | None = None) -> list[Any]:
    fields = body.replace(" ", "|")
    m = codec.parse(message(f"35=D|{fields}|"), dictionary=dictionary or small())
    return tree(m, *counts)


# --- which level a tag belongs to -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "stranger", ["9001=x", "20000=x", "0=x", "-5=x", "4999=x", "700=x", "601=x", "628=x"], ids=lambda text: text[:-2]
)
def test_what_no_level_around_has_stays_with_the_innermost_entry(codec: Codec, stranger: str) -> None:
    """Unknown, user-defined, or known in another group only."""
    found = read(codec, f"100=1 101=a 200=1 201=b 300=1 301=c {stranger} 103=d 55=e", 100, 200, 300)
    inner = f"301=c {stranger}"
    assert found == [f"101=a 200=1 201=b 300=1 {inner} 103=d", [f"201=b 300=1 {inner}", [inner]]]


@pytest.mark.parametrize("tag", [55, 11, 600, 49, 35, 627, 93, 89])
def test_a_tag_of_the_message_ends_all_levels(codec: Codec, tag: int) -> None:
    """Its header, its trailer and the count of another group included."""
    found = read(codec, f"100=1 101=a 200=1 201=b 300=1 301=c {tag}=1 302=d 203=e 103=f", 100, 200, 300)
    assert found == ["101=a 200=1 201=b 300=1 301=c", ["201=b 300=1 301=c", ["301=c"]]]


def test_a_member_of_an_entry_around_ends_the_groups_inside_it(codec: Codec) -> None:
    found = read(codec, "100=1 101=a 200=1 201=b 300=1 301=c 203=d 302=e 103=f 203=g 55=h", 100, 200, 300)
    # 302 is known in no level that is open when it comes, and 203 in none when it comes again: they stay where they are
    middle = "201=b 300=1 301=c 203=d 302=e"
    assert found == [f"101=a 200=1 {middle} 103=f 203=g", [middle, ["301=c"]]]


def test_the_innermost_level_that_has_a_tag_gets_it(codec: Codec) -> None:
    """54 is a member of the innermost group, and of the message."""
    assert read(codec, "100=1 101=a 200=1 201=b 300=1 301=c 54=1 302=d", 100, 200, 300)[1][1] == ["301=c 54=1 302=d"]
    assert read(codec, "100=1 101=a 200=1 201=b 54=1 203=c", 100, 200) == ["101=a 200=1 201=b", ["201=b"]]


def test_a_delimiter_of_a_level_around_opens_its_next_entry(codec: Codec) -> None:
    assert read(codec, "100=2 101=a 200=2 201=b 300=1 301=c 201=d 101=e 200=1 201=f", 100, 200, 300) == [
        "101=a 200=2 201=b 300=1 301=c 201=d",
        ["201=b 300=1 301=c", ["301=c"], "201=d"],
        "101=e 200=1 201=f",
        ["201=f"],
    ]


def test_a_groups_own_count_ends_it_where_it_is_a_member(codec: Codec) -> None:
    assert read(codec, "100=2 101=a 100=1 101=b", 100) == ["101=a"]
    assert read(codec, "100=1 101=a 200=1 201=b 200=1 201=c 103=d", 100, 200) == [
        "101=a 200=1 201=b 200=1 201=c 103=d",
        ["201=b"],  # the first of the two
    ]


def test_what_comes_before_the_first_delimiter_is_in_no_entry(codec: Codec) -> None:
    assert read(codec, "100=1 103=a 9001=b 101=c 103=d", 100) == ["101=c 103=d"]
    assert read(codec, "100=1 101=a 200=1 203=b 9001=c 201=d", 100, 200) == [
        "101=a 200=1 203=b 9001=c 201=d",
        ["201=d"],
    ]
    assert read(codec, "100=1 200=1 201=b 101=c", 100, 200) == ["101=c"], "a nested group, still without an entry"
    assert read(codec, "100=1 55=a 101=b", 100) == []


@pytest.mark.parametrize("count", ["0", "1", "2", "7", "", "x", "-1"])
def test_counts_are_not_believed_at_any_level(codec: Codec, count: str) -> None:
    body = f"100={count} 101=a 200={count} 201=b 300={count} 301=c 301=d 201=e 101=f"
    assert read(codec, body, 100, 200, 300) == [
        f"101=a 200={count} 201=b 300={count} 301=c 301=d 201=e",
        [f"201=b 300={count} 301=c 301=d", ["301=c", "301=d"], "201=e"],
        "101=f",
    ]


def test_a_group_of_the_header_ends_as_others_do(codec: Codec) -> None:
    assert read(codec, "627=2 628=a 9001=b 628=c 49=d 628=e 11=f", 627) == ["628=a 9001=b", "628=c"]


def test_a_message_of_an_unknown_type_has_the_groups_of_the_header(codec: Codec) -> None:
    m = codec.parse(message("35=ZZ|627=1|628=a|100=1|101=b|49=c|"), dictionary=small())
    assert tree(m, 627) == ["628=a 100=1 101=b"]
    assert tree(m, 100) == []


def test_a_msg_type_is_not_taken_for_a_name(codec: Codec) -> None:
    m = codec.parse(message("35=Order|100=1|101=b|"), dictionary=small())
    assert tree(m, 100) == []
    assert m.body(nested=True) == [(100, "1"), (101, "b")]


# --- delimiters that count ------------------------------------------------------------------------------------------


def test_a_delimiter_may_count_a_nested_group(codec: Codec) -> None:
    """As in eight groups of FIX 5.0 SP2: each entry begins with a group."""
    inner = group(20, member(21), member(22))
    dictionary = model(Message("D", "Order", "app", (group(10_000, inner, member(30)), member(55))))
    body = "10000=2 20=2 21=a 22=b 21=c 30=d 20=1 21=e 30=f 9001=g 55=h"
    assert read(codec, body, 10_000, 20, dictionary=dictionary) == [
        "20=2 21=a 22=b 21=c 30=d",
        ["21=a 22=b", "21=c"],
        "20=1 21=e 30=f 9001=g",
        ["21=e"],
    ]
    m = codec.parse(message(f"35=D|{body.replace(' ', '|')}|"), dictionary=dictionary)
    assert m.body(nested=True)[0] == (
        10_000,
        [
            [(20, [[(21, "a"), (22, "b")], [(21, "c")]]), (30, "d")],
            [(20, [[(21, "e")]]), (30, "f"), (9001, "g")],
        ],
    )


def test_groups_are_read_sixteen_deep(codec: Codec) -> None:
    deepest = group(1016, member(2016), member(3016))
    for level in range(1015, 1000, -1):
        deepest = group(level, member(level + 1000), deepest, member(level + 2000))
    dictionary = model(Message("D", "Order", "app", (deepest, member(55))))
    down = " ".join(f"{level}=1 {level + 1000}=a" for level in range(1001, 1017))
    up = " ".join(f"{level + 2000}=b" for level in range(1016, 1000, -1))
    run = codec.parse(
        message(f"35=D|{down.replace(' ', '|')}|9001=x|{up.replace(' ', '|')}|55=y|"), dictionary=dictionary
    )
    for level in range(1001, 1017):
        (run,) = run.group(level)
        assert run[level + 1000] == "a"
        assert run[level + 2000] == "b"
        assert len(run) == 3 * (1016 - level) + 3
    assert list(run) == [(2016, "a"), (9001, "x"), (3016, "b")]
    assert len(run.group(1001)) == 0


# --- runs of alike entries ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 3, 7, 8, 9, 50, 300, 700])
@pytest.mark.parametrize(
    "entry", ["101=a", "101=a 103=b", "101=a 200=1 201=b", "101=a 200=2 201=b 300=1 301=c 9001=d 201=e 103=f"]
)
@pytest.mark.parametrize("end", ["", "101=z", "55=z", "103=z", "301=z", "9001=z", "200=1 201=z 103=y 101=x 55=w"])
def test_alike_entries_are_found_however_many_they_are(codec: Codec, n: int, entry: str, end: str) -> None:
    """The compiled codec passes over a run of them at once: the end of the run is where that can go wrong."""
    body = f"100={n} " + " ".join([entry] * n)
    m = codec.parse(message(f"35=D|{f'{body} {end}'.strip().replace(' ', '|')}|"), dictionary=small())
    entries = [" ".join(f"{tag}={value}" for tag, value in item) for item in m.group(100)]
    opens, ends_it = end.startswith("101"), end.startswith("55")
    # 301 and 201 stay where they are: with the last entry, whether their group is open or unheard of
    last = f"{entry} {end}".strip() if end and not opens and not ends_it else entry
    if " 101=x" in last:
        last = last.partition(" 101=x")[0]
        opens = True
        end = "101=x"
    assert entries == [entry] * (n - 1) + [last] + ([end] if opens else [])


@pytest.mark.parametrize("seed", range(4))
def test_both_codecs_walk_alike(twins: tuple[Codec, Codec], seed: int) -> None:
    """Bodies of tags that mean something here, in any order, with runs that repeat."""
    random = Random(seed)
    tags = [100, 101, 103, 200, 201, 203, 300, 301, 302, 54, 55, 600, 601, 700, 627, 628, 49, 93, 9001]
    for _ in range(300):
        few = random.sample(tags, random.choice((3, 5, 8, len(tags))))
        body: list[int] = [100]
        while len(body) < random.choice((5, 30, 120)):
            block = random.choices(few, k=random.choice((1, 2, 3, 5)))
            body += block * random.choice((1, 1, 2, 3, 20))
        raw = message("35=D|" + "".join(f"{tag}={i}|" for i, tag in enumerate(body)))
        reference, compiled = (everything(codec.parse(raw, dictionary=small())) for codec in twins)
        assert compiled == reference, raw


def everything(run: Any, depth: int = 0) -> list[Any]:
    """Return all groups of a message or entry, and all in them."""
    found: list[Any] = [run.body(nested=True)] if depth == 0 else []
    for tag in sorted({tag for tag, _ in run}):
        entries = run.group(tag)
        if len(entries):
            found.append((tag, [(list(entry), everything(entry, depth + 1)) for entry in entries]))
    return found


@pytest.mark.parametrize("block", range(4))
def test_both_codecs_find_the_same_groups_in_damaged_messages(twins: tuple[Codec, Codec], block: int) -> None:
    random = Random(block)
    samples = [EXECUTION_REPORT, MARKET_DATA]
    compared = 0
    for _ in range(250):
        raw = repaired(mutated(random.choice(samples), random.choice(samples), random))
        try:
            messages = [codec.parse(raw) for codec in twins]
        except ValueError:
            continue
        results = []
        for m in messages:
            try:
                results.append(everything(m))
            except ValueError as error:
                results.append([type(error)])
        assert results[0] == results[1], raw
        compared += 1
    assert compared > 50
