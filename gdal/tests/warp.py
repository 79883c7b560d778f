"""Rasters seen in another reference system: where gdalwarp puts them, and what it finds there

In a directory of its own."""

import numpy as np
from osgeo import gdal, osr

gdal.UseExceptions()
WIDTH, HEIGHT = 300, 260
y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
smooth = (100 + 60 * np.sin(x / 17) + 60 * np.cos(y / 13)).astype(np.uint8)
noise = np.random.default_rng(3).integers(1, 256, (HEIGHT, WIDTH)).astype(np.uint8)
utm = osr.SpatialReference()
utm.ImportFromEPSG(32632)


def make(name, nodata=None):
    raster = gdal.GetDriverByName("GTiff").Create(name, WIDTH, HEIGHT, 2, options=["TILED=YES"])
    raster.SetSpatialRef(utm)
    raster.SetGeoTransform((500000, 10, 0, 5000000, 0, -10))
    for number, samples in enumerate((smooth, noise), 1):
        if nodata is not None:
            samples = np.where((x // 20 + y // 20) % 5 == 0, nodata, samples)
            raster.GetRasterBand(number).SetNoDataValue(nodata)
        raster.GetRasterBand(number).WriteArray(samples)
    raster.SetMetadataItem("STATISTICS_MEAN", "7")


make("plain.tif")
make("nodata.tif", 0)
exact = dict(format="MEM", errorThreshold=0, overviewLevel=None,
             warpOptions=["XSCALE=1", "YSCALE=1", "UNIFIED_SRC_NODATA=NO"])

for srs in ("EPSG:4326", "EPSG:3857", "EPSG:32633"):
    for resampling in ("nearest", "bilinear", "cubic"):
        view = gdal.Open(f"TILECACHE:plain.tif?tile=64&srs={srs}&resampling={resampling}")
        other = gdal.Warp("", "plain.tif", dstSRS=srs, resampleAlg=resampling, dstAlpha=True, **exact)
        assert (view.RasterXSize, view.RasterYSize) == (other.RasterXSize, other.RasterYSize), srs
        assert np.allclose(view.GetGeoTransform(), other.GetGeoTransform(), rtol=1e-12), srs
        assert view.GetSpatialRef().IsSame(other.GetSpatialRef()), srs
        mask = view.GetRasterBand(1).GetMaskBand().ReadAsArray() > 0
        theirs = other.GetRasterBand(3).ReadAsArray() > 0
        assert (mask != theirs).mean() < 0.01, (srs, resampling, (mask != theirs).mean())
        both = mask & theirs
        for number in (1, 2):
            ours, others = (each.GetRasterBand(number).ReadAsArray().astype(int) for each in (view, other))
            apart = np.abs(ours - others)
            # A position within an eighth of a pixel may be in the next one, and kernels may be wider.
            far = (apart[both] > (3 if number == 1 else 40)).mean()
            assert far < 0.015, (srs, resampling, number, far)
        band = view.GetRasterBand(1)
        assert band.GetMaskFlags() == gdal.GMF_PER_DATASET and band.GetOverviewCount() > 1
        level = band.GetOverview(0)
        assert level.XSize == (view.RasterXSize + 1) // 2 and level.GetMaskFlags() == gdal.GMF_PER_DATASET
        inner = (slice(level.YSize // 3, level.YSize // 2), slice(level.XSize // 3, level.XSize // 2))
        halves = band.ReadAsArray()[::2, ::2][:level.YSize, :level.XSize].astype(int)
        assert np.abs(level.ReadAsArray()[inner] - halves[inner]).mean() < 10, (srs, resampling)
        assert view.GetMetadata() == {} and view.GetGCPCount() == 0

# With nodata there is no other mask, and pixels of a size that is asked for.
view = gdal.OpenEx("TILECACHE:nodata.tif", open_options=["SRS=EPSG:3857", "RESOLUTION=20x25", "RESAMPLING=NEAREST"])
transform = view.GetGeoTransform()
assert (transform[1], transform[5]) == (20, -25)
other = gdal.Warp("", "nodata.tif", dstSRS="EPSG:3857", resampleAlg="nearest", xRes=20, yRes=25, **exact)
assert (view.RasterXSize, view.RasterYSize) == (other.RasterXSize, other.RasterYSize)
band = view.GetRasterBand(1)
assert band.GetNoDataValue() == 0 and band.GetMaskFlags() == gdal.GMF_NODATA
assert ((band.ReadAsArray() == 0) != (other.GetRasterBand(1).ReadAsArray() == 0)).mean() < 0.02

# Opened twice it is one image, and a program reads it as any other.
again = gdal.Open("TILECACHE:plain.tif?tile=64&srs=EPSG:4326&resampling=cubic")
copy = gdal.Translate("copy.tif", again)
assert np.array_equal(copy.ReadAsArray(), again.ReadAsArray())

for wrong, text in (("srs=nowhere", "srs=nowhere"), ("srs=EPSG:3857&resolution=-1", "resolution=-1"),
                    ("srs=EPSG:3857&resampling=gauss", "")):
    try:
        gdal.Open(f"TILECACHE:plain.tif?{wrong}")
    except RuntimeError as error:
        assert text in str(error), error
    else:
        raise AssertionError(f"{wrong} was understood")
