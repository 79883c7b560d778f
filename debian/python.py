"""Compiles the parts in C of the Python package beside it, and says what it is: python.py BINDING DIST-PACKAGES BUILD"""

import pathlib
import re
import shutil
import sys
import tomllib

from setuptools import Distribution
from setuptools.extension import Extension

binding, into, build = (pathlib.Path(path).resolve() for path in sys.argv[1:])
sys.path.insert(0, str(binding))
import build_raw  # noqa: E402
import numpy  # noqa: E402

build_raw.ffi.emit_c_code(str(build / "raw.c"))
linked = build_raw.LINKED | {"include_dirs": [*build_raw.LINKED["include_dirs"], numpy.get_include()]}
if int(numpy.__version__.split(".")[0]) < 2:
    # What its headers call by this name only from 2.0 on.
    linked["define_macros"] = [*linked["define_macros"], ("PyDataType_ELSIZE(descr)", "((descr)->elsize)")]
extensions = [
    Extension("tilecache._raw", [str(build / "raw.c")], **linked),
    Extension("tilecache._tiles", [str(binding / "tiles.c")], **linked),
]
command = Distribution({"name": "tilecache", "ext_modules": extensions}).get_command_obj("build_ext")
command.build_lib, command.build_temp = str(into), str(build)
command.ensure_finalized()
command.run()

about = tomllib.loads((binding / "pyproject.toml").read_text())["project"]
version = re.search(r'^version = "(.*)"', (binding.parents[1] / "Cargo.toml").read_text(), re.M)[1]
info = into / f"tilecache-{version}.dist-info"
info.mkdir(exist_ok=True)
lines = ["Metadata-Version: 2.1", "Name: tilecache", f"Version: {version}", f"Summary: {about['description']}"]
lines += [f"Requires-Dist: {wanted}" for wanted in ("cffi", "numpy")]
(info / "METADATA").write_text("\n".join(lines) + "\n")
entries = [f"[{group}]\n" + "".join(f"{name} = {of}\n" for name, of in named.items())
           for group, named in about["entry-points"].items()]
(info / "entry_points.txt").write_text("\n".join(entries))
for left in into.rglob("__pycache__"):
    shutil.rmtree(left)
