"""Rasters that GDAL shows otherwise than they are stored: the driver shows what GDAL shows

Makes them in the current directory, and asks each the same questions directly and through TILECACHE."""

import os

import numpy as np
from osgeo import gdal, osr

from questions import different

gdal.UseExceptions()
gdal.PushErrorHandler("CPLQuietErrorHandler")
WIDTH, HEIGHT = 150, 130
y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
random = np.random.default_rng(5)
noise = random.integers(0, 256, (3, HEIGHT, WIDTH)).astype(np.uint8)
large = random.integers(0, 256, (3, 290, 310)).astype(np.uint8)
names = []


def memory(bands, kind):
    height, width = bands[0].shape
    raster = gdal.GetDriverByName("MEM").Create("", width, height, len(bands), kind)
    for number, band in enumerate(bands, 1):
        raster.GetRasterBand(number).WriteArray(band)
    return raster


def make(name, bands, kind=gdal.GDT_Byte, options=(), driver="GTiff", alpha=False, nodata=None, colours=()):
    raster = memory(bands, kind)
    for number, colour in enumerate(colours, 1):
        raster.GetRasterBand(number).SetColorInterpretation(colour)
    if alpha:
        raster.GetRasterBand(len(bands)).SetColorInterpretation(gdal.GCI_AlphaBand)
    if nodata is not None:
        raster.GetRasterBand(1).SetNoDataValue(nodata)
    gdal.GetDriverByName(driver).CreateCopy(name, raster, options=list(options))
    names.append(name)


def mask(name, flags, values, inside=False, overviews=None):
    """A raster of two bands with a mask for both, or one for each."""
    tiles = ["TILED=YES", "BLOCKXSIZE=64", "BLOCKYSIZE=64"]
    make(name, noise[:2], options=tiles)
    gdal.SetConfigOption("GDAL_TIFF_INTERNAL_MASK", "YES" if inside else "NO")
    raster = gdal.Open(name, gdal.GA_Update)
    for number in (1, 2) if flags == 0 else (1,):
        band = raster.GetRasterBand(number)
        band.CreateMaskBand(0) if flags == 0 else raster.CreateMaskBand(flags)
        band.GetMaskBand().WriteArray(values(number).astype(np.uint8))
    del raster, band
    if overviews is not None:
        raster = gdal.Open(name, overviews)
        raster.BuildOverviews("NEAREST", [2, 4])


def stripes(number):
    return np.where((x + number * 20) % 40 < 10, 0, 255)


def grey(number):
    return (x + number * 20) % 256


def vrt(name, *sources):
    bands = "".join(
        f"<VRTRasterBand dataType='{kind}' band='{number}'><SimpleSource><SourceFilename>{source}</SourceFilename>"
        f"<SourceBand>1</SourceBand></SimpleSource></VRTRasterBand>"
        for number, (source, kind) in enumerate(sources, 1))
    with open(name, "w") as file:
        file.write(f"<VRTDataset rasterXSize='{WIDTH}' rasterYSize='{HEIGHT}'>{bands}</VRTDataset>")


# Colours that GDAL converts, those that it leaves alone, and an alpha that it promotes.
inks = [np.full((HEIGHT, WIDTH), value, np.uint8) for value in (200, 30, 10, 40)]
INKS = [gdal.GCI_CyanBand, gdal.GCI_MagentaBand, gdal.GCI_YellowBand, gdal.GCI_BlackBand]
make("cmyk.tif", inks, options=["PHOTOMETRIC=CMYK", "INTERLEAVE=PIXEL"], colours=INKS)
make("cmyk_apart.tif", inks, options=["PHOTOMETRIC=CMYK", "INTERLEAVE=BAND"])
make("cmyk16.tif", inks, gdal.GDT_UInt16, ["PHOTOMETRIC=CMYK"])
make("lab.tif", noise, options=["PHOTOMETRIC=CIELAB", "INTERLEAVE=PIXEL"])
lossless = ["QUALITY=100", "REVERSIBLE=YES"]
opaque = np.where(x > 20, 255, 0)
make("alpha1.jp2", [*noise, opaque], options=lossless + ["1BIT_ALPHA=YES"], driver="JP2OpenJPEG", alpha=True)
make("alpha8.jp2", [*noise, opaque], options=lossless, driver="JP2OpenJPEG", alpha=True)
make("grey_alpha1.jp2", [noise[0], opaque], options=lossless + ["1BIT_ALPHA=YES"], driver="JP2OpenJPEG", alpha=True)

