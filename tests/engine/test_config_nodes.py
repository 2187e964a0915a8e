"""Lines of keys: for any TOML, every key that tomllib reads has the line it stands on."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixfast.engine.settings.nodes import MAX_BYTES, Node, merge, read_toml
from fixfast.engine.settings.remarks import ConfigRemark
from fixfast.engine.settings.write import dump


def lines_of(text: str) -> dict[str, int]:
    """{dotted key: line} of a text; elements of arrays by their index."""
    root = read_toml(text.encode(), "x.toml")
    assert isinstance(root, Node), root
    return dict(flat(root, ""))


def flat(node: Node, path: str) -> list[tuple[str, int]]:
    found = [(path, node.line)] if path else []
    inner: list[tuple[Any, Node]] = []
    if isinstance(node.value, dict):
        inner = list(node.value.items())
    elif isinstance(node.value, list):
        inner = list(enumerate(node.value))
    for key, one in inner:
        found += flat(one, f"{path}.{key}" if path else str(key))
    return found


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a = 1\nb = 2", {"a": 1, "b": 2}),
        ("# one\n\n  a = 1 # two\n", {"a": 3}),
        ("[t]\na = 1\n[t.u]\nb = 2", {"t": 1, "t.a": 2, "t.u": 3, "t.u.b": 4}),
        ("[t.u]\nb = 2\n[t]\na = 1", {"t": 3, "t.u": 1, "t.u.b": 2, "t.a": 4}),
        ("a.b . c = 1\na.d = 2", {"a": 2, "a.b": 1, "a.b.c": 1, "a.d": 2}),
        ("'x y' = 1\n\"q\\u0041\" = 2", {"x y": 1, "qA": 2}),
        ("a = [\n 1, # one\n 2,\n]\nb = 3", {"a": 1, "a.0": 2, "a.1": 3, "b": 5}),
        ("a = { b = 1, c = { d = [ 2 ] } }", {"a": 1, "a.b": 1, "a.c": 1, "a.c.d": 1, "a.c.d.0": 1}),
        ('a = """\n[x]\nb = 1\n"""\nc = 2', {"a": 1, "c": 5}),
        ('a = """one\\\n  two "" three""""\nc = 2', {"a": 1, "c": 3}),
        ("a = '''\n''no\n'''\nc = 2", {"a": 1, "c": 4}),
        ('a = "# no [comment] = \\" x"\nc = 2', {"a": 1, "c": 2}),
        ("[[s]]\na = 1\n[[s]]\na = 2\n[s.t]\nb = 3",
         {"s": 3, "s.0": 1, "s.0.a": 2, "s.1": 3, "s.1.a": 4, "s.1.t": 5, "s.1.t.b": 6}),
        ("[ a . 'b' ]\nc = 1979-05-27 07:32:00 # x\nd = 07:32:00", {"a": 1, "a.b": 1, "a.b.c": 2, "a.b.d": 3}),
        ("a = [[1, 2],\n [3]]\nb = [{ c = 1 }, { c = 2 }]", {
            "a": 1, "a.0": 1, "a.0.0": 1, "a.0.1": 1, "a.1": 2, "a.1.0": 2,
            "b": 3, "b.0": 3, "b.0.c": 3, "b.1": 3, "b.1.c": 3,
        }),
        ("a = 1\r\nb = 2\r\n", {"a": 1, "b": 2}),
        ("\ufeffa = 1\nb = 0x1F\nc=1e-7\nd=true", {"a": 1, "b": 2, "c": 3, "d": 4}),
        ("", {}),
    ],
)  # fmt: skip
def test_a_key_has_the_line_it_stands_on(text: str, lines: dict[str, int]) -> None:
    assert lines_of(text) == lines


SCALARS = st.one_of(
    st.text(max_size=12), st.integers(-(10**9), 10**9), st.booleans(), st.floats(-1e9, 1e9), st.dates(), st.times()
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=12,
)


def nodes(value: Any) -> Node:
    if isinstance(value, dict):
        return Node({key: nodes(one) for key, one in value.items()})
    return Node([nodes(one) for one in value] if isinstance(value, list) else value)


@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=5))
def test_every_key_of_any_toml_has_a_line_that_names_it(tables: dict[str, Any]) -> None:
    text = dump(nodes(tables))
    root = read_toml(text.encode(), "x.toml")
    assert isinstance(root, Node), root
    lines = text.split("\n")

    def look(node: Node, key: str) -> None:
        written = dump(nodes({key: 0})).split(" = ")[0]
        assert written in lines[node.line - 1]
        if isinstance(node.value, dict):
            for name, inner in node.value.items():
                look(inner, name)

    for name, inner in root.value.items():
        look(inner, name)


@pytest.mark.parametrize(
    ("data", "line", "said"),
    [
        (b"a = 1\nb = \n", 2, "not TOML: invalid value"),
        (b"a = 1\na = 2\n", 2, "not TOML: cannot overwrite a value"),
        (b"[a]\n[a]\n", 2, "not TOML: cannot declare ('a',) twice"),
        (b"a = 1\nb = '\xe9'\n", 2, "byte 0xe9 is no UTF-8"),
        (b"\x00\x01\x02", 1, "not TOML"),
        (b"a = " + b"[" * 100_000, 0, "nested too deep"),
        (b"x" * (MAX_BYTES + 1), 0, "larger than"),
        (b"a = 9" + b"9" * 5000, 0, "not TOML"),
        (b'a = """', 1, "not TOML"),
    ],
    ids=lambda value: str(value)[:40],  # one of them has 16 MB
)
def test_what_is_no_toml_is_one_remark_with_its_line(data: bytes, line: int, said: str) -> None:
    remark = read_toml(data, "x.toml")
    assert isinstance(remark, ConfigRemark)
    assert remark.line == line
    assert said in remark.text


def test_defaults_are_merged_table_by_table() -> None:
    def plain(node: Node) -> Any:
        return {key: plain(one) for key, one in node.value.items()} if isinstance(node.value, dict) else node.value

    def merged(base: str, own: str) -> Any:
        one, two = (read_toml(text.encode(), "x") for text in (base, own))
        assert isinstance(one, Node)
        assert isinstance(two, Node)
        return plain(merge(one, two))

    assert merged("a = 1\nt.x = 1\nt.y = 2", "a = 2\nt.y = 3") == {"a": 2, "t": {"x": 1, "y": 3}}
    assert merged("t = { kind = 'a', x = 1 }", "t = { kind = 'b' }") == {"t": {"kind": "b"}}
    assert merged("p = { file = 'a' }", "p = { env = 'b' }") == {"p": {"env": "b"}}
    assert merged("t = true", "t = { x = 1 }") == {"t": {"x": 1}}
