"""The floors of the house: every import goes strictly down, I/O and clocks stay where docs/architecture.md allows them.

Reads the imports of `.py` and `.pyi` (by `ast`) and the imports and cimports of `.pyx` and `.pxd` (by a small parser:
strings and comments blanked, then statements matched). Imports inside functions and under TYPE_CHECKING count too: a
type that a room names is a room it knows. The last tests feed the checker bad code and expect it to object.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def words(text: str) -> list[str]:
    return text.split()


#: What the build makes of the files in spec/: fix40 ... fixt11.
GENERATED = [path.stem.lower() for path in sorted((ROOT / "fixfast" / "dictionary" / "spec").glob("*.xml"))]

#: room -> floor. The same table stands in docs/architecture.md; a test compares the two.
FLOORS = {
    **dict.fromkeys(("fixfast", "__main__"), 11),
    "cli": 10,
    "service": 9,
    "exchange": 8,
    **dict.fromkeys(("auth", "venues", "testing"), 7),
    "engine": 6,
    **dict.fromkeys(("transport", "trading"), 5),
    "session": 4,
    **dict.fromkeys(("store", "logs", *GENERATED), 3),
    "codec": 2,
    **dict.fromkeys(("dictionary", "clock"), 1),
    **dict.fromkeys(("errors", "types", "_version"), 0),
}

#: What the session may see of the stores: the Protocol, and the one store that does no I/O.
SESSION_SEES = {"fixfast.store.base", "fixfast.store.memory"}

IO_MODULES = frozenset(
    words(
        "socket ssl asyncio threading select selectors subprocess multiprocessing concurrent socketserver http urllib "
        "ftplib smtplib mmap fcntl tempfile shutil signal sqlite3 _thread queue sched"
    )
)
#: modules under fixfast., and what is below them, that may do I/O. (`dictionary.generate` is a build step.)
IO_ROOMS = tuple(
    words(
        "transport engine venues auth.registration auth.aio auth.aio_ports auth.threads auth.thread_ports exchange "
        "service cli testing store logs dictionary.load "
        "dictionary.compiled dictionary.generate clock"
    )
)
#: one more permission each, with its reason
IO_EXCEPTIONS = {
    ("auth.coordinator", "threading"),  # its state is read from a UI thread
    ("__main__", "signal"),
    ("codec.columns", "threading"),  # threads= of index() and decode_columns(): they share nothing but the buffer
    ("codec.columns", "_thread"),
    ("dictionary.typed", "threading"),  # two threads that ask for an enum get the same class
}

CLOCK_ROOMS = ("clock", "transport", "engine")
CLOCK_CALLS = frozenset(
    words(
        "time time_ns monotonic monotonic_ns perf_counter perf_counter_ns process_time process_time_ns thread_time "
        "thread_time_ns clock_gettime clock_gettime_ns"
    )
)
#: `fixfast.clock` may be imported from here up; below, time comes in as an argument.
CLOCK_FLOOR = 5

#: packages beyond the standard library: name -> the rooms that may import it
THIRD_PARTY = {
    "numpy": ("codec.arrays", "codec.columns", "codec.tables", "codec.reference", "logs", "trading.arrays"),
    "rich": ("cli",),
    "click": ("cli",),
    "uvloop": ("transport", "engine", "cli"),
    "pyarrow": ("logs",),
    "dask": ("logs",),
    "psycopg": ("store", "service", "exchange.accounts"),
    "httpx": ("auth.registration", "venues"),
    "cryptography": ("venues", "transport"),
    "nicegui": ("service",),
    "fastapi": ("service",),  # comes with nicegui
    "starlette": ("service", "exchange.accounts"),
    "uvicorn": ("service", "exchange.accounts"),
    "argon2": ("store.hashing",),
    "msgspec": ("service",),
    "prometheus_client": ("engine",),
    **dict.fromkeys(
        ("cython", "cpython", "libc", "libcpp"),
        ("codec", "clock.reading", "store.memory_records", "store.journal_records"),
    ),
}

#: What the plain-Python twin may share with the compiled codec: plain Python that has its own tests.
REFERENCE_SEES = (
    "fixfast.codec.reference",
    "fixfast.codec._data_pairs",
    "fixfast.codec.arrange",
    "fixfast.codec.formatting",
    "fixfast.codec.kinds",
    "fixfast.codec.mapping",
    "fixfast.codec.present",
    "fixfast.codec.reading",
    "fixfast.codec.tables",
    "fixfast.codec.verbatim",
)


@dataclass(frozen=True)
class Import:
    """One imported module: `target` is dotted and absolute, `names` what was taken out of it.

    `typing`: it stands under TYPE_CHECKING.
    """

    target: str
    names: tuple[str, ...]
    line: int
    typing: bool = False


@dataclass(frozen=True)
class Violation:
    path: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


# --- reading imports -----------------------------------------------------------------------------------------


def module_name(path: Path, root: Path) -> tuple[str, bool]:
    """Return the dotted name of a source file, and whether it is a package's `__init__`."""
    parts = list(path.relative_to(root).with_suffix("").parts)
    if parts[-1] == "__init__":
        return ".".join(parts[:-1]), True
    return ".".join(parts), False


