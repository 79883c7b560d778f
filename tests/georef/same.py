"""Whether texts on reference systems mean what GDAL says of the files.

Usage: same.py DIRECTORY; each line of `ours` there is a file and its WKT. Prints what differs.
"""

import os
import sys

from osgeo import gdal, osr

gdal.UseExceptions()
os.chdir(sys.argv[1])
with open("ours") as lines:
    for line in lines:
        name, wkt = line.rstrip("\n").split("\t")
        ours, theirs = osr.SpatialReference(), gdal.Open(name).GetSpatialRef()
        ours.SetFromUserInput(("ESRI::" if name.startswith("own") else "") + wkt)
        options = ["IGNORE_DATA_AXIS_TO_SRS_AXIS_MAPPING=YES"]
        if not ours.IsSame(theirs, options):
            print(name, ours.ExportToWkt(), theirs.ExportToWkt(), sep="\n")
