"""Makes arrays of every type and says what their statistics are, by exact fractions, math.fsum and NumPy in float64, and
percentiles by rank over sorted values, for main.rs."""

import math
import os
import sys
from decimal import Decimal, getcontext
from fractions import Fraction

import numpy as np

getcontext().prec = 80
os.chdir(sys.argv[1])
rng = np.random.default_rng(7)

TYPES = {"u8": "u1", "i8": "i1", "u16": "u2", "i16": "i2", "u32": "u4", "i32": "i4", "u64": "u8", "i64": "i8",
         "f32": "f4", "f64": "f8", "ci16": "i2", "ci32": "i4", "cf32": "f4", "cf64": "f8"}
# In millionths, as the library counts them.
PERCENTS = [0, 100_000, 2_000_000, 7_000_000, 25_000_000, 50_000_000, 98_000_000, 99_900_000, 100_000_000]


def arrays(dtype, code):
    count = 1517
    parts = 2 if dtype.startswith("c") else 1
    if code[0] == "f":
        # Every bit pattern, NaN and infinities included; a large offset; what is next to nothing.
        with np.errstate(all="ignore"):
            yield "bits", rng.integers(0, 256, count * parts * int(code[1]), dtype="u1").view(code)
            yield "offset", (1e9 + rng.normal(size=count * parts)).astype(code)
            yield "tiny", (rng.normal(size=count * parts) * (1e-40 if code == "f4" else 1e-310)).astype(code)
    else:
        low, high = np.iinfo(code).min, np.iinfo(code).max
        yield "all", rng.integers(low, high, count * parts, dtype=code, endpoint=True)
        yield "ends", rng.choice(np.array([low, high, low + 1, high - 1], dtype=code), count * parts)
        yield "few", rng.integers(0, 100, count * parts).astype(code)


def reals(values, dtype):
    if not dtype.startswith("c"):
        return values if values.dtype.kind in "iu" else values.astype("f8")
    with np.errstate(all="ignore"):
        parts = values.astype("f8").reshape(-1, 2)
        return np.sqrt(parts[:, 0] * parts[:, 0] + parts[:, 1] * parts[:, 1])


def numbers(values):
    valid = [value for value in values.tolist() if math.isfinite(value)]
    nan = sum(math.isnan(value) for value in values.tolist())
    exact = [Fraction(value) for value in valid]
    mean = sum(exact) / len(exact)
    variance = sum(value * value for value in exact) / len(exact) - mean * mean
    root = (Decimal(variance.numerator) / Decimal(variance.denominator)).sqrt()
    if 1e-100 < max(map(abs, valid)) < 1e20:
        # The usual ways agree as far as they can.
        assert math.isclose(math.fsum(valid) / len(valid), float(mean), rel_tol=1e-14)
        in_float64 = np.array(valid, dtype="f8")
        scale = float(np.abs(in_float64).max())
        assert math.isclose(np.mean(in_float64, dtype="f8"), float(mean), rel_tol=1e-9, abs_tol=1e-9 * scale)
        assert math.isclose(np.std(in_float64, dtype="f8"), float(root), rel_tol=1e-9, abs_tol=1e-9 * scale)
    ranked = sorted(valid)
    percentiles = [ranked[max(1, -(-len(ranked) * p // 100_000_000)) - 1] for p in PERCENTS]
    fields = [len(valid), nan, len(values) - len(valid) - nan]
    floats = [ranked[0], ranked[-1], float(mean), float(root), *percentiles]
    return [str(field) for field in fields] + [float(value).hex() for value in floats]


with open("manifest", "w") as manifest:
    for dtype, code in TYPES.items():
        for name, values in arrays(dtype, code):
            path = f"{dtype}-{name}"
            values.tofile(path)
            bits = [np.float64(float.fromhex(x)).view("u8") if "x" in x else x for x in numbers(reals(values, dtype))]
            manifest.write("\t".join([path, dtype, *map(str, bits)]) + "\n")
