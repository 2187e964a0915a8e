"""Build of fixfast: what pyproject.toml cannot say.

`build_py` and `build_ext` first run the dictionary generator (fixfast/dictionary/generate.py); `sdist` leaves out
what is generated. Environment variables, for development:

    FIXFAST_EXTENSIONS=fixfast.codec.encode,...   build only these
    FIXFAST_DEBUG=1                               bounds and None checks everywhere, C asserts
    FIXFAST_SANITIZE=address,undefined            gcc's or clang's sanitizers
    FIXFAST_WERROR=1                              Cython and C warnings are errors
    FIXFAST_COVERAGE=1                            line tracing, for coverage.py's plugin Cython.Coverage
    FIXFAST_OPTIMIZE=0                            -O0 instead of -O3: a build for tests, made in half the time

Changing one of them rebuilds what it concerns.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from setuptools import Extension, find_packages, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py
from setuptools.command.egg_info import egg_info
from setuptools.command.sdist import sdist
from setuptools.modified import newer_group

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))  # PEP 517 front ends do not put the project on the path

from fixfast.dictionary.generate import GENERATED_PACKAGES, generate  # noqa: E402

WINDOWS_SUFFIXES = (".pyd", ".dll")
#: Directories whose sources go into the sdist beside the package, so that it can be tested and measured.
SDIST_DIRS = ("tests", "docs", "examples", "benchmarks")
SDIST_FILES = ("Makefile", "CHANGELOG.md", "CONTRIBUTING.md")
SDIST_SUFFIXES = {
    *(".py", ".pyi", ".c", ".h", ".sh", ".js", ".css"),
    *(".md", ".xml", ".fix", ".txt", ".json", ".toml", ".cfg", ".svg", ".html", ".dict"),
}

#: C sources beside the .pyx of an extension. Every .pyx below fixfast/ is an extension.
C_SOURCES = {
    "fixfast.codec.scan.kernels": ["scalar.c", "avx2.c", "avx512.c", "neon.c", "dispatch.c"],
    "fixfast.codec.schema": ["schema_check.c"],
    "fixfast.codec.validate": ["walk.c"],
}
#: What a kernel is compiled for, by gcc and clang, and the macros that say so. Where the compiler does not take that
#: (an old one, another processor, two processors at once as for macOS's universal2) the file is compiled without, and
#: holds no kernel then. NEON is part of 64-bit ARM.
KERNEL_FLAGS = {
    "avx2.c": ("-mavx2 -mbmi -mbmi2 -mpopcnt", "__x86_64__ __AVX2__ __BMI2__"),
    "avx512.c": (
        "-mavx512f -mavx512bw -mavx512vl -mavx512vbmi -mavx512vbmi2 -mavx2 -mbmi -mbmi2 -mpopcnt",
        "__x86_64__ __AVX512BW__ __AVX512VL__ __AVX512VBMI__ __AVX512VBMI2__",
    ),
    "neon.c": ("-fno-tree-slp-vectorize", "__aarch64__"),
}
#: The same by MSVC, on 64-bit x86.
MSVC_KERNEL_FLAGS = {"avx2.c": "/arch:AVX2"}
#: Headers that do not exist before the generator has run.
GENERATED_HEADERS = ("fixfast/codec/_data_pairs.h",)


def env_flag(name: str) -> bool:
    return os.environ.get(name, "") not in ("", "0")


def extensions() -> list[Extension]:
    """Return an extension for each .pyx, or those that FIXFAST_EXTENSIONS names."""
    paths = {".".join(path.with_suffix("").parts): path for path in map(Path, tree_files("*.pyx"))}
    only = {name.strip() for name in os.environ.get("FIXFAST_EXTENSIONS", "").split(",") if name.strip()}
    unknown = only - paths.keys()
    if unknown:
        sys.exit(f"FIXFAST_EXTENSIONS: no {', '.join(sorted(unknown))}; there are {', '.join(sorted(paths))}")
    headers = sorted({*tree_files("*.h"), *GENERATED_HEADERS})
    return [
        Extension(
            name,
            [path.as_posix(), *((path.parent / source).as_posix() for source in C_SOURCES.get(name, ()))],
            include_dirs=["fixfast/codec", "fixfast/codec/scan"],
            depends=list(headers),  # all of them: they are few, and this also carries them into the sdist
        )
        for name, path in sorted(paths.items())
        if not only or name in only
    ]


def tree_files(pattern: str) -> list[str]:
    return sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "fixfast").rglob(pattern))


# --- what is generated --------------------------------------------------------------------------------------


def as_posix(name: str) -> str:
    return Path(name).as_posix()


def is_generated(name: str) -> bool:
    """Tell whether a file in the tree is made by a build: it belongs in the wheel at most, not in git or the sdist."""
    path = Path(name)
    parts = path.parts
    if path.suffix in {".so", ".pyc", ".part", ".o", ".obj", *WINDOWS_SUFFIXES} or "__pycache__" in parts:
        return True
    if path.suffix in {".c", ".cpp", ".html"} and (ROOT / path.with_suffix(".pyx")).exists():
        return True  # Cython's
    compiled = parts[:3] == ("fixfast", "dictionary", "blobs")
    return compiled or path.stem == "_data_pairs" or ".".join(parts[:2]) in GENERATED_PACKAGES


class Sdist(sdist):
    """An sdist with the sources and nothing that was generated."""

    def make_release_tree(self, base_dir: str, files: list[str]) -> None:
        super().make_release_tree(base_dir, [name for name in files if not is_generated(name)])


class EggInfo(egg_info):
    """Decides what the sdist holds: setuptools takes its list from here, and puts SOURCES.txt in the sdist too."""

    def find_sources(self) -> None:
        super().find_sources()
        names = {*map(as_posix, self.filelist.files), *tree_files("*.pxd"), *SDIST_FILES}
        for folder in SDIST_DIRS:
            names.update(
                path.relative_to(ROOT).as_posix()
                for path in (ROOT / folder).rglob("*")
                if path.suffix in SDIST_SUFFIXES and path.is_file()
            )
        self.filelist.files = sorted(name for name in names if not is_generated(name) and (ROOT / name).is_file())
        manifest = Path(self.egg_info, "SOURCES.txt")
        manifest.write_text("\n".join([*self.filelist.files, ""]), encoding="utf-8")


# --- build --------------------------------------------------------------------------------------------------


class BuildPy(build_py):
    """Copies the Python files, after generating those that are generated."""

    def run(self) -> None:
        generate(ROOT)
        # Not known when the distribution was set up: they may not have existed.
        self.packages = sorted({*(self.packages or ()), *GENERATED_PACKAGES})
        super().run()


class BuildExt(build_ext):
    """Cython, then C, with the flags that compiler and environment ask for."""

    def initialize_options(self) -> None:
        super().initialize_options()
        self.parallel = 2

    def run(self) -> None:
        generate(ROOT)
        if self.extensions:
            self.to_c()
        super().run()

    def to_c(self) -> None:
        """Translate .pyx to .c, in place, again where the environment has changed what comes out."""
        from Cython.Build import cythonize
        from Cython.Compiler import Options
        from Cython.Compiler.Errors import CompileError

        Options.warning_errors = env_flag("FIXFAST_WERROR")
        if env_flag("FIXFAST_DEBUG"):
            force_checks()
        for ext in self.extensions:
            stamps = ROOT / "build" / "stamps"
            if stamp(stamps / f"{ext.name}.c.txt", C_VARIABLES):
                (ROOT / ext.sources[0]).with_suffix(".c").unlink(missing_ok=True)
            compiled = stamps / f"{ext.name}-{sys.implementation.cache_tag}.txt"
            stamp(compiled, (*C_VARIABLES, *COMPILER_VARIABLES))
            ext.depends.append(str(compiled))  # newer than the extension: it is compiled again
        try:
            result = cythonize(
                [Extension(ext.name, list(ext.sources), depends=list(ext.depends)) for ext in self.extensions],
                compiler_directives={"language_level": 3, "linetrace": env_flag("FIXFAST_COVERAGE")},
                include_path=[str(ROOT)],
                force=self.force,
                # Options set here reach other processes only if they are forked.
                nthreads=2 if multiprocessing.get_start_method() == "fork" else 0,
            )
        except CompileError as error:
            sys.exit(f"Cython: {error} does not compile; see above")
        for ext, done in zip(self.extensions, result, strict=True):
            ext.sources = done.sources

    def build_extensions(self) -> None:
        self.compiler_flags()
        super().build_extensions()

    def compiler_flags(self) -> None:
        msvc = self.compiler.compiler_type == "msvc"
        level = os.environ.get("FIXFAST_OPTIMIZE") or "3"
        compile_args = ["/O2", "/std:c11"] if msvc else [f"-O{level}", "-std=c11", "-fno-strict-aliasing"]
        link_args: list[str] = []
        macros: list[tuple[str, str | None]] = []
        undef: list[str] = []
        sanitizers = os.environ.get("FIXFAST_SANITIZE", "")
        if sanitizers and msvc:
            sys.exit("FIXFAST_SANITIZE needs gcc or clang")
        if sanitizers:
            flag = f"-fsanitize={sanitizers}"
            compile_args += [flag, "-fno-sanitize-recover=undefined", "-fno-omit-frame-pointer", "-O1", "-g"]
            link_args.append(flag)
            macros.append(("FIXFAST_SANITIZE", "1"))
            undef.append("NDEBUG")
        if env_flag("FIXFAST_DEBUG"):
            macros.append(("FIXFAST_DEBUG", "1"))
            undef.append("NDEBUG")
            compile_args += [] if msvc else ["-O1", "-g"]
        if env_flag("FIXFAST_COVERAGE"):
            # sys.monitoring would not reach coverage.py's C tracer, which the Cython plugin needs.
            macros += [("CYTHON_TRACE", "1"), ("CYTHON_TRACE_NOGIL", "1"), ("CYTHON_USE_SYS_MONITORING", "0")]
            compile_args += [] if msvc else ["-O1"]
        if env_flag("FIXFAST_WERROR"):
            compile_args += ["/W3", "/WX"] if msvc else ["-Wall", "-Wextra", "-Werror"]
        for ext in self.extensions:
            ext.extra_compile_args += compile_args
            ext.extra_link_args += link_args
            ext.define_macros += macros
            ext.undef_macros += undef
        if not msvc:
            # gcc sees through Cython's jumps only in a plain build.
            plain = not any(env_flag(name) for name in ("FIXFAST_SANITIZE", "FIXFAST_DEBUG", "FIXFAST_COVERAGE"))
            self.per_file([*CYTHON_WARNINGS, *([] if plain else ["-Wno-maybe-uninitialized"])])

    def build_extension(self, ext: Extension) -> None:
        """Compile kernels with flags of their own, then the rest of an extension as usual."""
        kernels = [source for source in ext.sources if Path(source).name in KERNEL_FLAGS]
        if kernels:
            if not newer_group([*ext.sources, *ext.depends], self.get_ext_fullpath(ext.name)) and not self.force:
                return
            ext.sources = [source for source in ext.sources if source not in kernels]
            ext.depends += kernels
            ext.extra_objects += self.compile_kernels(ext, kernels)
        super().build_extension(ext)

    def compile_kernels(self, ext: Extension, kernels: list[str]) -> list[str]:
        """Return the object files."""
        macros = [*ext.define_macros, *((name,) for name in ext.undef_macros)]
        objects = []
        for source in kernels:
            objects += self.compiler.compile(
                [source],
                output_dir=self.build_temp,
                macros=macros,
                include_dirs=ext.include_dirs,
                debug=self.debug,
                extra_postargs=[*ext.extra_compile_args, *self.kernel_flags(Path(source).name)],
                depends=ext.depends,
            )
        return objects

    def kernel_flags(self, name: str) -> list[str]:
        """Return the flags for a kernel that this compiler takes, for the processor it compiles for."""
        if self.compiler.compiler_type == "msvc":
            return MSVC_KERNEL_FLAGS.get(name, "").split() if self.plat_name == "win-amd64" else []
        text, macros = KERNEL_FLAGS[name]
        probe = Path(self.build_temp, f"probe-{name}")
        probe.parent.mkdir(parents=True, exist_ok=True)
        lacks = " || ".join(f"!defined({macro})" for macro in macros.split())
        probe.write_text(f"#if {lacks}\n#error\n#endif\nint probe(void);\n", encoding="utf-8")
        command = [*self.compiler.compiler_so, *text.split(), "-Werror", "-c", str(probe), "-o", f"{probe}.o"]
        taken = subprocess.run(command, check=False, capture_output=True).returncode == 0
        return text.split() if taken else []

    def per_file(self, flags: list[str]) -> None:
        """Turn off, for Cython's output only, the warnings that its own code gives."""
        compile_one = self.compiler._compile

        def compile_relaxed(obj: str, src: str, ext: str, cc_args: Any, extra: list[str], pp_opts: Any) -> None:
            if is_generated(os.path.relpath(src, ROOT)):
                extra = [*extra, *flags]
            compile_one(obj, src, ext, cc_args, extra, pp_opts)

        self.compiler._compile = compile_relaxed


