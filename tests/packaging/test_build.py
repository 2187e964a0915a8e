"""sdist, wheel and editable install, built for real from a copy of the tree (which may be built and dirty)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import time
import venv
import zipfile
from collections.abc import Callable
from email.parser import HeaderParser
from pathlib import Path, PurePosixPath

import pytest

import fixfast
from fixfast._version import __version__
from fixfast.dictionary.generate import GENERATED_PACKAGES, compile_all, render_all

pytestmark = pytest.mark.packaging

ROOT = Path(fixfast.__file__).parents[1]
BUILT = {".so", ".pyd", ".pyc", ".o", ".part"}

if not (ROOT / "setup.py").is_file():
    pytest.skip("not run from a source tree", allow_module_level=True)
pytest.importorskip("build")
pytest.importorskip("Cython")


def run(*command: str | Path, cwd: Path) -> str:
    """Run without the network and without the developer's FIXFAST_ variables; show the output if it fails."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("FIXFAST_", "PYTHONPATH"))}
    # What is looked at here does not depend on the C compiler's zeal.
    env |= {"PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "FIXFAST_OPTIMIZE": "0"}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


def copy_tree(target: Path) -> Path:
    skip = shutil.ignore_patterns(
        ".git", ".venv*", "dist", "*.egg-info", ".*_cache", ".hypothesis", ".benchmarks", "*.log"
    )
    return Path(shutil.copytree(ROOT, target, ignore=skip))


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], Path]) -> Path:
    """Have a file made by the first worker of a test run that wants it; the others wait for it."""
    if not os.environ.get("PYTEST_XDIST_WORKER"):
        return make(factory.mktemp(name))
    folder = factory.getbasetemp().parent / name
    note = folder / "made"
    try:
        folder.mkdir()
    except FileExistsError:
        end = time.monotonic() + 600
        while not note.exists():
            assert time.monotonic() < end
            time.sleep(0.1)
        assert note.read_text(), "it could not be made: a test of another worker says why"
        return Path(note.read_text())
    made = ""
    try:
        made = str(make(folder))
    finally:
        (folder / "made.part").write_text(made)
        (folder / "made.part").rename(note)
    return Path(made)


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An sdist of a tree with everything in it that a build, a test run and a careless developer leave behind."""
    return made_once(tmp_path_factory, "dirty", make_sdist)


def make_sdist(folder: Path) -> Path:
    tree = copy_tree(folder / "tree")
    for name, text in render_all().items():
        (tree / name).parent.mkdir(exist_ok=True)
        (tree / name).write_text(text, encoding="utf-8")
    for name, data in compile_all().items():
        (tree / name).parent.mkdir(exist_ok=True)
        (tree / name).write_bytes(data)
    for name in (
        "convert.c",
        "convert.html",
        "convert.cpython-311-x86_64-linux-gnu.so",
        "convert.pyd",
        "scan/kernels.c",
    ):
        (tree / "fixfast/codec" / name).write_bytes(b"dirt")
    for name in ("fixfast/__pycache__/x.pyc", "tests/__pycache__/x.pyc", "build/lib/fixfast/x.py", "tests/x.so"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes(b"dirt")
    run(sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", tree.parent / "out", tree, cwd=tree)
    (made,) = (tree.parent / "out").iterdir()
    return made


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_once(tmp_path_factory, "clean", lambda folder: make_wheel(sdist, folder))


def make_wheel(sdist: Path, work: Path) -> Path:
    with tarfile.open(sdist) as tar:
        tar.extractall(work, filter="data")
    (tree,) = work.iterdir()
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", work / "out", tree, cwd=tree)
    (made,) = (work / "out").iterdir()
    return made


def sdist_names(sdist: Path) -> list[str]:
    with tarfile.open(sdist) as tar:
        return [name.partition("/")[2] for name in tar.getnames() if "/" in name]


def hand_written_c() -> list[str]:
    """Return the C sources that are not Cython's: those without a .pyx of their name."""
    paths = [path for path in (ROOT / "fixfast").rglob("*.c") if not path.with_suffix(".pyx").exists()]
    return [path.relative_to(ROOT).as_posix() for path in paths]


def empty_environment(folder: Path) -> Path:
    """Make an environment without any package; return its Python."""
    venv.create(folder, symlinks=os.name != "nt")
    return folder / ("Scripts" if os.name == "nt" else "bin") / ("python.exe" if os.name == "nt" else "python")


# --- sdist ------------------------------------------------------------------------------------------------


def test_sdist_holds_nothing_generated(sdist: Path) -> None:
    names = sdist_names(sdist)
    generated = {*render_all(), *compile_all(), *(package.replace(".", "/") for package in GENERATED_PACKAGES)}
    assert not generated & set(names)
    assert not [name for name in names if PurePosixPath(name).suffix in BUILT or "__pycache__" in name]
    assert not [name for name in names if name.startswith(("build/", "dist/"))]
    c_files = [name for name in names if name.endswith((".c", ".html")) and name.startswith("fixfast/")]
    assert sorted(c_files) == sorted(hand_written_c())


