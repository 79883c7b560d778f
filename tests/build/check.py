"""Writes what GDAL reads of the levels of files, pixels and masks, beside each of them, and validates those named .cog.tif."""

import os
import sys

from osgeo import gdal
from osgeo_utils.samples.validate_cloud_optimized_geotiff import validate

gdal.UseExceptions()
for path in sys.argv[1:]:
    if path.endswith(".cog.tif"):
        warnings, errors, _ = validate(path, full_check=True)
        assert not warnings and not errors, (path, warnings, errors)
    image = gdal.Open(path)
    band = image.GetRasterBand(1)
    has_mask = band.GetMaskFlags() == gdal.GMF_PER_DATASET
    for level in range(band.GetOverviewCount() + 1):
        bands = [image.GetRasterBand(i + 1) for i in range(image.RasterCount)]
        of_mask = band.GetMaskBand()
        if level > 0:
            bands = [of.GetOverview(level - 1) for of in bands]
            # Both ways to the mask of an overview; of a file beside the image GDAL knows one.
            of_mask = bands[0].GetMaskBand()
            if has_mask and not os.path.exists(path + ".ovr"):
                other = band.GetMaskBand().GetOverview(level - 1)
                assert other.ReadRaster() == of_mask.ReadRaster(), (path, level)
        with open(f"{path}.{level}.raw", "wb") as raw:
            for of in bands:
                raw.write(of.ReadRaster())
        if has_mask:
            with open(f"{path}.{level}.mask", "wb") as raw:
                raw.write(of_mask.ReadRaster())
