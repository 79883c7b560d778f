"""Overviews that the driver computes: GDAL's own averages at even sizes, and what programs read of them

In a directory of its own, with make.py's rasters in the one given: levels.py <directory>"""

import sys

import numpy as np
from osgeo import gdal

gdal.UseExceptions()
rasters = sys.argv[1]
random = np.random.default_rng(11)
WIDTH, HEIGHT = 768, 512


def memory(bands, kind):
    raster = gdal.GetDriverByName("MEM").Create("", bands.shape[2], bands.shape[1], len(bands), kind)
    for number, band in enumerate(bands, 1):
        raster.GetRasterBand(number).WriteArray(band)
    return raster


# Bands do not keep their datasets.
kept = []


def band_of(name, number=1):
    kept.append(gdal.Open(name))
    return kept[-1].GetRasterBand(number)


def levels_of(band):
    return [band.GetOverview(nth) for nth in range(band.GetOverviewCount())]


# What GDAL makes of halves, level from level, whole numbers bit for bit, and the sizes to the one that fits a tile.
for name, kind, pixels in (
        ("bytes.tif", gdal.GDT_Byte, random.integers(0, 256, (3, HEIGHT, WIDTH)).astype(np.uint8)),
        ("shorts.tif", gdal.GDT_Int16, random.integers(-9999, 9999, (2, HEIGHT, WIDTH)).astype(np.int16)),
        ("floats.tif", gdal.GDT_Float32, random.normal(0, 1000, (1, HEIGHT, WIDTH)).astype(np.float32))):
    gdal.GetDriverByName("GTiff").CreateCopy(name, memory(pixels, kind), options=["TILED=YES"])
    view = gdal.Open(f"TILECACHE:{name}?tile=64&overviews=ALL")
    for number in range(1, len(pixels) + 1):
        finer = pixels[number - 1:number]
        levels = levels_of(view.GetRasterBand(number))
        assert [(level.XSize, level.YSize) for level in levels] == [(384, 256), (192, 128), (96, 64), (48, 32)]
        for level in levels:
            half = memory(finer, kind)
            half.BuildOverviews("AVERAGE", [2])
            finer = half.GetRasterBand(1).GetOverview(0).ReadAsArray()[None]
            # GDAL sums floats in their own type.
            most = 1e-3 if kind == gdal.GDT_Float32 else 0
            assert np.abs(level.ReadAsArray() - finer[0].astype(float)).max() <= most, (name, number, level.XSize)
            finer = level.ReadAsArray()[None]
    # What is asked for in another size comes from the level that has it.
    quarter = gdal.Translate("", view, format="MEM", width=WIDTH // 4, height=HEIGHT // 4)
    assert np.array_equal(quarter.GetRasterBand(1).ReadAsArray(), view.GetRasterBand(1).GetOverview(1).ReadAsArray())
    assert view.ReadAsArray().tobytes() == pixels.tobytes()

# How many, by what filter, and those that there are: shown as they are, or computed.
few = gdal.OpenEx("TILECACHE:bytes.tif", open_options=["OVERVIEWS=2", "FILTER=NEAREST", "TILE=64"])
first = few.GetRasterBand(1)
assert first.GetOverviewCount() == 2
assert np.array_equal(first.GetOverview(0).ReadAsArray(), first.ReadAsArray()[::2, ::2])
assert band_of("TILECACHE:bytes.tif?tile=64").GetOverviewCount() == 0
tiles = band_of(f"{rasters}/tiles.tif", 2)
native = band_of(f"TILECACHE:{rasters}/tiles.tif?tile=64&overviews=all", 2)
assert native.GetOverviewCount() == 5 > tiles.GetOverviewCount() == 3
for nth, level in enumerate(levels_of(tiles)):
    assert np.array_equal(native.GetOverview(nth).ReadAsArray(), level.ReadAsArray()), nth
    assert native.GetOverview(nth).GetOverviewCount() == 0
computed = band_of(f"TILECACHE:{rasters}/tiles.tif?native=no", 2)
even = tiles.ReadAsArray()[:1300].astype(int)
even = even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]
assert np.array_equal(computed.GetOverview(0).ReadAsArray()[:650], (even + 2) // 4)

# Whoever reads the raster, also where GDAL itself would read smaller versions of it.
for name in ("copy.jpg", "copy.vrt", "copy.png", "strips.tif"):
    for source in ("auto", "gdal"):
        view = gdal.Open(f"TILECACHE:{rasters}/{name}?source={source}&filter=max&native=no")
        band = view.GetRasterBand(1)
        levels = levels_of(band)
        assert [(level.XSize, level.YSize) for level in levels][:2] == [(750, 651), (375, 326)], (name, len(levels))
        assert band.HasArbitraryOverviews() == 0
        smaller = gdal.Translate("", view, format="MEM", width=750, height=651)
        half = smaller.GetRasterBand(1).ReadAsArray()
        assert np.array_equal(half, levels[0].ReadAsArray()), name
        whole = band.ReadAsArray()[:1300].astype(float)
        if band.GetNoDataValue() is not None:
            whole[whole == band.GetNoDataValue()] = -1
        rows = np.maximum(whole[::2], whole[1::2])
        most = np.maximum(rows[:, ::2], rows[:, 1::2])
        seen = most >= 0
        assert np.array_equal(half[:650][seen], most[seen]), name

# Masks become smaller with the pixels: data is where any of four is.
for source in ("auto", "gdal"):
    masked = band_of(f"TILECACHE:{rasters}/masked.tif?source={source}&native=no&filter=nearest")
    level = masked.GetOverview(0)
    assert level.GetMaskFlags() == masked.GetMaskFlags() == gdal.GMF_PER_DATASET
    assert np.array_equal(level.GetMaskBand().ReadAsArray(), masked.GetMaskBand().ReadAsArray()[::2, ::2]), source
    assert masked.GetMaskBand().GetOverviewCount() == masked.GetOverviewCount()

# Classes of a palette are not mixed.
classes = band_of(f"TILECACHE:{rasters}/palette.tif?overviews=1")
assert classes.GetOverview(0).GetColorTable().GetCount() >= 200
assert np.array_equal(classes.GetOverview(0).ReadAsArray(), classes.ReadAsArray()[::2, ::2])

for wrong in ("overviews=-1", "overviews=32", "overviews=some", "filter=sharp"):
    try:
        gdal.Open(f"TILECACHE:bytes.tif?{wrong}")
    except RuntimeError as error:
        assert wrong in str(error), error
    else:
        raise AssertionError(f"{wrong} was understood")

# What is no option is said to be none, and a question mark may be part of a path.
for query, said in (("tile=64&overview=ALL", "unknown option overview"), ("overview=ALL", "unknown option overview"),
                    ("tile=64&pad", "option pad has no value")):
    try:
        gdal.Open(f"TILECACHE:bytes.tif?{query}")
    except RuntimeError as error:
        assert str(error) == f"TILECACHE: {said}", error
    else:
        raise AssertionError(f"{query} was understood")
gdal.GetDriverByName("GTiff").CreateCopy("a?tile=64&b=2", memory(np.ones((1, 9, 9), np.uint8), gdal.GDT_Byte))
assert gdal.Open("TILECACHE:a?tile=64&b=2").RasterXSize == 9
assert gdal.Open("TILECACHE:a?tile=64&b=2?tile=32").RasterXSize == 9
try:
    gdal.Open("TILECACHE:nowhere.tif?q=1")
except RuntimeError as error:
    assert "nowhere.tif?q=1" in str(error), error

# Overviews of other ratios than powers of two, in the file and beside it, with masks, as GDAL has them.
pixels = random.integers(0, 256, (2, 330, 450)).astype(np.uint8)
for name, factors, access, masked in (("thirds.tif", [3, 9], gdal.GA_Update, False), ("beside.tif", [3, 9], gdal.GA_ReadOnly, False),
                                      ("some.tif", [2, 3, 4, 10], gdal.GA_ReadOnly, False), ("seen.tif", [3, 4], gdal.GA_Update, True)):
    gdal.SetConfigOption("GDAL_TIFF_INTERNAL_MASK", "YES")
    raster = gdal.GetDriverByName("GTiff").CreateCopy(name, memory(pixels, gdal.GDT_Byte), options=["TILED=YES"])
    if masked:
        raster.CreateMaskBand(gdal.GMF_PER_DATASET)
        raster.GetRasterBand(1).GetMaskBand().WriteArray((pixels[0] > 99) * np.uint8(255))
    raster = None
    gdal.OpenEx(name, access).BuildOverviews("AVERAGE", factors)
    for query in ("", "?tile=64", "?tile=100x50&pad=1"):
        for number in (1, 2):
            shown, band = levels_of(band_of(name, number)), band_of(f"TILECACHE:{name}{query}", number)
            levels = levels_of(band)
            assert [(level.XSize, level.YSize) for level in levels] == [(level.XSize, level.YSize) for level in shown], name
            assert len(levels) == len(factors)
            for level, one in zip(levels, shown):
                assert np.array_equal(level.ReadAsArray(), one.ReadAsArray()), (name, level.XSize)
                assert level.GetMaskFlags() == one.GetMaskFlags(), name
                assert np.array_equal(level.GetMaskBand().ReadAsArray(), one.GetMaskBand().ReadAsArray()), name
    # What is asked for in another size comes from the one that is a little larger, as GDAL has it.
    smaller = [gdal.Translate("", source, format="MEM", width=140, height=100) for source in (name, f"TILECACHE:{name}")]
    assert np.array_equal(*(one.ReadAsArray() for one in smaller)), name
