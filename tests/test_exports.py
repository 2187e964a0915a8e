"""Public names: each resolves, is documented and is tested; `__all__` is everywhere and right; importing is cheap."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

import fixfast as ff

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "fixfast"

#: Names that are documented at another place than their own docstring: constants and type aliases.
PLAIN_VALUES = {"Buffer", "__version__"}


@cache
def packages() -> tuple[str, ...]:
    inits = sorted(PACKAGE.rglob("__init__.py"))
    return tuple(".".join(path.parent.relative_to(ROOT).parts) for path in inits)


@cache
def module_names() -> tuple[str, ...]:
    """Return every module under fixfast, found without importing one."""
    names = {
        f"{package}.{info.name}"
        for package in packages()
        for info in pkgutil.iter_modules([str(ROOT.joinpath(*package.split(".")))])
    }
    return tuple(sorted(name for name in names if not name.endswith("__main__")))


def load(name: str) -> ModuleType:
    return importlib.import_module(name)


def source_of(name: str) -> Path:
    """Return the source file of a module: .py or .pyx."""
    base = ROOT.joinpath(*name.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py", base.with_suffix(".pyx")):
        if path.exists():
            return path
    raise AssertionError(f"{name} has no source file")


def defined_names(tree: ast.Module) -> set[str]:
    """Return the public functions, classes and type aliases of a module."""
    found = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.AnnAssign) and ast.unparse(node.annotation).endswith("TypeAlias"):
            found.add(ast.unparse(node.target))
    return {name for name in found if not name.startswith("_")}


# --- modules -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", module_names())
def test_every_module_imports(name: str) -> None:
    load(name)


def test_all_source_files_are_importable_modules() -> None:
    files = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for suffix in ("py", "pyx")
        for path in PACKAGE.rglob(f"*.{suffix}")
        if path.name != "__main__.py"
    }
    assert files - {"fixfast"} <= set(module_names()), "a package lacks its __init__.py, or a .pyx is not built"


def exported(name: str) -> list[str]:
    """Return a module's `__all__`. Only a module that defines nothing public may go without."""
    module = load(name)
    if not hasattr(module, "__all__"):
        source = source_of(name)
        assert source.suffix == ".py", f"{name} has no __all__"
        assert not defined_names(ast.parse(source.read_text(encoding="utf-8"))), f"{name} has no __all__"
        return []
    return list(module.__all__)


@cache
def taken_from() -> dict[str, set[str]]:
    """Return module -> public names that other modules of the library import from it."""
    found: dict[str, set[str]] = {}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("fixfast."):
                found.setdefault(node.module or "", set()).update(alias.name for alias in node.names)
    return found


@pytest.mark.parametrize("name", ["fixfast", *module_names()])
def test_all_is_there_and_resolves(name: str) -> None:
    module = load(name)
    names = exported(name)
    assert len(names) == len(set(names)), f"{name}.__all__ has a name twice"
    missing = [one for one in names if not hasattr(module, one)]
    assert not missing, f"{name}.__all__ names what is not there: {missing}"


@pytest.mark.parametrize("name", module_names())
def test_all_names_what_others_take(name: str) -> None:
    taken = {one for one in taken_from().get(name, set()) if not one.startswith("_")}
    forgotten = taken - set(exported(name)) - {n.rpartition(".")[2] for n in module_names() if n.startswith(name + ".")}
    assert not forgotten, f"others import {sorted(forgotten)} from {name}, but its __all__ does not name them"


def compiled_modules() -> list[str]:
    return [name for name in module_names() if source_of(name).suffix == ".pyx"]


def test_every_compiled_module_has_header_and_stub() -> None:
    assert compiled_modules()
    cython = "\n".join(path.read_text(encoding="utf-8") for ext in ("pyx", "pxd") for path in PACKAGE.rglob(f"*.{ext}"))
    for name in compiled_modules():
        base = source_of(name)
        assert base.with_suffix(".pyi").exists(), f"{name} has no .pyi"
        if f"from {name} cimport" in cython:
            assert base.with_suffix(".pxd").exists(), f"{name} is cimported, but has no .pxd"


def members_of(declared: ast.ClassDef) -> set[str]:
    methods = {node.name for node in declared.body if isinstance(node, ast.FunctionDef)}
    return methods | {
        n.target.id for n in declared.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)
    }