def absolute(module: str, is_package: bool, level: int, name: str) -> str:
    """Resolve a relative import of `level` dots inside `module`."""
    if level == 0:
        return name
    base = module.split(".")
    base = base[: len(base) - level + (1 if is_package else 0)]
    return ".".join([*base, name] if name else base)


def python_imports(tree: ast.AST, module: str, is_package: bool) -> Iterator[Import]:
    guarded = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, (), node.lineno, id(node) in guarded)
        elif isinstance(node, ast.ImportFrom):
            target = absolute(module, is_package, node.level, node.module or "")
            yield Import(target, tuple(a.name for a in node.names), node.lineno, id(node) in guarded)
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func).rpartition(".")[2]
            if called in ("import_module", "__import__") and node.args and isinstance(node.args[0], ast.Constant):
                yield Import(str(node.args[0].value), (), node.lineno)


_BLANK = re.compile(r"""('''|\"\"\")(?:\\.|.)*?\1|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|\#[^\n]*""", re.DOTALL)
_IMPORT = re.compile(
    r"^\s*(?:from\s+(?P<dots>\.*)\s*(?P<base>[\w.]*)\s+c?import\s+(?P<names>.+)|c?import\s+(?P<plain>[\w.,\s]+))$"
)


def blanked(source: str) -> str:
    """Return Cython source with strings and comments emptied, its lines kept."""
    return _BLANK.sub(lambda match: '""' + "\n" * match.group().count("\n"), source)


def statements(source: str) -> Iterator[tuple[int, str]]:
    """Yield (line number, text) of each logical line of blanked source: brackets and backslashes join lines."""
    depth, start, text = 0, 0, ""
    for number, line in enumerate(source.splitlines(), 1):
        start = start or number
        text += " " + line.rstrip().removesuffix("\\")
        depth += sum(map(line.count, "([{")) - sum(map(line.count, ")]}"))
        if depth <= 0 and not line.rstrip().endswith("\\"):
            for part in text.split(";"):
                yield start, part
            depth, start, text = 0, 0, ""


def cython_imports(source: str, module: str, is_package: bool) -> Iterator[Import]:
    for line, text in statements(blanked(source)):
        match = _IMPORT.match(text.strip().removeprefix("if TYPE_CHECKING:"))
        if match is None:
            continue
        if match["plain"] is not None:
            for name in match["plain"].split(","):
                yield Import(name.split(" as ")[0].strip(), (), line)
        else:
            names = tuple(n.split(" as ")[0].strip() for n in match["names"].strip("() ").split(",") if n.strip())
            yield Import(absolute(module, is_package, len(match["dots"]), match["base"]), names, line)


# --- judging them --------------------------------------------------------------------------------------------


def under(module: str, rooms: tuple[str, ...]) -> bool:
    """Return whether `module` (dotted, without `fixfast.`) is one of `rooms` or inside one."""
    return any(module == room or module.startswith(room + ".") for room in rooms)


def inside(module: str) -> str:
    """Return a module's name without `fixfast.`; the package itself is `fixfast`."""
    return module.removeprefix("fixfast.")


def room_of(module: str) -> str:
    return inside(module).split(".")[0]


def targets(found: Import, modules: set[str]) -> list[str]:
    """`from fixfast.store import base` means the module base where there is one; else the package that has the name."""
    if not found.names:
        return [found.target]
    return [f"{found.target}.{name}" if f"{found.target}.{name}" in modules else found.target for name in found.names]


def judge_import(module: str, target: str, *, typing: bool = False) -> str | None:
    """Return what is wrong with `module` importing `target`, or None. `typing`: for annotations only."""
    me, top = inside(module), target.split(".")[0]
    if top == "__future__":
        return None
    if top != "fixfast":
        if top in IO_MODULES and not under(me, IO_ROOMS) and (me, top) not in IO_EXCEPTIONS:
            return f"{me} must do no I/O, but imports {top}"
        if top in THIRD_PARTY and not under(me, THIRD_PARTY[top]):
            return f"{top} belongs to {' '.join(THIRD_PARTY[top])}, but {me} imports it"
        return None
    mine, theirs = room_of(module), room_of(target)
    for room in (mine, theirs):
        if room not in FLOORS:
            return f"room {room} has no floor"
    if target.startswith("fixfast.codec.reference") and not module.startswith("fixfast.codec.reference"):
        return "the reference codec is the oracle of the tests: nothing in the library imports it"
    if mine == theirs:
        twin = module.startswith("fixfast.codec.reference") and not target.startswith(REFERENCE_SEES)
        return f"the reference imports {target}, which it is there to check" if twin and not typing else None
    if mine == "session" and theirs == "store" and target not in SESSION_SEES:
        return f"session sees only store.base and store.memory, not {target}"
    if theirs == "clock" and FLOORS[mine] < CLOCK_FLOOR:
        return f"{me} is below the transports: time comes in as an argument"
    if FLOORS[theirs] >= FLOORS[mine]:
        return f"{mine} (floor {FLOORS[mine]}) imports {target} (floor {FLOORS[theirs]}): imports go strictly down"
    return None