# Masks: for the dataset and for each band, of one bit and with values between, with overviews and without.
mask("inside.tif", gdal.GMF_PER_DATASET, stripes, inside=True)
mask("inside_levels.tif", gdal.GMF_PER_DATASET, stripes, inside=True, overviews=gdal.GA_Update)
mask("beside.tif", gdal.GMF_PER_DATASET, stripes)
mask("beside_grey.tif", gdal.GMF_PER_DATASET, grey)
mask("beside_levels.tif", gdal.GMF_PER_DATASET, stripes, overviews=gdal.GA_Update)
mask("bands.tif", 0, stripes)
mask("bands_grey.tif", 0, grey)
mask("bands_levels.tif", 0, grey, overviews=gdal.GA_ReadOnly)
make("bands.lbl", [np.where(stripes(n) == 0, -32768 + n, x * 3 + y) for n in (1, 2)], gdal.GDT_Int16, driver="ISIS3")
make("nodata.cub", [np.where(y == 5, -32766, x)], gdal.GDT_Int16, driver="ISIS3", nodata=-32768)

# Samples that types do not hold: not a number, infinite, too large, halves; signed bytes.
odd = np.array([np.nan, np.inf, -np.inf, -0.5, 0.5, 1.5, 2.5, -2.5, 3e9, -3e9, 1e19, 1e300, -5])
odd = odd[(x + y) % len(odd)]
with np.errstate(over="ignore"):
    single = odd.astype(np.float32)
make("float32.tif", [single], gdal.GDT_Float32)
make("float64.tif", [odd], gdal.GDT_Float64)
make("nodata_nan.tif", [single], gdal.GDT_Float32, nodata=float("nan"))
make("int64.tif", [(x.astype(np.int64) - 70) * 2**56 + y], gdal.GDT_Int64)
make("uint32.tif", [x.astype(np.uint32) * 2**24 + y], gdal.GDT_UInt32)
make("complex.tif", [(odd + 1j * y).astype(np.complex128)], gdal.GDT_CFloat64)
make("signed.tif", [(x * 7 + y * 3) % 256, x + y], options=["PIXELTYPE=SIGNEDBYTE"])
vrt("several.vrt", ("float32.tif", "Float32"), ("signed.tif", "Byte"))
names.append("several.vrt")

# JPEG, which GDAL decodes smaller where less is wanted; a raster of parts, whose driver resamples each.
make("grey.jpg", noise[:1], options=["QUALITY=60"], driver="JPEG")
make("colour.jpg", large, options=["QUALITY=60"], driver="JPEG")
make("jpeg.tif", large, options=["COMPRESS=JPEG", "TILED=YES", "JPEG_QUALITY=30"])
make("ycbcr.tif", large, options=["COMPRESS=JPEG", "PHOTOMETRIC=YCBCR", "TILED=YES"])
make("jpeg.ntf", noise[:1], options=["IC=C3"], driver="NITF")
make("part.tif", noise[:1])
for name, left, top in (("part.tif", 0, 0), ("other.tif", 147.5, -13.3)):
    part = memory(noise[:1], gdal.GDT_Byte)
    part.SetGeoTransform((left, 1, 0, top, 0, -1))
    gdal.GetDriverByName("GTiff").CreateCopy(name, part)