@pytest.mark.parametrize("name", compiled_modules())
def test_stub_and_compiled_module_name_the_same(name: str) -> None:
    tree = ast.parse(source_of(name).with_suffix(".pyi").read_text(encoding="utf-8"))
    in_stub = next(
        (
            ast.literal_eval(node.value)
            for node in tree.body
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
        ),
        defined_names(tree),
    )
    assert sorted(in_stub) == sorted(load(name).__all__)
    for one in in_stub:
        value = getattr(load(name), one)
        if not isinstance(value, type):
            continue
        declared = next((n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == one), None)
        assert declared is not None, f"{name}.pyi does not declare {one}"
        methods = members_of(declared)
        if any(ast.unparse(base) == "Fields" for base in declared.bases):  # what Message and Entry answer alike
            shared = ast.parse((PACKAGE / "codec" / "values.pyi").read_text(encoding="utf-8"))
            methods |= next(members_of(n) for n in shared.body if isinstance(n, ast.ClassDef) and n.name == "Fields")
        inherited = set(dir(Sequence)) if issubclass(value, Sequence) else set()
        public = {attribute for attribute in vars(value) if not attribute.startswith("_")} - inherited
        assert public == {m for m in methods if not m.startswith("_")} - inherited, (
            f"{name}.{one}: stub and class differ"
        )


@pytest.mark.parametrize("name", packages())
def test_no_public_name_is_shadowed_by_a_module(name: str) -> None:
    package = load(name)
    inside = {info.name for info in pkgutil.iter_modules(package.__path__)}
    shadowed = {one for one in exported(name) if one in inside and not inspect.ismodule(getattr(package, one))}
    assert not shadowed, f"{name}: importing a module of that name would replace {shadowed}"


# --- public names --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ff.__all__)
def test_public_name_resolves_and_is_documented(name: str) -> None:
    value = getattr(ff, name)
    if name not in PLAIN_VALUES:
        own = value.__doc__ or ""
        inherited = any(own == base.__doc__ for base in getattr(value, "__mro__", ())[1:])
        assert own.strip(), f"ff.{name} has no docstring"
        assert not inherited, f"ff.{name} only has a docstring by inheritance"
    documents = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in documents)
    written = re.search(rf"\b(?:ff|fixfast)\.{re.escape(name)}\b", text)
    # The exceptions are drawn as one tree, which the docs point to.
    is_error = isinstance(value, type) and issubclass(value, ff.FixfastError)
    assert written or is_error or name == "__version__", f"no page in docs/ mentions ff.{name}"


@cache
def names_used_in_tests() -> frozenset[str]:
    """Return names reached through `ff.` or `fixfast.`, or imported from fixfast, in any test, found by syntax."""
    return frozenset(name for path in (ROOT / "tests").rglob("*.py") for name in used_names(path))


def used_names(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ("ff", "fixfast"):
            yield node.attr
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "fixfast":
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize("name", ff.__all__)
def test_public_name_is_used_in_a_test(name: str) -> None:
    assert name in names_used_in_tests(), f"no test uses ff.{name}"


def test_dir_lists_every_public_name() -> None:
    assert set(ff.__all__) <= set(dir(ff))


def test_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(ff, "nonsense")


def test_version_is_a_version() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+([ab.]\w+)?", ff.__version__)


def test_names_seen_by_type_checkers_are_the_lazy_ones() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    blocks = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    eager = {
        alias.name: node.module
        for block in blocks
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert eager == ff._HOME


def test_exception_tree_in_docstring_is_the_tree() -> None:
    errors = load("fixfast.errors")
    drawn = set(re.findall(r"^[ |+-]*(\w+)", errors.__doc__ or "", re.MULTILINE)) & set(vars(errors))
    assert drawn == set(errors.__all__)
    assert all(issubclass(getattr(errors, name), errors.FixfastError) for name in errors.__all__)


# --- importing is cheap --------------------------------------------------------------------------------------


def test_import_loads_nothing_heavy() -> None:
    code = (
        "import sys, json; before = set(sys.modules); import fixfast; "
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    loaded = json.loads(ran.stdout)
    assert [name for name in loaded if name.startswith("fixfast")] == ["fixfast", "fixfast._version"]
    assert not {"numpy", "asyncio", "ssl", "xml", "decimal", "rich", "click"} & {name.split(".")[0] for name in loaded}


def test_reading_a_message_loads_no_dictionary() -> None:
    code = (
        "import sys, fixfast as ff; m = ff.parse(ff.encode('FIX.4.4', '0', [(34, 1)])); m.int(34); "
        "assert not [n for n in sys.modules if n.startswith(('xml', 'fixfast.dictionary.quickfix', 'fixfast.fix'))], "
        "sorted(n for n in sys.modules if 'fix' in n or 'xml' in n)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert ran.returncode == 0, ran.stderr


def test_importing_the_package_needs_nothing_built(tmp_path: Path) -> None:
    """setup.py imports fixfast before a compiler has run."""
    for path in PACKAGE.rglob("*.py"):
        target = tmp_path / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import fixfast.dictionary.generate as g; print(g.__file__)"
    )
    ran = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert ran.stdout.startswith(str(tmp_path))