def test_sdist_does_not_list_what_it_does_not_hold(sdist: Path) -> None:
    with tarfile.open(sdist) as tar:
        member = next(item for item in tar.getmembers() if item.name.endswith("fixfast.egg-info/SOURCES.txt"))
        file = tar.extractfile(member)
        assert file is not None
        listed = file.read().decode().splitlines()
    assert set(listed) <= set(sdist_names(sdist))


def test_sdist_holds_every_source(sdist: Path) -> None:
    names = set(sdist_names(sdist))
    assert {"setup.py", "pyproject.toml", "README.md", "LICENSE", "Makefile", "tests/packaging/test_build.py"} <= names
    generated = {*render_all()}
    for path in (ROOT / "fixfast").rglob("*"):
        name = path.relative_to(ROOT).as_posix()
        if path.suffix in {".py", ".pyi", ".pyx", ".pxd", ".h", ".xml", ".toml", ".typed"} and name not in generated:
            assert name in names, name
    assert {"fixfast/codec/scan/scalar.c", "fixfast/codec/schema_check.c"} <= set(hand_written_c()) <= names


# --- wheel ------------------------------------------------------------------------------------------------


def test_wheel_built_from_the_sdist_is_whole(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    for path in (ROOT / "fixfast").rglob("*.pyx"):
        module = path.relative_to(ROOT).with_suffix("").as_posix()
        assert {f"{module}{suffix}", f"{module}.pyi"} <= names
    assert "fixfast/py.typed" in names
    for folder in ("fixfast/dictionary/spec", "fixfast/dictionary/overlays"):
        assert {f"{folder}/{path.name}" for path in (ROOT / folder).iterdir()} <= names
    for name in (*render_all(), *compile_all()):
        assert (name in names) == (not name.endswith(".h"))
    for path in (ROOT / "fixfast").rglob("*.py"):
        assert path.relative_to(ROOT).as_posix() in names
    assert not [name for name in names if name.endswith((".pyx", ".pxd", ".c", ".h", ".pyc"))]
    assert {name.split("/")[0] for name in names} == {"fixfast", f"fixfast-{__version__}.dist-info"}


def test_metadata(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    info = f"fixfast-{__version__}.dist-info"
    meta = HeaderParser().parsestr(archive.read(f"{info}/METADATA").decode())
    assert meta["License-Expression"] == "MIT"
    assert meta["Requires-Python"] == ">=3.11"
    requires = meta.get_all("Requires-Dist", [])
    core = {line.split(";")[0].split(">")[0].strip() for line in requires if "extra ==" not in line}
    assert core - {"tzdata"} == {"numpy"}
    extras = set("cli arrow postgres http accounts service desk crypto dask uvloop metrics all test bench docs".split())
    assert set(meta.get_all("Provides-Extra", [])) == extras
    assert "fixfast = fixfast.cli:main" in archive.read(f"{info}/entry_points.txt").decode()
    assert f"{info}/licenses/LICENSE" in archive.namelist()


USE = """
import fixfast, mmap, pathlib
from fixfast.dictionary.compiled import blob_of
from fixfast import fix44, fix50sp2
assert fix44.Side.BUY == "1" and fix50sp2.Tag.RateSource == 1446
assert len(fixfast.load_dictionary("FIX.5.0SP2").fields) == 6028
raw = fixfast.encode("FIX.4.4", "0", [(49, "A"), (56, "B"), (34, 1)])
assert fixfast.parse(raw)[49] == "A"
assert isinstance(blob_of("FIX.5.0SP2"), mmap.mmap)  # shipped
raw = fixfast.encode("FIX.4.4", "W", [(268, [[(269, "0")], [(269, "1")]])])
assert [entry[269] for entry in fixfast.parse(raw).group(268)] == ["0", "1"]
print(pathlib.Path(fixfast.__file__).parents[1])
"""


def test_wheel_works_in_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    python = empty_environment(tmp_path / "env")
    run(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", wheel, cwd=tmp_path)
    where = run(python, "-W", "error", "-c", USE, cwd=tmp_path)
    assert str(tmp_path / "env") in where


def test_editable_install_works(tmp_path: Path) -> None:
    tree = copy_tree(tmp_path / "tree")
    python = empty_environment(tmp_path / "env")
    # The build tools come from the environment of the tests: no network.
    site = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=tmp_path).strip()
    tools = os.pathsep.join(sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}))
    Path(site, "tools.pth").write_text(tools.replace(os.pathsep, "\n") + "\n", encoding="utf-8")
    install = (
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--ignore-installed",
        "--no-deps",
        "--no-build-isolation",
        "--editable",
        tree,
    )
    run(sys.executable, *install, cwd=tmp_path)
    Path(site, "tools.pth").unlink()
    where = run(python, "-W", "error", "-c", USE, cwd=tmp_path)
    assert where.strip() == str(tree)
