"""rio-tiler makes the same tiles of a raster and of its view: client_riotiler.py

In the directory are the rasters of make.py. Ends with 77 where there is no rio-tiler over the system's GDAL."""

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np

try:
    import rasterio
    import rio_tiler
    from rio_tiler.io import Reader
except ImportError:
    print("there is no rio-tiler: apt-get install python3-rasterio; pip install --no-deps rio-tiler morecantile")
    sys.exit(77)

RASTERS = ["tiles.tif", "strips.tif", "bands.tif", "strip.tif", "masked.tif", "copy.jp2", "copy.png", "copy.vrt"]


def tiles(raster):
    """Those of the zooms of a raster, by row, with a preview, a part and a point before them."""
    with Reader(raster) as reader:
        west, south, east, north = reader.geographic_bounds
        yield "preview", reader.preview(max_size=300)
        yield "part", reader.part((west + 0.05, south + 0.04, west + 0.09, south + 0.07), dst_crs="EPSG:3857")
        yield "point", reader.point((west + east) / 2, (south + north) / 2)
        for zoom in range(max(reader.maxzoom - 3, 0), reader.maxzoom + 1):
            for tile in list(reader.tms.tiles(west, south, east, north, zooms=zoom))[:12]:
                yield f"tile {tile}", reader.tile(tile.x, tile.y, tile.z)


def is_same(a, b):
    return np.array_equal(a.data, b.data, equal_nan=a.data.dtype.kind == "f") and np.array_equal(a.mask, b.mask)


def compare(raster):
    pairs = zip(tiles(raster), tiles(f"TILECACHE:{raster}?tile=300"))
    return [what for (what, direct), (_, view) in pairs if not is_same(direct, view)]


try:
    rasterio.open("TILECACHE:tiles.tif").close()
except rasterio.errors.RasterioIOError as error:
    print(f"rasterio brings a GDAL of its own: {error}")
    sys.exit(77)
with ThreadPoolExecutor(4) as pool:
    wrong = [f"{raster}: {', '.join(found)}" for raster, found in zip(RASTERS, pool.map(compare, RASTERS)) if found]
assert not wrong, "\n".join(wrong)
print(f"rio-tiler {rio_tiler.__version__} makes the same tiles of {len(RASTERS)} rasters and their views")
