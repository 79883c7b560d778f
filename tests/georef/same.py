"""Whether texts on reference systems mean what GDAL says of the files.

Usage: same.py DIRECTORY; each line of `ours` there is a file and its WKT. Prints what differs.
"""

import os
import sys

from osgeo import gdal, osr

OPTIONS = ["IGNORE_DATA_AXIS_TO_SRS_AXIS_MAPPING=YES"]


def is_same(ours, theirs):
    """A vertical system is known by its code: registers of different years name datums anew."""
    if ours.IsSame(theirs, OPTIONS):
        return True
    codes = [srs.GetAuthorityCode("VERT_CS") for srs in (ours, theirs)]
    for srs in (ours, theirs):
        srs.StripVertical()
    return codes[0] == codes[1] and ours.IsSame(theirs, OPTIONS)


gdal.UseExceptions()
os.chdir(sys.argv[1])
with open("ours") as lines:
    for line in lines:
        name, wkt = line.rstrip("\n").split("\t")
        dataset = gdal.Open(name)
        ours = osr.SpatialReference()
        theirs = dataset.GetSpatialRef() or dataset.GetGCPSpatialRef()
        ours.SetFromUserInput(("ESRI::" if wkt.startswith("PROJCS") else "") + wkt)
        if not is_same(ours.Clone(), theirs.Clone()):
            print(name, ours.ExportToWkt(), theirs.ExportToWkt(), sep="\n")
