"""Makes small uncompressed TIFF and NITF files of every layout, and says of which tiles should be views.

Usage: make.py DIRECTORY, which tests/support must be on the path for. Each line of `views` there is a file and how its
pixels can be reached in place: "rows" if across blocks, "block" within one, "no" where they are copied.
"""

import os
import struct
import sys

import numpy as np
from osgeo import gdal
from rasters import create, samples

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "nitf"))
import writer

views = open("views", "w")
WIDTH, HEIGHT = 143, 171
SIZES = {"u8": 1, "u16": 2, "i16": 2, "f32": 4, "f64": 8, "cf32": 4}


def say(name, how):
    print(name, how, sep="\t", file=views)


def tiff(name, dtype, bands, options, how):
    create(name, samples(dtype, bands, HEIGHT, WIDTH), dtype, options)
    # Writers begin the pixels at any even byte, where longer samples may not lie right.
    dataset = gdal.Open(name)
    starts = [int(dataset.GetRasterBand(band + 1).GetMetadataItem("BLOCK_OFFSET_0_0", "TIFF")) for band in range(bands)]
    say(name, how if all(start % SIZES[dtype] == 0 for start in starts) else "no")


def moved(name, from_name, by):
    """A file whose pixels begin `by` bytes further on, with each offset of the directory set right."""
    data = bytearray(open(from_name, "rb").read())
    assert data[:4] == b"II*\0"
    at, = struct.unpack_from("<I", data, 4)
    count, = struct.unpack_from("<H", data, at)
    tags = {}
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        tag, kind, n, value = struct.unpack_from("<HHII", data, entry)
        tags[tag] = (entry, n, value)
    entry, n, value = tags[273]
    assert n == 1, "one strip"
    length = tags[279][2]
    pixels = bytes(data[value:value + length])
    data += bytes(-len(data) % 8 + by)
    struct.pack_into("<I", data, entry + 8, len(data))
    open(name, "wb").write(data + pixels)


tiles = ["TILED=YES", "BLOCKXSIZE=48", "BLOCKYSIZE=32"]
one_column = ["TILED=YES", "BLOCKXSIZE=144", "BLOCKYSIZE=16"]
for dtype in ("u8", "i16", "f32", "f64", "cf32"):
    tiff(f"one-row-{dtype}.tif", dtype, 1, ["BLOCKYSIZE=1"], "rows")
tiff("strips.tif", "u8", 1, ["BLOCKYSIZE=16"], "rows")
tiff("big.tif", "u16", 1, ["BLOCKYSIZE=7", "BIGTIFF=YES"], "rows")
tiff("one-strip.tif", "u16", 1, ["BLOCKYSIZE=171"], "rows")
tiff("tiles.tif", "u16", 1, tiles, "block")
tiff("one-column.tif", "u8", 1, one_column, "rows")
tiff("planar.tif", "u8", 3, ["BLOCKYSIZE=16", "INTERLEAVE=BAND"], "rows")
tiff("planar-tiles.tif", "f32", 4, [*tiles, "INTERLEAVE=BAND"], "block")
tiff("planar-two.tif", "u16", 2, ["BLOCKYSIZE=16", "INTERLEAVE=BAND"], "rows")
tiff("interleaved.tif", "u8", 3, ["BLOCKYSIZE=16"], "no")
tiff("interleaved-4.tif", "u16", 4, ["BLOCKYSIZE=1"], "no")
tiff("interleaved-tiles.tif", "f32", 5, tiles, "no")
tiff("foreign.tif", "u16", 1, ["BLOCKYSIZE=16", "ENDIANNESS=BIG"], "no")
tiff("foreign-bytes.tif", "u8", 1, ["BLOCKYSIZE=16", "ENDIANNESS=BIG"], "rows")
tiff("packed.tif", "u8", 1, ["NBITS=3"], "no")
tiff("deflate.tif", "u8", 1, ["COMPRESS=DEFLATE"], "no")
# Where samples do not lie at a multiple of their size.
for dtype, size in SIZES.items():
    create("one.tif", samples(dtype, 1, HEIGHT, WIDTH), dtype, ["BLOCKYSIZE=171"])
    for by in {0, size // 2, size}:
        moved(f"moved-{dtype}-{by}.tif", "one.tif", by)
        say(f"moved-{dtype}-{by}.tif", "rows" if by % size == 0 else "no")
# Rows of strips that lie in the file in another order.
dataset = gdal.GetDriverByName("GTiff").Create("shuffled.tif", WIDTH, HEIGHT, 1, gdal.GDT_Byte, ["BLOCKYSIZE=16", "SPARSE_OK=YES"])
data = samples("u8", 1, HEIGHT, WIDTH)[0]
for strip in np.random.default_rng(3).permutation(11):
    rows = data[strip * 16:strip * 16 + 16]
    dataset.GetRasterBand(1).WriteArray(rows, 0, int(strip) * 16)
    dataset.FlushCache()
dataset = None
say("shuffled.tif", "block")
# Blocks that are left out.
for name, order, bands in (("sparse.tif", "PIXEL", 1), ("sparse-bands.tif", "BAND", 2)):
    dataset = gdal.GetDriverByName("GTiff").Create(
        name, WIDTH, HEIGHT, bands, gdal.GDT_UInt16, ["SPARSE_OK=YES", f"INTERLEAVE={order}", *tiles])
    dataset.GetRasterBand(1).SetNoDataValue(77)
    dataset.GetRasterBand(bands).WriteArray(samples("u16", 1, 20, 20)[0], 60, 40)
    dataset = None
    say(name, "block")
# Levels and a mask.
gdal.SetConfigOption("GDAL_TIFF_INTERNAL_MASK", "YES")
for name, bands in (("levels.tif", 1), ("levels-interleaved.tif", 3)):
    create(name, samples("u8", bands, 2 * HEIGHT, 2 * WIDTH), "u8", tiles)
    dataset = gdal.Open(name, gdal.GA_Update)
    dataset.BuildOverviews("NEAREST", [2, 4])
    dataset.CreateMaskBand(gdal.GMF_PER_DATASET)
    dataset.GetRasterBand(1).GetMaskBand().WriteArray((samples("u8", 1, 2 * HEIGHT, 2 * WIDTH)[0] > 99) * np.uint8(255))
    dataset = None
    say(name, "block" if bands == 1 else "no")


def nitf(name, pixels, how, **more):
    writer.nitf(name, [writer.image(pixels, **more)])
    say(name, how)


for imode in "BPRS":
    three = samples("u8", 3, HEIGHT, WIDTH)
    how = "block" if imode in "BS" else "no"
    nitf(f"{imode}.ntf", three, how, nbpp=8, block=(40, 30), imode=imode)
    nitf(f"{imode}-whole.ntf", three, how, nbpp=8, block=(WIDTH, HEIGHT), imode=imode)
nitf("rows.ntf", samples("u8", 1, HEIGHT, WIDTH), "rows", nbpp=8, block=(WIDTH, 30))
nitf("masked.ntf", samples("u8", 1, HEIGHT, WIDTH), "block", nbpp=8, block=(40, 30), absent={6}, pad=(9, 8))
nitf("16.ntf", samples("u16", 2, HEIGHT, WIDTH), "no", nbpp=16, block=(40, 30))
nitf("11.ntf", samples("u16", 2, HEIGHT, WIDTH, 11), "no", nbpp=11, block=(WIDTH, HEIGHT))
views.close()
