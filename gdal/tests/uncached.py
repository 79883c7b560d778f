"""Reads that GDAL's block cache has no part in, and overviews that are built from them: uncached.py <rasters>

In a directory of its own, with the rasters of make.py in another one, and GDAL_DRIVER_PATH set."""

import ctypes
import ctypes.util
import itertools
import json
import os
import sys

import numpy as np
from osgeo import gdal

gdal.UseExceptions()
gdal.SetConfigOption("CPL_DEBUG", "TILECACHE")
closed = []
gdal.PushErrorHandler(lambda kind, number, text: closed.append(text) if kind == gdal.CE_Debug else None)
rasters = sys.argv[1]
random = np.random.default_rng(3)
SIDE, ROWS, BUDGET = 2048, 16, 8 << 20


def counted(name):
    """What a view counted, which it says when it is closed."""
    begin = f"TILECACHE: {name}: "
    told = [text for text in closed if text.startswith(begin)]
    assert len(told) == 1, closed
    closed.clear()
    return json.loads(told[0][len(begin):])


def decoded(name):
    return counted(name)["blocks_decoded"]


# Windows are put together from strips: tiles beside these would not leave room for the strips of the next window.
pixels = random.integers(0, 9, (3, SIDE, SIDE)).astype(np.uint8)
memory = gdal.GetDriverByName("MEM").Create("", SIDE, SIDE, 3)
memory.WriteArray(pixels)
options = [f"BLOCKYSIZE={ROWS}", "INTERLEAVE=PIXEL"]
gdal.GetDriverByName("GTiff").CreateCopy("strips.tif", memory, options=[*options, "COMPRESS=DEFLATE"])
gdal.GetDriverByName("GTiff").CreateCopy("rows.tif", memory, options=["BLOCKYSIZE=1", "INTERLEAVE=PIXEL"])
name = f"TILECACHE:strips.tif?cache={BUDGET}"
view = gdal.Open(name)
for y in range(0, SIDE, 1000):
    for x in range(0, SIDE, 500):
        part = (x, y, min(500, SIDE - x), min(1000, SIDE - y))
        assert np.array_equal(view.ReadAsArray(*part), pixels[:, y:y + 1000, x:x + 500]), part
del view
assert (times := decoded(name)) == SIDE // ROWS, times

