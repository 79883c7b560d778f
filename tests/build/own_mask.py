"""Has GDAL write a mask into a file of its own, and writes what it reads of that and of the overviews beside it."""

import sys

from osgeo import gdal

gdal.UseExceptions()
gdal.SetConfigOption("GDAL_TIFF_INTERNAL_MASK", "NO")
path = sys.argv[1]
image = gdal.Open(path, gdal.GA_Update)
image.CreateMaskBand(gdal.GMF_PER_DATASET)
with open(path + ".raw", "rb") as raw:
    image.GetRasterBand(1).GetMaskBand().WriteRaster(0, 0, image.RasterXSize, image.RasterYSize, raw.read())
image = None
image = gdal.Open(path)
mask = image.GetRasterBand(1).GetMaskBand()
assert mask.GetOverviewCount() > 0
for level in range(mask.GetOverviewCount() + 1):
    of = mask if level == 0 else mask.GetOverview(level - 1)
    with open(f"{path}.{level}.mask", "wb") as raw:
        raw.write(of.ReadRaster())
