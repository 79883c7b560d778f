"""What a hit costs beside one in C, in one run: processor time of this thread, interleaved."""

import ctypes
import shutil
import subprocess
import time

import numpy as np
import pytest
from conftest import Ramp

import tilecache
from tilecache._raw import ffi, lib

HITS_IN_C = """
#include <stddef.h>
#include <stdint.h>
typedef int32_t (*get)(void *, int64_t, int64_t, int32_t, const int32_t *, size_t, void **, void *);
void hits(get get_block, void (*release)(void *), void *provider, long n)
{
    for (long at = 0; at < n; at++) {
        void *tile;
        if (get_block(provider, at & 3, 1, 0, NULL, 0, &tile, NULL) == 0)
            release(tile);
    }
}
"""


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_a_hit_costs_a_few_of_c(tmp_path, capsys):
    (tmp_path / "hits.c").write_text(HITS_IN_C)
    built = tmp_path / "hits.so"
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", tmp_path / "hits.c", "-o", built], check=True)
    hits = ctypes.CDLL(built).hits
    provider = Ramp().provider.cached(tilecache.Cache(1 << 20))
    for row in range(4):
        provider.get_block(row, 1)

    def address(pointer):
        return ctypes.c_void_p(int(ffi.cast("uintptr_t", pointer)))

    functions = [address(ffi.addressof(lib, name)) for name in ("provider_get_block", "tc_tile_release")]
    n = 20_000

    def in_c():
        hits(*functions, address(provider._h), ctypes.c_long(n))

    def tiles():
        get = provider.get_block
        for at in range(n):
            get(at & 3, 1)

    def arrays():
        get = provider.get_block
        for at in range(n):
            get(at & 3, 1).array  # noqa: B018

    took = {in_c: [], tiles: [], arrays: []}
    for _ in range(7):
        for each, times in took.items():
            begin = time.thread_time()
            each()
            times.append((time.thread_time() - begin) / n * 1e9)
    c, tile, array = (float(np.median(times)) for times in took.values())
    with capsys.disabled():
        print(
            f"\n  a hit takes {c:.0f} ns in C, {tile / c:.1f} times that as a tile, {array / c:.1f} times as an array"
        )
    # Beyond this, something would be made or copied that need not be.
    assert tile / c < 15 and array / c < 25