# Every fourth row takes a fourth of the strips, and all bands of these at once; nobody needs the tiles.
for name, factor, strips in (("rows.tif", 4, SIDE // 4), ("strips.tif", 8, SIDE // ROWS)):
    view = gdal.Open("TILECACHE:" + name)
    small = view.ReadAsArray(buf_xsize=SIDE // factor, buf_ysize=SIDE // factor)
    assert np.array_equal(small, pixels[:, factor // 2::factor, factor // 2::factor])
    del view
    assert (times := decoded("TILECACHE:" + name)) == strips, (name, times)

# The nearest neighbour is that of GDAL, for any window, buffer and type, and leaves nothing in GDAL's cache.
before, tried = gdal.GetCacheUsed(), 0
for raster in ("strips.tif", f"{rasters}/tiles.tif", f"{rasters}/strip.tif", f"{rasters}/bands.tif",
               f"{rasters}/complex.tif", f"{rasters}/masked.tif"):
    direct, view = gdal.Open(raster), gdal.Open(f"TILECACHE:{raster}?tile=300x200")
    width, height = direct.RasterXSize, direct.RasterYSize
    right, ours = [], []
    for turn in range(120):
        x, y = int(random.integers(0, width)), int(random.integers(0, height))
        columns, rows = int(random.integers(1, width - x + 1)), int(random.integers(1, height - y + 1))
        how = dict(buf_xsize=int(random.integers(1, 400)), buf_ysize=int(random.integers(1, 300)))
        window = (x, y, columns, rows)
        if turn % 3 == 0:  # by whole steps
            how = dict(buf_xsize=max(1, columns // int(random.integers(1, 9))), buf_ysize=max(1, rows // int(random.integers(1, 9))))
            window = (x, y, min(width - x, how["buf_xsize"] * int(random.integers(1, 9))), rows)
        elif turn % 3 == 1 and min(columns, rows) > 2:  # between pixels
            window = (x + 0.3, y + 0.6, columns - 0.9, rows - 0.95)
            if turn % 2:  # as many pixels as there are
                how = dict(buf_xsize=int(columns - 0.4), buf_ysize=int(rows - 0.45))
        if turn % 5 == 4:
            how["buf_type"] = [gdal.GDT_Float32, gdal.GDT_Int16, gdal.GDT_Byte][turn // 5 % 3]
        right.append((direct if turn % 2 else direct.GetRasterBand(1)).ReadAsArray(*window, **how))
        ours.append((view if turn % 2 else view.GetRasterBand(1), window, how))
    del direct
    before = gdal.GetCacheUsed()
    for expected, (of, window, how) in zip(right, ours):
        assert np.array_equal(of.ReadAsArray(*window, **how), expected, equal_nan=True), (raster, window, how)
        tried += 1
    assert gdal.GetCacheUsed() == before, raster
    del of, ours, view
assert tried == 720

# Also after many steps whose fractions are rounded one by one.
wide = random.integers(0, 1 << 16, (2, 60000)).astype(np.uint16)
memory = gdal.GetDriverByName("MEM").Create("", 60000, 2, 1, gdal.GDT_UInt16)
memory.WriteArray(wide)
gdal.GetDriverByName("GTiff").CreateCopy("wide.tif", memory)
for columns in (90000, 84000, 7000):
    how = dict(buf_xsize=columns, buf_ysize=3)
    assert np.array_equal(gdal.Open("TILECACHE:wide.tif").ReadAsArray(**how), gdal.Open("wide.tif").ReadAsArray(**how)), columns

# What is no number is converted as GDAL converts it.
holes = random.integers(-9, 9, (40, 64)).astype(np.float32)
holes[random.random((40, 64)) < 0.3] = np.nan
memory = gdal.GetDriverByName("MEM").Create("", 64, 40, 1, gdal.GDT_Float32)
memory.WriteArray(holes)
gdal.GetDriverByName("GTiff").CreateCopy("holes.tif", memory)
for columns, kind in itertools.product((32, 128), (gdal.GDT_Byte, gdal.GDT_Int16, gdal.GDT_UInt16, gdal.GDT_Int32, gdal.GDT_Float64)):
    how = dict(buf_xsize=columns, buf_ysize=40, buf_type=kind)
    right, ours = (gdal.Open(name).ReadAsArray(**how) for name in ("holes.tif", "TILECACHE:holes.tif"))
    assert np.array_equal(ours, right, equal_nan=True), (columns, kind)

# No bands of another type are read, too.
library = ctypes.CDLL(ctypes.util.find_library("gdal"))
library.GDALOpen.restype = ctypes.c_void_p
library.GDALClose.argtypes = [ctypes.c_void_p]
library.GDALDatasetRasterIO.argtypes = [ctypes.c_void_p, *[ctypes.c_int] * 5, ctypes.c_void_p, *[ctypes.c_int] * 4, ctypes.c_void_p,
                                        *[ctypes.c_int] * 3]
handle = library.GDALOpen(b"TILECACHE:holes.tif", gdal.GA_ReadOnly)
untouched = ctypes.create_string_buffer(b"\1" * 4, 4)
assert library.GDALDatasetRasterIO(handle, gdal.GF_Read, 0, 0, 2, 2, untouched, 2, 2, gdal.GDT_Byte, 0, None, 0, 0, 0) == gdal.CE_None
assert untouched.raw == b"\1" * 4
library.GDALClose(handle)

# Other resampling reads strips as GDAL reads them: of each band as few windows, with masks, nodata and alpha.
view = gdal.Open("TILECACHE:strips.tif")
view.ReadAsArray(buf_xsize=SIDE // 4, buf_ysize=SIDE // 4, resample_alg=gdal.GRIORA_Average)
del view
of_all = counted("TILECACHE:strips.tif")
assert of_all["hits"] + of_all["misses"] < 3 * 1.5 * SIDE // ROWS, of_all
memory = gdal.GetDriverByName("MEM").Create("", 700, 500, 4)
memory.WriteArray(random.integers(0, 5, (4, 500, 700)).astype(np.uint8) * 60)
gdal.GetDriverByName("GTiff").CreateCopy("alpha.tif", memory, options=["BLOCKYSIZE=9", "ALPHA=YES", "COMPRESS=LZW"])
memory.GetRasterBand(2).SetNoDataValue(60)
gdal.GetDriverByName("GTiff").CreateCopy("nodata.tif", memory, options=["BLOCKYSIZE=9", "ALPHA=NO", "PHOTOMETRIC=MINISBLACK"])
for raster in ("alpha.tif", "nodata.tif", f"{rasters}/masked.tif", f"{rasters}/palette.tif", f"{rasters}/complex.tif",
               f"{rasters}/ycbcr.tif", f"{rasters}/copy.jpg"):
    direct, view = gdal.Open(raster), gdal.Open(f"TILECACHE:{raster}?tile=64")
    # Of complex samples GDAL has not all of them.
    for algorithm in range(1, 3 if "complex" in raster else 8):
        for window in ((0, 0, direct.RasterXSize, direct.RasterYSize), (3, 5, 90, 71), (3.4, 5.7, 76.8, 60.3)):
            how = dict(buf_xsize=77, buf_ysize=60, resample_alg=algorithm)
            right, ours = direct.ReadAsArray(*window, **how), view.ReadAsArray(*window, **how)
            assert np.array_equal(ours, right, equal_nan=True), (raster, algorithm, window)
            right, ours = (of.GetRasterBand(1).ReadAsArray(*window, **how) for of in (direct, view))
            assert np.array_equal(ours, right, equal_nan=True), (raster, algorithm, window)
    del direct, view

# Whoever watches may end it, as with GDAL.
for name in ("strips.tif", "TILECACHE:strips.tif"):
    how = dict(buf_xsize=100, buf_ysize=100)
    assert gdal.Open(name).ReadRaster(**how, callback=lambda *_: 0) is None, name
    assert gdal.Open(name).ReadRaster(**how, callback=lambda *_: 1) is not None, name


def levels(raster):
    band = raster.GetRasterBand(2)
    return [(band.GetOverview(i).XSize, band.GetOverview(i).Checksum()) for i in range(band.GetOverviewCount())]


# Overviews are built beside the raster, the same as from itself, and seen at once.
gdal.Open("strips.tif").BuildOverviews("AVERAGE", [2, 4, 8])
expected = levels(gdal.Open("strips.tif"))
os.remove("strips.tif.ovr")
view = gdal.Open("TILECACHE:strips.tif")
view.BuildOverviews("AVERAGE", [2, 4, 8])
assert levels(view) == expected
assert [size for size, _ in expected] == [1024, 512, 256]
small = view.ReadAsArray(buf_xsize=512, buf_ysize=512)
assert np.array_equal(small, gdal.Open("strips.tif").ReadAsArray(buf_xsize=512, buf_ysize=512))
for factors in ([16], []):
    try:
        view.BuildOverviews("AVERAGE", factors)
        raise AssertionError("overviews were changed")
    except RuntimeError as error:
        assert "TILECACHE:strips.tif" in str(error) and "only be read" in str(error), error
del view
assert levels(gdal.Open("strips.tif")) == levels(gdal.Open("TILECACHE:strips.tif")) == expected
for query in ("srs=EPSG:4326", "overviews=ALL", "source=tilecache"):
    other = "rows.tif" if query != "srs=EPSG:4326" else f"{rasters}/tiles.tif"
    try:
        gdal.Open(f"TILECACHE:{other}?{query}").BuildOverviews("AVERAGE", [2])
        raise AssertionError(query)
    except RuntimeError as error:
        assert "only be read" in str(error), error
assert not os.path.exists("rows.tif.ovr")
