"""Makes one file of each kind of decoder, with blocks so large that they take large allocations.

Left out is PNG: its decoder, which is Rust, ends the process where memory is missing.

Usage: no_memory.py DIRECTORY
"""

import os
import sys

import numpy as np
from osgeo import gdal

gdal.UseExceptions()
gdal.SetConfigOption("GDAL_PAM_ENABLED", "NO")
os.chdir(sys.argv[1])
SIDE = 400
y, x = np.mgrid[:SIDE, :SIDE]


def made(driver, name, options, bands=3, dtype=gdal.GDT_Byte):
    memory = gdal.GetDriverByName("MEM").Create("", SIDE, SIDE, bands, dtype)
    for band in range(bands):
        memory.GetRasterBand(band + 1).WriteArray((x * 3 + y * 5 + (x * y) // 97 + band * 31) % 251)
    copy = gdal.GetDriverByName(driver).CreateCopy(name, memory, options=options)
    copy = None


for compression in ["NONE", "LZW", "DEFLATE", "PACKBITS", "ZSTD"]:
    made("GTiff", f"{compression}.tif", [f"COMPRESS={compression}", f"BLOCKYSIZE={SIDE}"])
made("GTiff", "predicted.tif", ["COMPRESS=DEFLATE", "PREDICTOR=2", f"BLOCKYSIZE={SIDE}"], dtype=gdal.GDT_UInt16)
made("GTiff", "floats.tif", ["COMPRESS=ZSTD", "PREDICTOR=3", f"BLOCKYSIZE={SIDE}"], dtype=gdal.GDT_Float32)
made("GTiff", "planes.tif", ["COMPRESS=LZW", "INTERLEAVE=BAND", f"BLOCKYSIZE={SIDE}"])
made("JP2OpenJPEG", "lossless.jp2", ["REVERSIBLE=YES", "QUALITY=100"])
made("JP2OpenJPEG", "lossy.jp2", ["QUALITY=20"], bands=1)
made("JPEG", "baseline.jpg", [])
made("JPEG", "progressive.jpg", ["PROGRESSIVE=YES"])
made("GTiff", "jpeg.tif", ["COMPRESS=JPEG", "PHOTOMETRIC=YCBCR", f"BLOCKYSIZE={SIDE}"])
made("NITF", "plain.ntf", [])
made("NITF", "jpeg.ntf", ["IC=C3"])
made("NITF", "codestream.ntf", ["IC=C8"], bands=1)
