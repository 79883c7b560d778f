"""Makes the TIFF files in this folder whose blocks are JPEG XL, with the encoder of libjxl, and beside each the samples
that libjxl's own decoder has for it, packed by zlib: band by band, row by row, little-endian.

    pip install imagecodecs tifffile zstandard && python make.py

imagecodecs is under the BSD licence; the pixels are made here. Files whose names begin with "gdal" are made by GDAL's
libtiff, where a GDAL is at hand that has JPEG XL.
"""

import os
import zlib

import imagecodecs
import numpy as np
import tifffile

os.chdir(os.path.dirname(os.path.abspath(__file__)))
random = np.random.default_rng(3)
y, x = np.mgrid[:23, :37]


def bands(count, dtype, bits=None):
    """Waves with a little noise, and a corner of one value."""
    high = 1 if np.dtype(dtype).kind == "f" else 2 ** (bits or 8 * np.dtype(dtype).itemsize) - 1
    waves = [np.sin(x / (5 + i)) * np.cos(y / (7 - i / 2)) / 2 + 0.5 for i in range(count)]
    waves = np.clip(np.stack(waves, -1) + random.normal(0, 0.02, (*x.shape, count)), 0, 1)
    waves[:5, :9] = 0.25
    return (waves * high).astype(dtype)


def tell(name, apart=False):
    shown = tifffile.imread(name)
    if shown.ndim == 3 and not apart:
        shown = np.moveaxis(shown, -1, 0)
    with open(name[:-4] + ".raw.z", "wb") as out:
        out.write(zlib.compress(np.ascontiguousarray(shown.astype(shown.dtype.newbyteorder("<"))).tobytes(), 9))


def make(name, data, number="JPEGXL", tile=(16, 16), **options):
    arguments = {key: options.pop(key) for key in ("lossless", "distance", "effort", "usecontainer") if key in options}
    arguments.setdefault("lossless", True)
    options.setdefault("photometric", "minisblack")
    tifffile.imwrite(name, data, compression=number, compressionargs=arguments, tile=tile, metadata=None,
                     software=False, **options)
    tell(name, "planarconfig" in options)


make("grey-u8.tif", bands(1, "u1")[..., 0])
make("grey-u16.tif", bands(1, "u2")[..., 0], rowsperstrip=8, tile=None)
make("rgb-u8.tif", bands(3, "u1"), photometric="rgb", effort=9)
make("rgb-u8-fast.tif", bands(3, "u1"), photometric="rgb", effort=1)
make("rgb-u16.tif", bands(3, "u2"), photometric="rgb")
make("rgb-u8-dng.tif", bands(3, "u1"), "JPEGXL_DNG", photometric="rgb")
make("rgba-u8.tif", bands(4, "u1"), photometric="rgb", extrasamples=["unassalpha"])
make("rgba-u16.tif", bands(4, "u2"), photometric="rgb", extrasamples=["unassalpha"])
make("grey-alpha-u8.tif", bands(2, "u1"), extrasamples=["unassalpha"])
make("apart-u8.tif", np.moveaxis(bands(3, "u1"), -1, 0), photometric="rgb", planarconfig="separate")
make("grey-f32.tif", bands(1, "f4")[..., 0] * 900 + 1)
make("signs-f32.tif", bands(1, "f4")[..., 0] * 900 - 400)
make("rgb-f32.tif", bands(3, "f4"), photometric="rgb")
make("boxes-u16.tif", bands(1, "u2")[..., 0], usecontainer=True)
make("lossy-grey-u8.tif", bands(1, "u1")[..., 0], lossless=False, distance=1, tile=(32, 48))
make("lossy-rgb-u8.tif", bands(3, "u1"), photometric="rgb", lossless=False, distance=2, tile=(32, 48))
make("lossy-rgb-u16.tif", bands(3, "u2"), photometric="rgb", lossless=False, distance=0.5, tile=(32, 48))
make("lossy-rgba-u8.tif", bands(4, "u1"), photometric="rgb", extrasamples=["unassalpha"], lossless=False, distance=1,
     tile=(32, 48))
make("lossy-rgb-f32.tif", bands(3, "f4"), photometric="rgb", lossless=False, distance=1, tile=(32, 48))
# Letters, which the encoder keeps once as patches.
letters = random.integers(0, 2, (6, 7, 5)).astype("u1")
page = np.full((96, 192), 255, "u1")
for line in range(3, 88, 9):
    for column in range(3, 185, 6):
        page[line:line + 7, column:column + 5] -= 230 * letters[random.integers(6)]
make("letters.tif", np.stack([page] * 3, -1), photometric="rgb", lossless=False, distance=1, effort=7, tile=(96, 192))
make("letters-lossless.tif", np.stack([page] * 3, -1), photometric="rgb", effort=9, tile=(96, 192))
# More bands than colours and opacity, of which the encoder wants each apart, for one image.
data = bands(5, "u1")
tiles = [np.pad(data, ((0, 9), (0, 11), (0, 0)), "edge")[row:row + 16, column:column + 16]
         for row in (0, 16) for column in (0, 16, 32)]
encoded = [imagecodecs.jpegxl_encode(np.ascontiguousarray(np.moveaxis(tile, -1, 0)), lossless=True, planar=True,
                                     photometric="gray") for tile in tiles]
tifffile.imwrite("bands-u8.tif", iter(encoded), shape=data.shape, dtype=data.dtype, compression="JPEGXL", tile=(16, 16),
                 photometric="minisblack", planarconfig="contig", metadata=None, software=False,
                 extrasamples=["unspecified"] * 4)
with open("bands-u8.raw.z", "wb") as out:
    out.write(zlib.compress(np.moveaxis(data, -1, 0).tobytes(), 9))
