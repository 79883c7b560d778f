"""Types of samples, single samples, and memory as arrays.

Types have the names of NumPy, which lacks complex numbers of whole parts: those are records of `real` and `imag`.
Arrays have the axes (band, row, column).
"""

from __future__ import annotations

import contextlib
import operator
from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ._raw import ffi, lib

Array: TypeAlias = npt.NDArray[Any]
Sample: TypeAlias = Any

complex_int16 = np.dtype([("real", np.int16), ("imag", np.int16)])
complex_int32 = np.dtype([("real", np.int32), ("imag", np.int32)])

TYPES: dict[int, np.dtype[Any]] = {
    lib.TC_U8: np.dtype(np.uint8),
    lib.TC_I8: np.dtype(np.int8),
    lib.TC_U16: np.dtype(np.uint16),
    lib.TC_I16: np.dtype(np.int16),
    lib.TC_U32: np.dtype(np.uint32),
    lib.TC_I32: np.dtype(np.int32),
    lib.TC_U64: np.dtype(np.uint64),
    lib.TC_I64: np.dtype(np.int64),
    lib.TC_F32: np.dtype(np.float32),
    lib.TC_F64: np.dtype(np.float64),
    lib.TC_CI16: complex_int16,
    lib.TC_CI32: complex_int32,
    lib.TC_CF32: np.dtype(np.complex64),
    lib.TC_CF64: np.dtype(np.complex128),
}
# Arrays may have it, images not.
_HALF = np.dtype(np.float16)
_CODES = {dtype: code for code, dtype in TYPES.items()}
_NAMES = {"complex_int16": complex_int16, "complex_int32": complex_int32}


def dtype_of(code: int) -> np.dtype[Any]:
    """The type for a `tc_dtype`."""
    return TYPES[code]


def code_of(dtype: npt.DTypeLike) -> int:
    """The `tc_dtype` for a type."""
    named = _NAMES.get(dtype, dtype) if isinstance(dtype, str) else dtype
    wanted = np.dtype(named)
    code = _CODES.get(wanted.newbyteorder("=") if wanted.names is None else wanted)
    if code is None or not wanted.isnative:
        raise TypeError(f"pixels cannot be of type {wanted}; they can be of {', '.join(map(str, _CODES))}")
    return code


def samples_of(dtype: npt.DTypeLike) -> np.dtype[Any]:
    """The type of an array that is read into: one of the library's, or float16, see `filled`."""
    return _HALF if np.dtype(dtype) == _HALF else dtype_of(code_of(dtype))


def without_halves(array: Array) -> Array:
    """An array that the library reads: of float32 where it was of float16, which the library does not have."""
    return array.astype(np.float32) if array.dtype == _HALF else array


@contextlib.contextmanager
def filled(out: Array, what: str) -> Iterator[Any]:
    """A tc_target for an array, which has the pixels when this ends; halves come through an array of float32."""
    if out.dtype != _HALF:
        yield target_of(out, what)
        return
    check_axes(out, what)
    singles = np.empty(out.shape, np.float32)
    yield target_of(singles, what)
    limits = np.finfo(_HALF)
    finite = np.isfinite(singles)
    np.clip(singles, limits.min, limits.max, out=singles, where=finite)
    out[...] = singles


def write_sample(into: Any, value: Sample, dtype: np.dtype[Any], what: str) -> None:
    """One sample into 16 bytes of a struct; refuses a value that the type does not have."""
    try:
        with np.errstate(all="ignore"):
            sample = np.asarray(value, dtype=dtype)
            exact = sample.shape == () and (
                dtype.kind in "fcV" or (not isinstance(value, float) or value == int(value)) and sample == value
            )
            if exact and dtype.kind == "f" and np.isfinite(float(value)):
                exact = bool(np.isfinite(sample))
    except (OverflowError, ValueError, TypeError):
        exact = False
    if not exact:
        raise ValueError(f"{what} is {value!r}, which is no {dtype}")
    data = sample.tobytes()
    ffi.memmove(into, data, len(data))


def read_sample(data: Any, dtype: np.dtype[Any]) -> Sample:
    """The sample in 16 bytes of a struct, as a number of Python."""
    sample = np.frombuffer(bytes(ffi.buffer(data, dtype.itemsize)), dtype)[0]
    return sample.item() if dtype.names is None else complex(sample["real"], sample["imag"])


def lent_view(data: Any, dtype: np.dtype[Any], shape: tuple[int, int, int], strides: tuple[int, int, int]) -> Array:
    """An array over memory of the library that it lends during a call. It must not leave the callback."""
    bands, rows, columns = shape
    reach = (bands - 1) * strides[0] + (rows - 1) * strides[1] + (columns - 1) * strides[2] + dtype.itemsize
    return np.ndarray(shape, dtype, ffi.buffer(data, reach), strides=strides)


def target_of(array: Array, what: str) -> Any:
    """A tc_target over an array of three axes, which must be held as long as the target is used."""
    check_axes(array, what)
    target = ffi.new("tc_target *")
    target.data = ffi.cast("void *", array.__array_interface__["data"][0])
    target.band_stride, target.row_stride, target.pixel_stride = strides_of(array)
    target.bands, target.height, target.width = array.shape
    target.dtype = code_of(array.dtype)
    return target


def check_axes(array: Array, what: str) -> None:
    """Refuses an array that cannot be pixels, each at a place of its own."""
    if array.ndim != 3:
        raise ValueError(f"{what} has {array.ndim} axes; it needs three: band, row, column")
    if 0 in array.shape:
        raise ValueError(f"{what} has the shape {array.shape}, which is empty")
    if repeats(array):
        raise ValueError(f"{what} has the strides {array.strides}: several of its samples are one in memory")


def repeats(array: Array) -> bool:
    """Whether an array shows the same memory several times, as what `np.broadcast_to` makes."""
    return any(stride == 0 and count > 1 for stride, count in zip(array.strides, array.shape))


def strides_of(array: Array) -> tuple[int, int, int]:
    """The strides of an array of three axes for C, where those of an axis with one step only are checked too."""
    _, rows, columns = array.shape
    band, row, pixel = array.strides
    pixel = pixel if columns > 1 else array.itemsize
    row = row if rows > 1 else columns * abs(pixel)
    return (band if array.shape[0] > 1 else rows * abs(row)), row, pixel


def band_list(bands: Any) -> tuple[Any, int]:
    """A list of bands for C; None is all."""
    if bands is None:
        return ffi.NULL, 0
    listed = [operator.index(band) for band in bands]
    if not listed:
        raise ValueError("the list of bands is empty; None is all bands")
    return ffi.new("int32_t[]", listed), len(listed)


def fitted(result: Any, dtype: np.dtype[Any], shape: tuple[int, int, int], who: str) -> Array:
    """What a function of the user has returned, as pixels of the type and shape that are wanted."""
    array = np.asarray(result)
    if array.ndim == 2 and shape[0] == 1:
        array = array[np.newaxis]
    if array.shape != shape:
        raise ValueError(f"{who} returned an array of shape {array.shape}, where {shape} is needed (band, row, column)")
    if array.dtype != dtype:
        narrower = array.dtype.kind == dtype.kind and dtype.kind in "fc"
        if not narrower and not np.can_cast(array.dtype, dtype, "safe"):
            raise TypeError(f"{who} returned {array.dtype}, where {dtype} is needed; astype() converts")
    return array
