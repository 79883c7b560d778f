"""dask computes the same of a raster and of its view, in chunks and threads: client_dask.py

In the directory are the rasters of make.py. Ends with 77 where there is no dask."""

import sys
import threading

import numpy as np
from osgeo import gdal

try:
    import dask
    import dask.array as da
except ImportError:
    print("there is no dask: apt-get install python3-dask")
    sys.exit(77)

gdal.UseExceptions()
RASTERS = ["tiles.tif", "strips.tif", "bands.tif", "strip.tif", "masked.tif", "palette.tif", "complex.tif", "copy.jp2",
           "copy.png", "copy.vrt"]
CHUNKS = [(128, 512), (400, 333), (1301, 97)]
opened = threading.local()


def dataset(path):
    """Each thread's own, kept open."""
    if path not in vars(opened):
        setattr(opened, path, gdal.Open(path))
    return getattr(opened, path)


def chunk(path, block_info=None):
    (top, bottom), (left, right) = block_info[None]["array-location"][1:]
    pixels = dataset(path).ReadAsArray(left, top, right - left, bottom - top)
    return pixels if pixels.ndim == 3 else pixels[np.newaxis]


def lazy(path, like, chunks):
    of = da.core.normalize_chunks((like.shape[0], *chunks), like.shape)
    return da.map_blocks(chunk, path, chunks=of, dtype=like.dtype, meta=np.empty((0, 0, 0), like.dtype))


wrong = []
with dask.config.set(scheduler="threads", num_workers=8):
    for raster in RASTERS:
        pixels = gdal.Open(raster).ReadAsArray()
        pixels = pixels if pixels.ndim == 3 else pixels[np.newaxis]
        for chunks in CHUNKS:
            view = lazy(f"TILECACHE:{raster}?tile=300", pixels, chunks)
            # What dask shares between two results it may read in any order, and at once.
            same, slope = dask.compute(view, abs(da.diff(view, axis=2)).max())
            if not np.array_equal(same, pixels, equal_nan=pixels.dtype.kind in "fc"):
                wrong.append(f"{raster} in chunks of {chunks}")
            if slope != abs(np.diff(pixels, axis=2)).max():
                wrong.append(f"differences of {raster} in chunks of {chunks}")
assert not wrong, "\n".join(wrong)
print(f"dask {dask.__version__} reads {len(RASTERS)} rasters and their views alike")
