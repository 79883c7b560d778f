"""Makes the wheel: the raw layer, the tiles in C, and the shared library beside them.

TILECACHE_LIB is the directory of the built library; without it the library is built here, which takes Rust.
"""

import importlib
import os
import pathlib
import re
import shutil
import subprocess
import sys

import numpy
from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE))


# What is built on the way lies beside what cargo builds, and never stays from one wheel to the next.
TARGET = pathlib.Path(ROOT, os.environ.get("CARGO_TARGET_DIR", "target"))
BUILD = TARGET / "python"


def library_directory() -> pathlib.Path:
    """Where libtilecache.so is; built if nobody said."""
    if "TILECACHE_LIB" not in os.environ:
        subprocess.run(["cargo", "build", "--release", "--locked", "--lib"], cwd=ROOT, check=True)
        os.environ["TILECACHE_LIB"] = str(TARGET / "release")
    found = pathlib.Path(os.environ["TILECACHE_LIB"])
    if not (found / "libtilecache.so").is_file():
        raise SystemExit(f"TILECACHE_LIB is {found}, which has no libtilecache.so")
    return found


def dynamic(library: pathlib.Path, what: str) -> str:
    return subprocess.run(["objdump", what, str(library)], check=True, capture_output=True, text=True).stdout


def soname(library: pathlib.Path) -> str:
    """The name under which programs look for the library."""
    return re.search(r"SONAME\s+(\S+)", dynamic(library, "-p"))[1]


def glibc(libraries: list[pathlib.Path]) -> tuple[int, int]:
    """The oldest glibc that has all symbols which these need."""
    needed = [(2, 17)]
    for library in libraries:
        needed += [(int(a), int(b)) for a, b in re.findall(r"GLIBC_(\d+)\.(\d+)", dynamic(library, "-T"))]
    return max(needed)


def looks_in(extension: pathlib.Path) -> list[str]:
    """The folders in which an extension looks for the library."""
    return re.findall(r"(?:RUNPATH|RPATH)\s+(\S+)", dynamic(extension, "-p"))


class WithLibrary(build_ext):
    """Puts the shared library beside the extensions, which look for it there and nowhere else."""

    def build_extensions(self):
        # A Python that was built with folders of its own links with them: a library there would go before the wheel's.
        self.compiler.linker_so = [part for part in self.compiler.linker_so if not part.startswith("-Wl,-rpath")]
        for made in self.extensions:
            # What is for debuggers names the folder of the build.
            made.extra_link_args.append("-Wl,--strip-all")
        super().build_extensions()
        for extension in (pathlib.Path(self.get_ext_fullpath(made.name)) for made in self.extensions):
            if looks_in(extension) != ["$ORIGIN"]:
                raise SystemExit(f"{extension.name} would look for the library in {looks_in(extension)}")

    def run(self):
        library = library_directory() / "libtilecache.so"
        super().run()
        extension = pathlib.Path(self.get_ext_fullpath("tilecache._raw"))
        shutil.copy2(library, extension.parent / soname(library))
        # What the library is made of, and under which licences.
        for text in ("LICENSE", "THIRD-PARTY.txt"):
            shutil.copy2(ROOT / text, extension.parent / text)
        # Symbols are of no use in a wheel, and most of its size.
        subprocess.run(["strip", "--strip-unneeded", str(extension.parent / soname(library))], check=True)


class Tagged(bdist_wheel):
    """Tags the wheel by the glibc that it needs, not by that of this machine."""

    def get_tag(self):
        python, abi, platform = super().get_tag()
        if platform.startswith("linux_"):
            platform = "manylinux_{}_{}_{}".format(*glibc(list(BUILD.rglob("*.so*"))), platform.removeprefix("linux_"))
        return python, abi, platform


def version() -> str:
    return re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)[1]


def tiles() -> Extension:
    """The tiles in C, compiled and linked as the raw layer is."""
    raw = importlib.import_module("build_raw").LINKED
    include = [*raw["include_dirs"], numpy.get_include()]
    return Extension("tilecache._tiles", ["tiles.c"], **(raw | {"include_dirs": include}))


library_directory()
shutil.rmtree(BUILD, ignore_errors=True)
BUILD.mkdir(parents=True)
setup(
    version=version(),
    ext_modules=[tiles()],
    cffi_modules=["build_raw.py:ffi"],
    cmdclass={"build_ext": WithLibrary, "bdist_wheel": Tagged},
    options={
        "bdist_wheel": {"py_limited_api": "cp310"},
        "build": {"build_base": str(BUILD)},
        "egg_info": {"egg_base": str(BUILD)},
    },
)
