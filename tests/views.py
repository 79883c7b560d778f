"""Makes TIFF files of many types, layouts and levels, larger than a tile, for views.rs."""

import itertools

from osgeo import gdal
from rasters import TYPES, create, expect_gdal, samples

LAYOUTS = {
    "rows1": ["BLOCKYSIZE=1"],
    "rows64": ["BLOCKYSIZE=64"],
    "one": ["BLOCKYSIZE=2000"],
    "tiles256": ["TILED=YES", "BLOCKXSIZE=256", "BLOCKYSIZE=256"],
    "tiles1008": ["TILED=YES", "BLOCKXSIZE=1008", "BLOCKYSIZE=1008"],
}


def make(dtype, bands, layout, width, height, packed):
    name = f"{dtype}-{bands}-{layout}-{width}x{height}.tif"
    options = ["COMPRESS=DEFLATE", "ZLEVEL=1"] if packed else []
    if bands % 2:
        options.append("INTERLEAVE=BAND")
    create(name, samples(dtype, bands, height, width), dtype, [*LAYOUTS[layout], *options])
    dataset = gdal.Open(name, gdal.GA_Update)
    dataset.BuildOverviews("NEAREST", [2, 4, 8])
    dataset = None
    expect_gdal(name)


# Odd sizes, so that the tiles of a level differ by a pixel and the last ones are cut.
for bands, layout in itertools.product([1, 2, 3, 4], LAYOUTS):
    make("u8", bands, layout, 1301, 1103, packed=bands > 2)
for number, (dtype, layout) in enumerate(itertools.product(TYPES, LAYOUTS)):
    width, height = [(1301, 261), (263, 1103)][number % 2]
    make(dtype, number % 4 + 1, layout, width, height, packed=number % 3 == 0)
