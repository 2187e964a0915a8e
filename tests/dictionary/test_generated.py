"""The generated files are what the generator makes of the spec, and the typed modules hold what they promise."""

from __future__ import annotations

import ast
import copy
import gc
import importlib
import keyword
import os
import pickle
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterable
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import fixfast
from fixfast import fix40, fix42, fix44, fix50, fix50sp2, fixt11
from fixfast.codec.typed import Typed, TypedComponent, TypedGroup, TypedMessage
from fixfast.codec.typed_fields import FieldAttribute, GroupAttribute
from fixfast.codec.typed_module import typed_module
from fixfast.dictionary.generate import GENERATED_PACKAGES, compile_all, generate, render_all
from fixfast.dictionary.load import VERSIONS, load_dictionary
from fixfast.dictionary.model import Code, Dictionary, Field, Index
from fixfast.dictionary.naming import enum_members, identifier
from fixfast.dictionary.render_typed import enums
from fixfast.dictionary.typed import code_enum

ROOT = Path(fixfast.__file__).parents[1]


@pytest.fixture(params=GENERATED_PACKAGES)
def module(request: pytest.FixtureRequest) -> ModuleType:
    return importlib.import_module(request.param)


@cache
def texts() -> dict[str, str]:
    return render_all()


@cache
def blobs() -> dict[str, bytes]:
    return compile_all()


def wire(value: str) -> str:
    """The text itself: mypy thinks that no member of a StrEnum equals a literal."""
    return value


def coded(name: str, codes: Iterable[Code], version: str = "FIX.9.9") -> Dictionary:
    """Return a dictionary of one field, 9000."""
    item = Field(9000, name, "STRING", tuple(codes))
    return Dictionary(version, version, Index({9000: item}, {name: item}), Index({}, {}), {}, (), (), {})


def version_of(module: ModuleType) -> str:
    stem = module.__name__.rpartition(".")[2].upper()
    return next(version for version in VERSIONS if VERSIONS[version] == stem)


# --- files ------------------------------------------------------------------------------------------------


def test_what_is_installed_is_what_the_generator_makes() -> None:
    for name, text in texts().items():
        if (ROOT / name).suffix != ".h" or (ROOT / name).exists():  # headers are not in the wheel
            assert (ROOT / name).read_text(encoding="utf-8") == text, f"{name}: generate again"
    for name, data in blobs().items():
        assert (ROOT / name).read_bytes() == data, f"{name}: generate again"


