"""Whether GDAL says the same of the place, colours and texts of pairs of files; those named .cog.tif are cloud-optimised."""

import sys

from osgeo import gdal
from osgeo_utils.samples.validate_cloud_optimized_geotiff import validate

gdal.UseExceptions()


def said(path):
    image = gdal.Open(path)
    system = image.GetSpatialRef() or image.GetGCPSpatialRef()
    bands = [image.GetRasterBand(at + 1) for at in range(image.RasterCount)]
    table = bands[0].GetColorTable()
    return {
        "transform": image.GetGeoTransform(can_return_null=True),
        "system": system and system.ExportToWkt(),
        "points": [(p.GCPX, p.GCPY, p.GCPZ, p.GCPPixel, p.GCPLine) for p in image.GetGCPs()],
        "rpc": image.GetMetadata("RPC"),
        "texts": image.GetMetadata(),
        "mine": image.GetMetadata("MINE"),
        "colours": [band.GetColorInterpretation() for band in bands],
        "palette": table and [table.GetColorEntry(at) for at in range(table.GetCount())],
        "nodata": [band.GetNoDataValue() for band in bands],
        "of bands": [(b.GetScale() or 1, b.GetOffset() or 0, b.GetUnitType(), b.GetDescription(), b.GetMetadata()) for b in bands],
    }


for source, made in zip(sys.argv[1::2], sys.argv[2::2]):
    right, found = said(source), said(made)
    for name in right:
        assert right[name] == found[name], (made, name, right[name], found[name])
    if made.endswith(".cog.tif"):
        warnings, errors, _ = validate(made, full_check=True)
        assert not warnings and not errors, (made, warnings, errors)
