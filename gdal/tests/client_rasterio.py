"""rasterio reads the same of a raster and of its view: client_rasterio.py

In the directory are the rasters of make.py. Ends with 77 where there is no rasterio over the system's GDAL."""

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np

try:
    import rasterio
    from rasterio.enums import Resampling
    from rasterio.vrt import WarpedVRT
    from rasterio.warp import transform_bounds
    from rasterio.windows import Window
except ImportError:
    print("there is no rasterio: apt-get install python3-rasterio")
    sys.exit(77)

RASTERS = ["tiles.tif", "strips.tif", "bands.tif", "strip.tif", "masked.tif", "palette.tif", "complex.tif", "copy.jp2",
           "copy.png", "copy.jpg", "copy.vrt"]


def answers(path):
    with rasterio.open(path) as raster:
        for what in ("count", "shape", "dtypes", "nodatavals", "crs", "transform", "bounds", "colorinterp",
                     "mask_flag_enums", "descriptions", "scales", "offsets", "units", "interleaving", "compression",
                     "photometric"):
            yield what, getattr(raster, what)
        points, place = raster.gcps
        yield "points", ([point.asdict() for point in points], place)
        yield "tags", raster.tags()
        for band in raster.indexes:
            yield f"levels of {band}", raster.overviews(band)
            yield f"tags of {band}", raster.tags(band)
        yield "all", raster.read()
        yield "as floats", raster.read(out_dtype="complex64" if "complex64" in raster.dtypes else "float64")
        yield "masked", np.ma.getmaskarray(raster.read(1, masked=True))
        yield "mask", raster.dataset_mask()
        yield "a window", raster.read(window=Window(301, 203, 411, 307))
        yield "beyond the edge", raster.read(window=Window(1300, 1100, 411, 307), boundless=True)
        for way in (Resampling.nearest, Resampling.bilinear, Resampling.average):
            if "complex64" not in raster.dtypes:
                yield f"smaller by {way}", raster.read(out_shape=(raster.count, 321, 234), resampling=way)
        yield "a place", list(raster.sample([raster.xy(77, 55)]))
        if raster.crs:
            with WarpedVRT(raster, crs="EPSG:3857", resampling=Resampling.nearest) as warped:
                yield "warped", (warped.shape, warped.transform, warped.read(1))
                yield "warped bounds", transform_bounds(warped.crs, "EPSG:4326", *warped.bounds)


def is_same(a, b):
    if isinstance(a, (tuple, list)) and isinstance(b, (tuple, list)):
        return len(a) == len(b) and all(is_same(x, y) for x, y in zip(a, b))
    if isinstance(a, np.ndarray):
        return np.array_equal(a, b, equal_nan=a.dtype.kind in "fc")
    return a == b or (a != a and b != b)


def compare(raster):
    direct, view = dict(answers(raster)), dict(answers(f"TILECACHE:{raster}?tile=300"))
    return [what for what in {**direct, **view} if not is_same(direct.get(what), view.get(what))]


try:
    rasterio.open("TILECACHE:tiles.tif").close()
except rasterio.errors.RasterioIOError as error:
    if rasterio.__file__.startswith("/usr/lib/"):
        raise
    print(f"rasterio brings a GDAL of its own: {error}")
    sys.exit(77)
with ThreadPoolExecutor(4) as pool:
    wrong = [f"{raster}: {', '.join(found)}" for raster, found in zip(RASTERS, pool.map(compare, RASTERS)) if found]
assert not wrong, "\n".join(wrong)
print(f"rasterio {rasterio.__version__} reads {len(RASTERS)} rasters and their views alike")