def test_output_does_not_depend_on_the_run() -> None:
    command = "import hashlib; from fixfast.dictionary.generate import compile_all, render_all\n"
    command += "print(hashlib.sha256(repr(sorted({**render_all(), **compile_all()}.items())).encode()).hexdigest())"
    digests = {
        subprocess.run(
            [sys.executable, "-c", command],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=ROOT,
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def test_every_file_says_where_it_comes_from() -> None:
    for name, text in texts().items():
        first = text.split("\n", 1)[0]
        assert "Generated from fixfast/dictionary/spec/" in first, name
        assert "fixfast/dictionary/generate.py: do not edit" in first, name
        assert text.endswith("\n")
        assert not text.endswith("\n\n")


def test_files_are_written_only_if_they_changed(tmp_path: Path) -> None:
    written = generate(tmp_path)
    assert sorted(path.relative_to(tmp_path).as_posix() for path in written) == sorted([*texts(), *blobs()])
    before = {path: path.stat().st_mtime_ns for path in written}
    assert generate(tmp_path) == []
    written[0].write_text("changed")
    written[1].unlink()
    assert sorted(generate(tmp_path)) == sorted(written[:2])
    assert all(path.stat().st_mtime_ns == before[path] for path in written[2:])
    assert not list(tmp_path.rglob("*.part"))


# --- Tag, MsgType, enums ----------------------------------------------------------------------------------


def test_the_names_users_write() -> None:
    assert fix44.Tag.ClOrdID == 11
    assert type(fix44.Tag.ClOrdID) is int
    assert wire(fix44.MsgType.NewOrderSingle) == "D"
    assert isinstance(fix44.MsgType.NewOrderSingle, StrEnum)
    assert wire(fix44.Side.BUY) == "1"
    assert fix44.Side("2") is fix44.Side.SELL
    assert f"{fix44.Side.BUY}" == "1"
    assert wire(fix42.MsgType.NewOrderSingle) == "D"
    assert fix40.Tag.Shares == 53
    assert wire(fixt11.MsgType.Logon) == "A"
    assert fix50sp2.Tag.MsgSeqNum == 34  # merged with FIXT
    assert wire(fix50sp2.MsgType.Logon) == "A"


def test_a_message_keeps_a_name_it_shares_with_an_enum() -> None:
    assert wire(fix50sp2.MsgType.SecurityStatus) == "f"
    assert wire(fix50sp2.SecurityStatusCode.ACTIVE) == "1"
    assert issubclass(fix50sp2.SecurityStatus, TypedMessage)
    assert wire(fix50sp2.RateSourceCode.BLOOMBERG) == "0"
    assert issubclass(fix50sp2.RateSource, TypedComponent)
    assert fix50sp2.Tag.RateSource == 1446


def test_code_names_that_repeat_carry_their_value() -> None:
    assert wire(fix50.MatchType.CROSS_AUCTION_5) == "5"
    assert wire(fix50.MatchType.CROSS_AUCTION_63) == "63"
    assert not hasattr(fix50.MatchType, "CROSS_AUCTION")
    assert wire(fix50sp2.BenchmarkCurveName.EURIBOR_Euribor) == "Euribor"
    assert wire(fix50sp2.BenchmarkCurveName.EURIBOR_EURIBOR) == "EURIBOR"


def test_tags_are_those_of_the_dictionary(module: ModuleType) -> None:
    d = load_dictionary(version_of(module))
    tags = {name: value for name, value in vars(module.Tag).items() if not name.startswith("__")}
    assert tags == {item.name: item.tag for item in d.fields.values()}
    assert all(type(value) is int for value in tags.values())


def test_msg_types_are_those_of_the_dictionary(module: ModuleType) -> None:
    d = load_dictionary(version_of(module))
    assert {m.name: m.value for m in module.MsgType} == {m.name: m.msg_type for m in d.messages.values()}


def test_every_coded_field_has_its_enum(module: ModuleType) -> None:
    d = load_dictionary(version_of(module))
    coded = {item.tag for item in d.fields.values() if item.codes} - {35}
    assert {item.tag for item, _ in enums(d).values()} == coded
    for name, (item, _) in enums(d).items():
        enum = getattr(module, name)
        assert [member.value for member in enum] == [code.value for code in item.codes]
        assert not any(keyword.iskeyword(member.name) for member in enum)
        assert len(enum.__members__) == len(item.codes)  # no aliases


def test_all_and_dir(module: ModuleType) -> None:
    assert module.__all__[:2] == ["Tag", "MsgType"]
    assert len(set(module.__all__)) == len(module.__all__)
    assert set(module.__all__) <= set(dir(module))
    assert all(hasattr(module, name) for name in module.__all__)
    with pytest.raises(AttributeError, match=f"module '{module.__name__}' has no attribute 'Nope'"):
        _ = module.Nope


def test_classes_are_built_once_and_know_their_home() -> None:
    assert fix44.Side is fix44.Side
    assert fix44.Side.__module__ == fix44.Tag.__module__ == "fixfast.fix44"
    assert pickle.loads(pickle.dumps(fix44.Side.BUY)) is fix44.Side.BUY
    assert copy.deepcopy(fix44.MsgType.Logon) is fix44.MsgType.Logon


def small_module(name: str = "example") -> tuple[dict[str, object], Callable[[str], Any]]:
    """Return the namespace and the __getattr__ of a module with two fields and a message."""
    namespace: dict[str, object] = {"__name__": name}
    enums = "Side|BUY=1|SELL=2\nCode|ISO=ISO Country Code"
    names, get, directory = typed_module(namespace, "FIX.4.4", "A=1 Side=54:c*", "News=B", enums, "News|B|54!")
    assert names == ["Tag", "MsgType", "News", "Side", "Code"]
    assert directory() == ["Code", "MsgType", "News", "Side", "Tag", "__name__"]
    return namespace, get


def test_names_are_built_on_first_access() -> None:
    namespace, get = small_module()
    assert set(namespace) == {"__name__"}
    assert get("Side").SELL == "2"
    assert get("Code").ISO == "ISO Country Code"
    assert get("Tag").Side == 54
    assert get("MsgType").News == "B"
    assert set(namespace) == {"__name__", "Side", "Code", "Tag", "MsgType"}
    assert get("News")(side="2").side is get("Side").SELL


def test_threads_see_one_class() -> None:
    _, get = small_module("fixfast.dictionary.typed")  # where enums of unknown versions live
    dictionary = coded("Side", [Code("1", "BUY"), Code("2", "SELL")])
    barrier = threading.Barrier(4)
    found = []

    def look(i: int) -> None:
        barrier.wait()
        found.append(get("Side") if i % 2 else code_enum(dictionary, 9000))

    threads = [threading.Thread(target=look, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, found))) == 1


# --- one class, whoever asks -------------------------------------------------------------------------------


def test_the_enum_of_a_field_is_the_class_in_the_module() -> None:
    d = load_dictionary("FIX.4.4")
    assert code_enum(d, 54) is fix44.Side
    assert code_enum(d, 35) is fix44.MsgType
    assert code_enum(d, 11) is None
    assert code_enum(d, 60_000) is None
    assert code_enum(load_dictionary("FIX.5.0SP2"), 965) is fix50sp2.SecurityStatusCode


def test_every_enum_is_the_class_in_the_module(module: ModuleType) -> None:
    d = load_dictionary(version_of(module))
    for name, (item, _) in enums(d).items():
        assert code_enum(d, item.tag) is getattr(module, name)


@pytest.mark.parametrize("first", ["module", "dictionary"])
def test_it_is_one_class_whoever_asks_first(first: str) -> None:
    ask = ["side = fix44.Side", "enum = code_enum(load_dictionary('FIX.4.4'), 54)"]
    program = [
        "from fixfast import fix44",
        "from fixfast.dictionary.load import load_dictionary",
        "from fixfast.dictionary.typed import code_enum",
        *(ask if first == "module" else reversed(ask)),
        "assert side is enum",
    ]
    subprocess.run([sys.executable, "-c", "\n".join(program)], check=True, cwd=ROOT)


def test_a_brokers_dictionary_shares_the_enums_that_it_did_not_change() -> None:
    d = load_dictionary("FIX.4.4").overlay(fields={"OrdType": {"codes": {"Z": "PEGGED_TO_MOON"}}})
    assert code_enum(d, 54) is fix44.Side
    changed = code_enum(d, 40)
    assert changed is not None
    assert changed is not fix44.OrdType
    assert changed is code_enum(d, 40)
    assert changed("Z").name == "PEGGED_TO_MOON"
    assert changed("1") == fix44.OrdType.MARKET


def test_members_are_pickled_by_value() -> None:
    own = code_enum(coded("Side", [Code("1", "BUY"), Code("Z", "ZERO")], "FIX.4.4"), 9000)
    assert own is not None
    assert pickle.loads(pickle.dumps(own("1"))) is fix44.Side.BUY
    unknown = pickle.loads(pickle.dumps(own("Z")))
    assert type(unknown) is str
    assert unknown == "Z"


def test_an_enum_that_nobody_uses_is_let_go() -> None:
    enum = code_enum(coded("Fleeting", [Code("1", "A")]), 9000)
    assert enum is not None
    gone = weakref.ref(enum)
    del enum
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [("BUY", "BUY"), ("30E/360", "N30E_360"), ("class", "class_"), ("None", "None_"), ("a b", "a_b"), ("é", "_")],
)
def test_identifiers(name: str, expected: str) -> None:
    assert identifier(name) == expected


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("A B", "A B"),
        ("A A", "A_0 A_1"),
        ("A A A_0", "A_0 A_1 A_0_2"),
        ("A_0 A A", "A_0 A_1 A_2"),
        ("mro __init__ _x_", "Nmro N__init__ N_x_"),
        ("?? !", "N__ N_"),
        ("value name", "value name"),
    ],
)
def test_any_codes_become_members(names: str, expected: str) -> None:
    codes = [Code(str(i), name) for i, name in enumerate(names.split())]
    members = enum_members(codes)
    assert list(members.values()) == [code.value for code in codes]
    assert list(members) == expected.split()
    enum = code_enum(coded("Odd", codes), 9000)
    assert enum is not None
    assert {member.name: member.value for member in enum} == members


