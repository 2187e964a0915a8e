"""Copy the sources to another folder, leaving out what was built: `python .ci/tree.py DEST [NAME ...]`.

A special build (sanitizers, coverage) happens in such a copy, so that it never replaces the modules in the checkout.
Files that have not changed keep their times: a second run builds only what is new.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

NAMES = (
    *("pyproject.toml", "setup.py", "Makefile", "LICENSE", "README.md", "CHANGELOG.md", "CONTRIBUTING.md"),
    *("fixfast", "tests", "benchmarks", "examples", "docs", ".ci"),
)
BUILT = {".so", ".pyd", ".pyc"}


def is_source(path: Path) -> bool:
    built = path.suffix in BUILT or (path.suffix == ".c" and path.with_suffix(".pyx").exists())
    return path.is_file() and not built and "__pycache__" not in path.parts


def copy(source: Path, target: Path) -> None:
    if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)


def main() -> None:
    root, dest = Path(__file__).resolve().parents[1], Path(sys.argv[1])
    for name in sys.argv[2:] or NAMES:
        path = root / name
        for source in [path] if path.is_file() else filter(is_source, sorted(path.rglob("*"))):
            copy(source, dest / source.relative_to(root))
        for target in filter(is_source, sorted((dest / name).rglob("*"))):
            if not (root / target.relative_to(dest)).exists():
                target.unlink()  # gone from the sources since the last copy


main()
