"""Whether GDAL finds in files the reference systems of texts: a file and its text in turn."""

import sys

from osgeo import gdal, osr

gdal.UseExceptions()
osr.UseExceptions()
for path, text in zip(sys.argv[1::2], sys.argv[2::2]):
    right = osr.SpatialReference()
    right.ImportFromWkt(text)
    # As GDAL's driver has it, whatever the order of the axes.
    right.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    found = gdal.Open(path).GetSpatialRef()
    assert found and found.IsSame(right), (path, text, found and found.ExportToWkt())