# --- stubs ------------------------------------------------------------------------------------------------


def classes_of(body: list[ast.stmt]) -> dict[str, ast.ClassDef]:
    return {node.name: node for node in body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")}


def assigned(node: ast.ClassDef) -> dict[str, object]:
    """Return {name: value} of the plain values in a class of a stub."""
    found: dict[str, object] = {}
    for item in node.body:
        if isinstance(item, ast.Assign):
            found[ast.unparse(item.targets[0])] = ast.literal_eval(item.value)
        elif isinstance(item, ast.AnnAssign) and item.value is not None:
            found[ast.unparse(item.target)] = ast.literal_eval(item.value)
    return found


def check_class(node: ast.ClassDef, kind: type[Typed]) -> None:
    """The stub of a class names its bases, attributes and nested classes."""
    roots = {"_Message": TypedMessage, "TypedComponent": TypedComponent, "TypedGroup": TypedGroup}
    names = [ast.unparse(base) for base in node.bases]
    assert [base.__name__ for base in kind.__bases__] == [getattr(roots.get(name), "__name__", name) for name in names]
    listed = {ast.unparse(item.target) for item in node.body if isinstance(item, ast.AnnAssign)}
    own = {name for name, item in vars(kind).items() if isinstance(item, FieldAttribute | GroupAttribute)}
    assert own <= listed
    assert listed <= set(kind.layout.attributes)
    for name, inner in classes_of(node.body).items():
        check_class(inner, getattr(kind, name))


def test_stubs_name_what_the_modules_have(module: ModuleType) -> None:
    tree = ast.parse(Path(str(module.__file__)).with_suffix(".pyi").read_text(encoding="utf-8"))
    listed = next(node.value for node in tree.body if isinstance(node, ast.Assign))
    assert ast.literal_eval(listed) == module.__all__
    classes = classes_of(tree.body)
    assert set(classes) == set(module.__all__)
    for name, node in classes.items():
        ours = getattr(module, name)
        if name == "Tag":
            assert assigned(node) == {key: value for key, value in vars(ours).items() if not key.startswith("__")}
        elif issubclass(ours, StrEnum):
            assert assigned(node) == {member.name: member.value for member in ours}
        else:
            check_class(node, ours)


def test_mypy_strict_reads_the_stubs(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    program = tmp_path / "program.py"
    program.write_text(
        "from typing import assert_type\n"
        "from fixfast import fix44\n"
        "tag: int = fix44.Tag.ClOrdID\n"
        "side: fix44.Side = fix44.Side.BUY\n"
        "text: str = side\n"
        "assert_type(fix44.Side('1'), fix44.Side)\n"
        "kind: fix44.MsgType = fix44.MsgType.NewOrderSingle\n"
        "fix44.Tag.ClOrdID = 12\n"
        "fix44.Side.BUYY\n"
        "fix44.Nope\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--cache-dir", tmp_path / "cache", program],
        capture_output=True,
        text=True,
        env={**os.environ, "MYPYPATH": str(ROOT)},
        cwd=tmp_path,
    )
    lines = [line.partition("program.py:")[2] for line in done.stdout.splitlines()]
    assert [line.split(":")[0] for line in lines] == ["8", "9", "10"], done.stdout + done.stderr
