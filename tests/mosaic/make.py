"""Makes files of scenes that lie over each other, and with NumPy what is seen of them together.

Each line of `manifest` there is a part, or after those of a scene the whole, whose samples are in a file:
    scene "part" file x y width height
    scene "whole" raw width height bands dtype
"""

import numpy as np
from osgeo import gdal
from rasters import NAMES, TYPES, random, say

gdal.SetConfigOption("GDAL_TIFF_INTERNAL_MASK", "YES")
WIDTH, HEIGHT = 403, 301
PAD = 9
LAYOUTS = [["BLOCKYSIZE=5"], ["TILED=YES", "BLOCKXSIZE=64", "BLOCKYSIZE=32"], ["COMPRESS=DEFLATE"],
           ["TILED=YES", "BLOCKXSIZE=16", "BLOCKYSIZE=16", "COMPRESS=LZW", "INTERLEAVE=BAND"]]


def scene(name, dtype, bands, count):
    whole = np.full((bands, HEIGHT, WIDTH), PAD, dtype)
    seen = np.zeros((HEIGHT, WIDTH), bool)
    for at in range(count):
        width, height = (int(side) for side in random.integers(1, 160, 2))
        x, y = int(random.integers(-width, WIDTH)), int(random.integers(-height, HEIGHT))
        pixels = random.integers(0, 12, (bands, height, width)).astype(dtype)
        if name == "alpha":
            pixels[-1] = random.choice([0, 1, 255], (height, width))
        file = f"{name}-{at}.tif"
        layout = LAYOUTS[at % len(LAYOUTS)]
        dataset = gdal.GetDriverByName("GTiff").Create(
            file, width, height, bands, TYPES[NAMES[dtype]], [*layout, "ALPHA=YES"] if name == "alpha" else layout)
        valid = np.ones((bands, height, width), bool)
        # Some parts have both a mask and a nodata value.
        nodata = {"nodata": at % 5, "masked": 3 if at % 3 == 0 else None}.get(name)
        if nodata is not None:
            dataset.GetRasterBand(1).SetNoDataValue(nodata)
            valid &= pixels != nodata
        if name == "alpha":
            valid &= pixels[-1] != 0
        dataset.WriteArray(pixels)
        if name == "masked":
            mask = random.choice([0, 255], (height, width)).astype(np.uint8)
            dataset.CreateMaskBand(gdal.GMF_PER_DATASET)
            dataset.GetRasterBand(1).GetMaskBand().WriteArray(mask)
            valid &= mask != 0
        dataset = None
        say(name, "part", file, x, y, width, height)
        left, top = max(x, 0), max(y, 0)
        right, bottom = min(x + width, WIDTH), min(y + height, HEIGHT)
        if left >= right or top >= bottom:
            continue
        own = np.s_[:, top - y:bottom - y, left - x:right - x]
        there = whole[:, top:bottom, left:right]
        there[valid[own]] = pixels[own][valid[own]]
        seen[top:bottom, left:right] |= valid[own].any(axis=0)
    whole.tofile(f"{name}.raw")
    (seen * np.uint8(255)).tofile(f"{name}.mask")
    say(name, "whole", f"{name}.raw", WIDTH, HEIGHT, bands, NAMES[dtype])


scene("plain", "uint8", 3, 40)
scene("nodata", "uint16", 2, 60)
scene("masked", "int16", 1, 60)
scene("alpha", "uint8", 4, 60)
