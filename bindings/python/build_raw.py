"""The raw layer `tilecache._raw`: what `scripts/bindings` has written of the header, and what Python needs beside it.

It is compiled against the header itself, so that a declaration that has drifted is an error of the C compiler.
"""

import os
import pathlib

import cffi

HERE = pathlib.Path(__file__).resolve().parent
INCLUDE = pathlib.Path(os.environ.get("TILECACHE_INCLUDE", HERE.parent.parent / "include"))
DECLARATIONS = HERE / "src" / "tilecache" / "declarations.h"

# How what is written in C is compiled and linked.
LINKED = {
    "include_dirs": [str(INCLUDE)],
    "library_dirs": [os.environ.get("TILECACHE_LIB", str(HERE.parent.parent / "target" / "release"))],
    "libraries": ["tilecache"],
    "extra_link_args": ["-Wl,-rpath,$ORIGIN"],
    # One extension for this and all later versions of CPython.
    "define_macros": [("Py_LIMITED_API", "0x030A0000")],
    "py_limited_api": True,
}

ffi = cffi.FFI()
ffi.cdef(DECLARATIONS.read_text(encoding="utf-8"))
ffi.set_source("tilecache._raw", "#include <tilecache.h>", **LINKED)
