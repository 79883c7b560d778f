"""Orfeo ToolBox computes the same of a raster and of its view: client_orfeo.py

In the directory are the rasters of make.py. Ends with 77 where there is no Orfeo ToolBox."""

import os
import shutil
import subprocess
import sys
import tempfile

import numpy as np
from osgeo import gdal

gdal.UseExceptions()
RASTERS = ["tiles.tif", "strips.tif", "bands.tif", "strip.tif", "masked.tif", "copy.jp2", "copy.png"]
# In little memory, so that it reads by pieces, from threads of its own.
SMOOTH = ["otbcli_Smoothing", "-type", "mean", "-type.mean.radius", "2", "-ram", "4"]
CUT = ["otbcli_ExtractROI", "-startx", "301", "-starty", "203", "-sizex", "411", "-sizey", "307"]


def result(command, raster, work):
    to = f"{work}/out.tif"
    run = subprocess.run([*command, "-in", raster, "-out", to, "float"], capture_output=True, text=True)
    assert run.returncode == 0, f"{command[0]} of {raster}: {run.stdout}\n{run.stderr}"
    pixels = gdal.Open(to).ReadAsArray()
    os.remove(to)
    return pixels


if shutil.which("otbcli_Smoothing") is None:
    print("there is no Orfeo ToolBox: apt-get install otb-bin")
    sys.exit(77)
wrong = []
with tempfile.TemporaryDirectory() as work:
    for raster in RASTERS:
        # It takes names for files, so that a view needs one.
        plain, view = f"{work}/plain-{raster}.vrt", f"{work}/{raster}.vrt"
        gdal.Translate(plain, f"{os.getcwd()}/{raster}", format="VRT")
        gdal.Translate(view, f"TILECACHE:{os.getcwd()}/{raster}?tile=300", format="VRT")
        for command in (SMOOTH, CUT):
            if not np.array_equal(result(command, plain, work), result(command, view, work), equal_nan=True):
                wrong.append(f"{command[0]} of {raster}")
assert not wrong, "\n".join(wrong)
print(f"{len(RASTERS)} rasters and their views are alike")