gdal.BuildVRT("parts.vrt", ["part.tif", "other.tif"])
names.append("parts.vrt")
cut = open("grey.jpg", "rb").read()
open("cut.jpg", "wb").write(cut[:len(cut) * 3 // 4])
names.append("cut.jpg")

# What is known of bands beside their pixels: statistics, a histogram, holes, items of a level's own.
make("known.tif", [noise[0], x], gdal.GDT_UInt16, ["TILED=YES", "BLOCKXSIZE=64", "BLOCKYSIZE=64"])
known = gdal.Open("known.tif", gdal.GA_Update)
known.SetMetadataItem("OF_THE_FILE", "yes")
known.BuildOverviews("NEAREST", [2, 4])
known.GetRasterBand(1).SetStatistics(3, 250, 100.5, 17.25)
known.GetRasterBand(1).GetOverview(0).SetMetadataItem("OF_THE_LEVEL", "yes")
known.GetRasterBand(1).SetMetadataItem("OF_THE_BAND", "yes")
known = gdal.Open("known.tif")
known.GetRasterBand(2).SetDefaultHistogram(-0.5, 255.5, [7, 8, 9])
del known
holes = gdal.GetDriverByName("GTiff").Create("holes.tif", 300, 200, 1, options=["SPARSE_OK=TRUE", "TILED=YES"])
holes.GetRasterBand(1).WriteRaster(0, 0, 20, 20, b"\7" * 400)
del holes
gdal.GetDriverByName("GSBG").CreateCopy("range.grd", memory([x.astype(np.float32)], gdal.GDT_Float32))
names += ["holes.tif", "range.grd"]

# Levels in a file of their own, of which GDAL says that the first has levels again. So has the first of a VRT, one of
# another size than those of the VRT itself; GDAL makes none that is smaller than 128 samples.
apart = memory([np.tile(large[0], (4, 4))[:1030, :1036]], gdal.GDT_Byte)
apart.SetGeoTransform((0, 1, 0, 0, 0, -1))
gdal.GetDriverByName("GTiff").CreateCopy("apart.tif", apart, options=["TILED=YES"])
gdal.Open("apart.tif").BuildOverviews("NEAREST", [2, 4])
gdal.BuildVRT("apart.vrt", ["apart.tif"])
names += ["apart.tif", "apart.vrt"]

# Where it lies, what its values mean, and who made it: all that a raster can say of itself.
said = memory([x, y], gdal.GDT_Byte)
place = osr.SpatialReference()
place.ImportFromEPSG(32632)
said.SetGCPs([gdal.GCP(5e5 + 10 * a, 5e6 - 10 * b, 7, a, b, f"near {a}", f"{b}") for a in (0, 99) for b in (0, 88)], place)
said.SetMetadata({"LINE_OFF": "1", "SAMP_OFF": "2", "LAT_OFF": "3", "LONG_OFF": "4", "HEIGHT_OFF": "5",
                  "LINE_SCALE": "1", "SAMP_SCALE": "1", "LAT_SCALE": "1", "LONG_SCALE": "1", "HEIGHT_SCALE": "1",
                  **{f"{kind}_{part}_COEFF": " ".join(["0.5"] * 20)
                     for kind in ("LINE", "SAMP") for part in ("NUM", "DEN")}}, "RPC")
said.SetMetadata(["<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"], "xml:XMP")
palette = gdal.ColorTable()
for entry in range(150):
    palette.SetColorEntry(entry, (entry, 255 - entry, 7, 200))
of = said.GetRasterBand(1)
of.SetColorTable(palette)
of.SetCategoryNames(["none", "water", "wood"])
of.SetUnitType("m")
of.SetScale(0.25)
of.SetOffset(-8)
of.SetDescription("depth")
rows = gdal.RasterAttributeTable()
rows.CreateColumn("value", gdal.GFT_Integer, gdal.GFU_MinMax)
rows.CreateColumn("name", gdal.GFT_String, gdal.GFU_Name)
rows.SetRowCount(2)
rows.SetValueAsInt(1, 0, 77)
rows.SetValueAsString(1, 1, "reed")
of.SetDefaultRAT(rows)
for name, driver in (("said.tif", "GTiff"), ("said.vrt", "VRT"), ("said.png", "PNG"), ("said.img", "HFA")):
    source = gdal.Open("said.tif") if driver == "VRT" else said
    gdal.GetDriverByName(driver).CreateCopy(name, source, strict=0)
    names.append(name)
utm = memory(noise[:1], gdal.GDT_Byte)
utm.SetSpatialRef(place)
utm.SetGeoTransform((500000, 10, 1, 5000000, 2, -10))
gdal.GetDriverByName("GTiff").CreateCopy("utm.tif", utm, options=["NBITS=7", "COMPRESS=LZW"])
gdal.GetDriverByName("GTiff").CreateCopy("pages.tif", utm)
gdal.GetDriverByName("GTiff").CreateCopy("pages.tif", said, strict=0, options=["APPEND_SUBDATASET=YES"])
names += ["utm.tif", "pages.tif"]
del said, of, source, utm

wrong = []
for name in names:
    for source in ("auto", "gdal"):
        found = different(name, f"TILECACHE:{name}?tile=64&source={source}")
        if found:
            wrong.append(f"{name}, source={source}: {', '.join(found)}")
assert not wrong, "\n".join(wrong)

# What is set of a raster that can only be read stays in memory, beside what the file says.

before = sorted(os.listdir())
view = gdal.Open("TILECACHE:known.tif?tile=64")
view.SetMetadataItem("OWN", "1")
view.SetMetadata({"ALL": "2"}, "OTHER")
band = view.GetRasterBand(1)
band.SetMetadataItem("OF_THE_BAND", "mine")
assert view.GetMetadataItem("OWN") == "1" and view.GetMetadataItem("OF_THE_FILE") == "yes"
assert view.GetMetadata("OTHER") == {"ALL": "2"} and "OTHER" in view.GetMetadataDomainList()
assert band.GetMetadataItem("OF_THE_BAND") == "mine" and band.GetMinimum() == 3
computed = band.ComputeStatistics(False)
assert computed != [3, 250, 100.5, 17.25] and np.allclose(band.GetStatistics(False, False), computed)
assert [band.GetMinimum(), band.GetMaximum()] == computed[:2]
assert band.GetOverview(0).GetMetadataItem("OF_THE_LEVEL") == "yes"
band.SetDefaultHistogram(0, 4, [1, 2, 3, 4])
assert tuple(band.GetDefaultHistogram(force=0)) == (0, 4, 4, [1, 2, 3, 4]), band.GetDefaultHistogram(force=0)
assert tuple(view.GetRasterBand(2).GetDefaultHistogram(force=0)) == (-0.5, 255.5, 3, [7, 8, 9])
again = gdal.Open("TILECACHE:known.tif?tile=64")
assert again.GetMetadataItem("OWN") is None and again.GetRasterBand(1).GetMinimum() == 3
try:
    view.BuildOverviews("NEAREST", [8])
    raise AssertionError("overviews were built")
except RuntimeError as error:
    assert "TILECACHE:known.tif" in str(error) and "only be read" in str(error), error
del view, band, again
assert sorted(os.listdir()) == before

# A container of rasters says which ones it has.
container = gdal.GetDriverByName("netCDF").CreateMultiDimensional("container.nc")
group = container.GetRootGroup()
across = group.CreateDimension("x", None, None, WIDTH)
down = group.CreateDimension("y", None, None, HEIGHT)
for name in ("first", "second"):
    array = group.CreateMDArray(name, [down, across], gdal.ExtendedDataType.Create(gdal.GDT_Int16))
    array.Write(x.astype(np.int16))
del array, across, down, group, container
parts = gdal.Open("TILECACHE:container.nc").GetSubDatasets()
assert len(parts) == 2 and parts == gdal.Open("container.nc").GetSubDatasets(), parts
assert (gdal.Open("TILECACHE:" + parts[1][0]).ReadAsArray() == x).all()

# The reader that was asked for shows what is stored, and says so.
stored = gdal.Open("TILECACHE:cmyk.tif?source=tilecache")
assert [stored.GetRasterBand(n).GetColorInterpretation() for n in (1, 2, 3, 4)] == INKS
assert stored.ReadAsArray()[:, 0, 0].tolist() == [200, 30, 10, 40]

# Or the colours that GDAL makes of it, by that reader and without the opacity that is everywhere.
for name in ("cmyk.tif", "lab.tif"):
    colours, shown = gdal.Open(f"TILECACHE:{name}?rgb=YES"), gdal.Open(name)
    interpretations = [colours.GetRasterBand(n).GetColorInterpretation() for n in range(1, colours.RasterCount + 1)]
    assert interpretations == [gdal.GCI_RedBand, gdal.GCI_GreenBand, gdal.GCI_BlueBand], interpretations
    assert (colours.ReadAsArray() == shown.ReadAsArray()[:3]).all(), name