def judge_calls(tree: ast.AST, module: str) -> Iterator[tuple[int, str]]:
    """Yield clock reads and opened files where they are not allowed."""
    me = inside(module)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            last = called.rpartition(".")[2]
            opens = called in ("open", "io.open", "os.open", "os.fdopen", "gzip.open") or last in (
                "read_text",
                "read_bytes",
                "write_text",
                "write_bytes",
            )
            if opens and not under(me, IO_ROOMS):
                yield node.lineno, f"{me} must open no file, but calls {called}()"
        if under(me, CLOCK_ROOMS):
            continue
        if isinstance(node, ast.Attribute):
            owner = ast.unparse(node.value).rpartition(".")[2]
            reads = (owner == "time" and node.attr in CLOCK_CALLS) or (
                owner in ("datetime", "date") and node.attr in ("now", "utcnow", "today")
            )
            if reads:
                yield node.lineno, f"{me} reads a clock: {ast.unparse(node)}"
        elif isinstance(node, ast.ImportFrom) and node.module == "time":
            for alias in node.names:
                if alias.name in CLOCK_CALLS:
                    yield node.lineno, f"{me} reads a clock: time.{alias.name}"


_CYTHON_CLOCK = re.compile(
    rf"\btime\.({'|'.join(sorted(CLOCK_CALLS))})\b|\b(clock_gettime|gettimeofday|timespec_get|PyTime_\w+)\b"
)


def check(root: Path) -> list[Violation]:
    """Return every breach of the house rules in the package `fixfast` under `root`."""
    files = sorted(p for ext in ("py", "pyi", "pyx", "pxd") for p in (root / "fixfast").rglob(f"*.{ext}"))
    modules = {module_name(path, root)[0] for path in files}
    found: list[Violation] = []
    for path in files:
        module, is_package = module_name(path, root)
        source, name = path.read_text(encoding="utf-8"), str(path.relative_to(root))
        if path.suffix in (".py", ".pyi"):
            tree = ast.parse(source)
            imports = list(python_imports(tree, module, is_package))
            found += [Violation(name, line, text) for line, text in judge_calls(tree, module)]
        else:
            imports = list(cython_imports(source, module, is_package))
            if not under(inside(module), CLOCK_ROOMS):
                for line, text in statements(blanked(source)):
                    if match := _CYTHON_CLOCK.search(text):
                        found.append(Violation(name, line, f"{inside(module)} reads a clock: {match.group()}"))
        for one in imports:
            for target in targets(one, modules):
                if complaint := judge_import(module, target, typing=one.typing):
                    found.append(Violation(name, one.line, complaint))
    return found


# --- the tests -----------------------------------------------------------------------------------------------


def test_house_keeps_its_floors() -> None:
    violations = check(ROOT)
    assert not violations, "\n" + "\n".join(map(str, violations))


def test_every_room_has_a_floor() -> None:
    rooms = {room_of(module_name(path, ROOT)[0]) for path in (ROOT / "fixfast").rglob("*.py")}
    assert rooms <= set(FLOORS), f"no floor for {sorted(rooms - set(FLOORS))}"


def test_floor_table_of_the_docs_is_the_one_checked() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| ([^|]+) \|", text, re.MULTILINE)
    assert rows, "docs/architecture.md has no floor table"
    cells = [(int(floor), name) for floor, cell in rows for name in re.findall(r"`([^`]+)`", cell)]
    assert (FLOORS["fix44"], "dictionary/spec/") in cells  # stands for what is made of it
    in_docs = {name.rstrip("/").removesuffix(".py"): floor for floor, name in cells if name != "dictionary/spec/"}
    rooms = {room: floor for room, floor in FLOORS.items() if floor <= 10 and room not in ("_version", *GENERATED)}
    assert in_docs == rooms


def test_compiled_modules_are_read_too() -> None:
    kinds = {path.suffix for path in (ROOT / "fixfast").rglob("*") if path.suffix in (".pyx", ".pxd")}
    assert kinds == {".pyx", ".pxd"}


