"""The raw layer `tilecache._raw`: what `scripts/bindings` has written of the header, and what Python needs beside it.

It is compiled against the header itself, so that a declaration that has drifted is an error of the C compiler.
"""

import os
import pathlib

import cffi

HERE = pathlib.Path(__file__).resolve().parent
INCLUDE = pathlib.Path(os.environ.get("TILECACHE_INCLUDE", HERE.parent.parent / "include"))
DECLARATIONS = HERE / "src" / "tilecache" / "declarations.h"

# A hit, without an out-parameter for the tile: a quarter of the time of one in Python.
HITS = """
tc_tile *python_get(tc_provider *provider, int64_t row, int64_t col, int32_t level, tc_error *err);
tc_tile *python_try(tc_provider *provider, int64_t row, int64_t col, int32_t level, tc_error *err);
tc_tile *python_peek(tc_provider *provider, int64_t row, int64_t col, int32_t level, tc_error *err);
"""

SOURCE = """
#include <tilecache.h>

#define PYTHON_HIT(NAME, CALL) \\
    static tc_tile *NAME(tc_provider *provider, int64_t row, int64_t col, int32_t level, tc_error *err) \\
    { \\
        tc_tile *tile = NULL; \\
        CALL(provider, row, col, level, NULL, 0, &tile, err); \\
        return tile; \\
    }
PYTHON_HIT(python_get, provider_get_block)
PYTHON_HIT(python_try, provider_try_block)
PYTHON_HIT(python_peek, provider_peek_block)
"""

ffi = cffi.FFI()
ffi.cdef(DECLARATIONS.read_text(encoding="utf-8") + HITS)
ffi.set_source(
    "tilecache._raw",
    SOURCE,
    include_dirs=[str(INCLUDE)],
    library_dirs=[os.environ.get("TILECACHE_LIB", str(HERE.parent.parent / "target" / "release"))],
    libraries=["tilecache"],
    extra_link_args=["-Wl,-rpath,$ORIGIN"],
    # One extension for this and all later versions of CPython.
    define_macros=[("Py_LIMITED_API", "0x030A0000")],
    py_limited_api=True,
)
