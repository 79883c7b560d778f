"""Makes the files beside it: inks and L*a*b* in TIFF as Pillow (libtiff) and tifffile with imagecodecs write them.

Usage: make.py DIRECTORY. Written with Pillow 12, tifffile 2026.3.3 and imagecodecs 2026.3.6; the pictures are made here.
"""

import os
import sys

import numpy as np
import tifffile
from PIL import Image

os.chdir(sys.argv[1])
y, x = np.mgrid[0:48, 0:64]
noise = np.random.default_rng(5).integers(0, 40, (48, 64))
inks = np.stack([x * 4, y * 5, 255 - x * 3, (x + y + noise) * 2 % 256], -1).astype(np.uint8)
lab = np.stack([y * 5, x * 4, (x * 3 + y * 2 + noise)], -1).astype(np.uint8)

Image.fromarray(inks, "CMYK").save("pillow-cmyk-lzw.tif", compression="tiff_lzw")
Image.frombytes("LAB", (64, 48), lab.tobytes()).save("pillow-lab.tif", compression="tiff_adobe_deflate")

common = {"metadata": None, "software": False}
tifffile.imwrite("tifffile-cmyk-tiles.tif", inks, photometric="separated", compression="zlib", predictor=True,
                 tile=(16, 32), byteorder=">", bigtiff=True, **common)
tifffile.imwrite("tifffile-cmyk-apart.tif", np.moveaxis(inks, -1, 0), photometric="separated",
                 planarconfig="separate", compression="zlib", rowsperstrip=7, **common)
tifffile.imwrite("tifffile-cmyk-jpeg.tif", inks, photometric="separated", compression="jpeg",
                 compressionargs={"level": 90}, tile=(16, 32), **common)
tifffile.imwrite("tifffile-cmyk-alpha.tif", np.concatenate([inks, inks[..., :1]], -1), photometric="separated",
                 extrasamples=["unassalpha"], compression="zlib", **common)
tifffile.imwrite("tifffile-lab-white.tif", lab, photometric="cielab", compression="zlib",
                 extratags=[(318, 5, 2, (3127, 10000, 3290, 10000), True)], **common)
with tifffile.TiffWriter("tifffile-cmyk-levels.tif") as file:
    file.write(inks, photometric="separated", compression="zlib", **common)
    file.write(inks[::2, ::2], photometric="separated", compression="zlib", subfiletype=1, **common)
