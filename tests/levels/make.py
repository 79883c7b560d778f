"""Makes files of even sides, and the same with overviews by each filter of GDAL.

Each line of `manifest` there is a pair of files:
    plain overviews filter dtype levels
"""

import numpy as np
from osgeo import gdal
from rasters import TYPES, random, say

WIDTH, HEIGHT = 256, 192
FILTERS = {"average": "AVERAGE", "nearest": "NEAREST", "mode": "MODE", "rms": "RMS", "bilinear": "BILINEAR",
           "cubic": "CUBIC", "lanczos": "LANCZOS"}


def write(name, pixels, dtype, nodata):
    bands = len(pixels)
    options = ["TILED=YES", "BLOCKXSIZE=64", "BLOCKYSIZE=32"]
    dataset = gdal.GetDriverByName("GTiff").Create(name, WIDTH, HEIGHT, bands, TYPES[dtype], options)
    for band in range(bands):
        if nodata is not None:
            dataset.GetRasterBand(band + 1).SetNoDataValue(nodata)
        dataset.GetRasterBand(band + 1).WriteArray(pixels[band])
    dataset = None


y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
for dtype, numpy_type in [("u8", np.uint8), ("u16", np.uint16), ("i16", np.int16), ("f32", np.float32)]:
    for nodata in [None, 7]:
        smooth = 100 + 60 * np.sin(x / 9.0) + 50 * np.cos(y / 7.0)
        noise = random.integers(0, 30, (2, HEIGHT, WIDTH))
        pixels = (smooth[None] - 30 + noise).astype(numpy_type)
        if nodata is not None:
            pixels[random.random(pixels.shape) < 0.2] = nodata
            # Means that are just nodata.
            pixels[:, 20:40, 20:40] = random.integers(5, 10, (2, 20, 20)).astype(numpy_type)
        for filter, method in FILTERS.items():
            # What GDAL does with nodata under the other kernels is its own.
            if nodata is not None and filter not in ("average", "nearest", "mode"):
                continue
            plain = f"{dtype}-{nodata}.tif"
            name = f"{dtype}-{nodata}-{filter}.tif"
            write(plain, pixels, dtype, nodata)
            write(name, pixels, dtype, nodata)
            # GDAL takes a float beside nodata for nodata, and a mean of signed numbers may be nodata by chance.
            is_odd = nodata is not None and dtype in ("i16", "f32")
            levels = 3 if filter in ("average", "nearest") and not is_odd else 1
            dataset = gdal.Open(name, gdal.GA_Update)
            dataset.BuildOverviews(method, [2 << level for level in range(levels)])
            dataset = None
            say(plain, name, filter, dtype, levels)