#: What Cython 3's own code needs under -Wall -Wextra.
CYTHON_WARNINGS = (
    "-Wno-unused-parameter",
    "-Wno-unused-function",
    "-Wno-missing-field-initializers",
    "-Wno-cast-function-type",
)


#: What decides Cython's output beside the sources, and what decides the compiler's.
C_VARIABLES = ("FIXFAST_DEBUG", "FIXFAST_COVERAGE")
COMPILER_VARIABLES = ("FIXFAST_SANITIZE", "FIXFAST_OPTIMIZE", "CC", "CFLAGS", "LDFLAGS", "ARCHFLAGS")


def stamp(path: Path, variables: tuple[str, ...]) -> bool:
    """Note in a file what a build depends on outside its sources; return whether that has changed."""
    from Cython import __version__ as cython_version

    text = "\n".join([f"Cython {cython_version}", *(f"{name}={os.environ.get(name, '')}" for name in variables), ""])
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return True


def force_checks() -> None:
    """Make `@boundscheck(False)` and the like on a function mean True.

    A directive on a function beats the command line's, so the debug build turns them round where Cython reads them.
    cdivision and wraparound stay: they change what correct code means.
    """
    from Cython.Compiler.ParseTreeTransforms import InterpretCompilerDirectives

    original = InterpretCompilerDirectives.try_to_parse_directives

    def parse(self: Any, node: Any) -> Any:
        found = original(self, node)
        if isinstance(found, list):
            return [(name, True if name in ("boundscheck", "nonecheck") else value) for name, value in found]
        return found

    InterpretCompilerDirectives.try_to_parse_directives = parse


setup(
    packages=find_packages(include=["fixfast", "fixfast.*"]),
    package_data={
        "": ["*.pyi", "py.typed"],
        "fixfast.dictionary": ["spec/*.xml", "overlays/*.toml", "blobs/*.bin"],
        "fixfast.service.desk": ["*.js", "*.css"],
    },
    include_package_data=False,
    ext_modules=extensions(),
    cmdclass={
        "build_ext": BuildExt,
        "build_py": BuildPy,
        "egg_info": EggInfo,
        "sdist": Sdist,
    },
    zip_safe=False,
)