BAD = [
    ("codec/x.py", "from fixfast.session.state import State", "strictly down"),
    (
        "codec/x.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import fixfast.engine.live",
        "strictly down",
    ),
    ("codec/x.pyx", "from fixfast.session.x cimport thing", "strictly down"),
    ("codec/x.pyx", "cimport fixfast.session.x", "strictly down"),
    ("codec/x.pxd", "from fixfast.session.x cimport (\n    one,\n    two)", "strictly down"),
    ("codec/x.pyx", "from ..session.x cimport thing", "strictly down"),
    ("codec/x.pyx", "'''from nothing'''\nimport time\ndef f():\n    return time.monotonic_ns()", "reads a clock"),
    ("codec/x.pyx", "cdef extern from 'time.h':\n    int clock_gettime(int, void*)", "reads a clock"),
    ("codec/x.py", "import numpy as np", "belongs to"),
    ("codec/x.py", "from fixfast.codec.reference.message import parse", "oracle"),
    ("codec/reference/x.py", "from fixfast.codec.message import parse", "there to check"),
    ("codec/x.py", "def f():\n    from ..engine import live", "strictly down"),
    ("logs/x.py", "from fixfast.store.base import Store", "strictly down"),
    ("store/x.py", "from fixfast.logs import reader", "strictly down"),
    ("session/x.py", "from fixfast.store.journal import JournalStore", "only store.base"),
    ("session/x.py", "from fixfast.store import journal", "only store.base"),
    ("session/x.py", "import asyncio", "no I/O"),
    ("session/x.py", "from concurrent.futures import Future", "no I/O"),
    ("session/x.py", "import time\ndef f():\n    return time.time()", "reads a clock"),
    ("session/x.py", "from time import monotonic_ns", "reads a clock"),
    ("session/x.py", "from datetime import datetime\ndef f():\n    return datetime.now()", "reads a clock"),
    ("session/x.py", "from fixfast.clock import now", "as an argument"),
    ("session/x.py", "def f():\n    return open('x').read()", "open no file"),
    ("dictionary/x.py", "from pathlib import Path\ndef f():\n    return Path('x').read_text()", "open no file"),
    ("exchange/x.py", "import time\ndef f():\n    return time.perf_counter_ns()", "reads a clock"),
    ("exchange/x.py", "import rich", "belongs to"),
    ("session/x.pyx", "from libc.stdint cimport int64_t", "belongs to"),
    ("engine/x.py", "from fixfast import connect", "strictly down"),
    ("engine/x.py", "import importlib\nimportlib.import_module('fixfast.cli')", "strictly down"),
    ("cellar/x.py", "from fixfast import errors", "no floor"),
]


@pytest.mark.parametrize(("path", "source", "complaint"), BAD, ids=[f"{p}:{s.splitlines()[-1]}" for p, s, _ in BAD])
def test_checker_objects(tmp_path: Path, path: str, source: str, complaint: str) -> None:
    for room in ("codec/reference", "session", "store", "logs", "engine", "dictionary", "exchange", "cellar"):
        (tmp_path / "fixfast" / room).mkdir(parents=True)
    for module in ("store/base", "store/journal", "engine/live", "logs/reader", "session/x", "errors", "clock"):
        (tmp_path / "fixfast" / f"{module}.py").write_text("")
    (tmp_path / "fixfast" / path).write_text(source)
    assert [v for v in check(tmp_path) if complaint in v.text], f"not noticed: {source}"


GOOD = [
    ("codec/x.pyx", '# from fixfast.session cimport x\n"""\nimport asyncio\n"""\nfrom libc.string cimport memcpy\n'),
    (
        "codec/x.pyx",
        "from fixfast.codec.y cimport thing\nfrom .y cimport (a,\n  b)\nfrom fixfast.dictionary.model import Field",
    ),
    (
        "session/x.py",
        "from fixfast.store.base import Store\nfrom fixfast.store import memory\nfrom fixfast.types import Now",
    ),
    ("engine/x.py", "import asyncio, time\nfrom fixfast.clock import now\nstarted = time.monotonic_ns()"),
    ("cli/x.py", "import click, time\nfrom fixfast import fix44\ntime.sleep(1)\nopen('x')"),
    ("codec/reference/x.py", "from fixfast.codec.present import pretty\nfrom .y import z"),
]


@pytest.mark.parametrize(("path", "source"), GOOD, ids=[p for p, _ in GOOD])
def test_checker_lets_good_code_pass(tmp_path: Path, path: str, source: str) -> None:
    (tmp_path / "fixfast" / path).parent.mkdir(parents=True)
    (tmp_path / "fixfast" / "fix44").mkdir()
    (tmp_path / "fixfast" / "fix44" / "__init__.py").write_text("")
    (tmp_path / "fixfast" / "store").mkdir()
    (tmp_path / "fixfast" / "store" / "memory.py").write_text("")
    (tmp_path / "fixfast" / path).write_text(source)
    assert check(tmp_path) == []
