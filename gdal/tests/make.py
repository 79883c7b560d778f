"""Makes the rasters on which the driver is compared with GDAL itself: make.py <directory>"""

import sys

import numpy as np
from osgeo import gdal, osr

gdal.UseExceptions()
directory = sys.argv[1]
random = np.random.default_rng(7)
WIDTH, HEIGHT = 1500, 1301


def samples(bands, dtype):
    shape = (bands, HEIGHT, WIDTH)
    if np.dtype(dtype).kind == "c":
        return (random.integers(-999, 999, shape) + 1j * random.integers(-999, 999, shape)).astype(dtype)
    return random.integers(0, 200, shape).astype(dtype)


def make(name, pixels, kind, options, nodata=None, overviews=None, apart=False, mask=False):
    path = f"{directory}/{name}"
    raster = gdal.GetDriverByName("GTiff").Create(path, WIDTH, HEIGHT, len(pixels), kind, options)
    place = osr.SpatialReference()
    place.ImportFromEPSG(32632)
    raster.SetSpatialRef(place)
    raster.SetGeoTransform((500000, 10, 0, 5000000, 0, -10))
    raster.SetMetadataItem("TITLE", "a test")
    raster.SetMetadataItem("CLOUD", "7", "QUALITY")
    for number, band in enumerate(pixels, 1):
        to = raster.GetRasterBand(number)
        if nodata is not None:
            to.SetNoDataValue(nodata)
        to.WriteArray(band)
        to.SetDescription(f"band {number}")
        to.SetScale(0.5)
    if mask:
        raster.CreateMaskBand(gdal.GMF_PER_DATASET)
        raster.GetRasterBand(1).GetMaskBand().WriteArray(np.where(pixels[0] % 3 == 0, 255, 0).astype(np.uint8))
    raster = None
    if overviews:
        raster = gdal.Open(path, gdal.GA_ReadOnly if apart else gdal.GA_Update)
        raster.BuildOverviews("NEAREST", overviews)


gdal.SetConfigOption("GDAL_TIFF_INTERNAL_MASK", "YES")
rgb = samples(3, np.uint8)
deflate = ["COMPRESS=DEFLATE", "ZLEVEL=1"]
make("strips.tif", rgb, gdal.GDT_Byte, deflate + ["INTERLEAVE=PIXEL", "BLOCKYSIZE=37"], nodata=7)
make("tiles.tif", rgb, gdal.GDT_Byte, deflate + ["INTERLEAVE=PIXEL", "TILED=YES"], overviews=[2, 4, 8])
make("bands.tif", samples(2, np.uint16), gdal.GDT_UInt16, deflate + ["INTERLEAVE=BAND", "TILED=YES"],
     overviews=[2, 4], apart=True)
make("strip.tif", samples(1, np.float32), gdal.GDT_Float32, deflate + [f"BLOCKYSIZE={HEIGHT}"], nodata=-9999)
make("complex.tif", samples(1, np.complex64), gdal.GDT_CFloat32, ["TILED=YES"])
make("gaps.tif", rgb, gdal.GDT_Byte, deflate + ["INTERLEAVE=PIXEL", "TILED=YES"], overviews=[4, 16])
make("masked.tif", rgb, gdal.GDT_Byte, ["TILED=YES", "INTERLEAVE=PIXEL"], mask=True, overviews=[2])

palette = gdal.ColorTable()
for entry in range(200):
    palette.SetColorEntry(entry, (entry, 255 - entry, 7, 255))
raster = gdal.GetDriverByName("GTiff").Create(f"{directory}/palette.tif", WIDTH, HEIGHT, 1, gdal.GDT_Byte)
raster.GetRasterBand(1).SetColorTable(palette)
raster.GetRasterBand(1).WriteArray(rgb[0])
raster.SetGCPs([gdal.GCP(1.0 * x, 2.0 * y, 0, x, y) for x, y in ((0, 0), (1500, 0), (0, 1301), (1500, 1301))],
               'GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563]],'
               'PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]]')
raster = None

tiles = gdal.Open(f"{directory}/tiles.tif")
gdal.GetDriverByName("PNG").CreateCopy(f"{directory}/copy.png", tiles)
gdal.GetDriverByName("JP2OpenJPEG").CreateCopy(f"{directory}/copy.jp2", tiles, options=["REVERSIBLE=YES", "QUALITY=100"])
gdal.GetDriverByName("JPEG").CreateCopy(f"{directory}/copy.jpg", tiles)
gdal.Translate(f"{directory}/ycbcr.tif", tiles, creationOptions=["COMPRESS=JPEG", "PHOTOMETRIC=YCBCR", "TILED=YES"])
gdal.BuildVRT(f"{directory}/copy.vrt", [f"{directory}/bands.tif"])
