"""Makes files of every format with what GDAL puts beside them, and says what GDAL reads of them.

Usage: make.py DIRECTORY, which tests/support must be on the path for. Lines of the manifest:
    file level NUMBER width height type raw     pixels of a level, band by band
    file mask NUMBER raw                        its mask, 0 or 255
    file own NUMBER                             a level that no file beside it has
    file band NUMBER nodata colour              what a band says, as numbers; "-" is none
    file text BAND name text                    a text, of the whole image where the band is -1; with \\n for line ends
    file rgb NUMBER width height raw            the first three bands of a level whose colours GDAL converts
    file stored raw                             the samples of colours that it does not convert
"""

import ctypes
import ctypes.util
import os
import struct
import subprocess

import numpy as np
from osgeo import gdal, gdal_array
from rasters import raw_of, say, type_of

random = np.random.default_rng(2026)
gdal.SetConfigOption("GDAL_TIFF_INTERNAL_MASK", "NO")

FORMATS = [
    ("GTiff", "tif", ["TILED=YES", "BLOCKXSIZE=64", "BLOCKYSIZE=32"]),
    ("GTiff", "strips.tif", ["COMPRESS=DEFLATE", "INTERLEAVE=BAND"]),
    ("PNG", "png", []),
    ("JPEG", "jpg", []),
    ("JP2OpenJPEG", "jp2", ["REVERSIBLE=YES", "QUALITY=100", "RESOLUTIONS=3"]),
    ("NITF", "ntf", []),
]


def create(name, driver, options, data):
    memory = gdal_array.OpenArray(data)
    copy = gdal.GetDriverByName(driver).CreateCopy(name, memory, options=options)
    del copy
    if os.path.exists(name + ".aux.xml"):
        os.remove(name + ".aux.xml")


def add_overviews(name, factors, compress="DEFLATE"):
    gdal.SetConfigOption("COMPRESS_OVERVIEW", compress)
    dataset = gdal.Open(name)
    dataset.BuildOverviews("AVERAGE", factors)
    del dataset


def add_mask(name):
    dataset = gdal.Open(name)
    dataset.CreateMaskBand(gdal.GMF_PER_DATASET)
    band = dataset.GetRasterBand(1)
    mask = band.GetMaskBand()
    noise = random.integers(0, 2, (band.YSize // 8 + 1, band.XSize // 8 + 1)) * 255
    mask.WriteArray(np.kron(noise, np.ones((8, 8)))[: band.YSize, : band.XSize].astype(np.uint8))
    del mask, band, dataset


def describe(name):
    """Everything that GDAL keeps beside a file."""
    dataset = gdal.Open(name)
    bands = [dataset.GetRasterBand(i + 1) for i in range(dataset.RasterCount)]
    for number, band in enumerate(bands):
        band.SetNoDataValue(7 + number)
        band.SetDescription(f"<{number}> & \u00fc")
        band.SetMetadataItem("K & L", f" {number} \"<x>\" ")
        band.ComputeStatistics(False)
        band.GetDefaultHistogram(force=1)
    bands[0].SetUnitType("m")
    bands[0].SetOffset(-1.5)
    bands[0].SetScale(0.25)
    dataset.SetMetadataItem("A", "of all")
    dataset.SetMetadataItem("B", "of a domain", "DOMAIN")
    dataset.SetMetadata(["<a><b>1 &amp; 2</b></a>"], "xml:OTHER")
    del bands, band, dataset
    # What GDAL's drivers keep elsewhere or not at all, but its readers read.
    path = name + ".aux.xml"
    with open(path, encoding="utf-8") as file:
        text = file.read()
    table = "".join(f'<Entry c1="{i}" c2="{2 * i}" c3="{255 - i}" c4="255" />' for i in range(3))
    more = f"<CategoryNames><Category>water</Category><Category>l&amp;nd</Category></CategoryNames>" \
           f"<ColorTable>{table}</ColorTable>"
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace('<PAMRasterBand band="1">', f'<PAMRasterBand band="1">{more}', 1))


def expect(name):
    dataset = gdal.Open(name)
    bands = [dataset.GetRasterBand(i + 1) for i in range(dataset.RasterCount)]
    levels = {0: bands}
    for i in range(bands[0].GetOverviewCount()):
        of_level = [band.GetOverview(i) for band in bands]
        levels[round(np.log2(bands[0].XSize / of_level[0].XSize))] = of_level
    for number, of_level in sorted(levels.items()):
        raw = f"{name}.{number}.raw"
        with open(raw, "wb") as file:
            file.write(raw_of(of_level))
        say(name, "level", number, of_level[0].XSize, of_level[0].YSize, type_of(dataset), raw)
    if bands[0].GetMaskFlags() == gdal.GMF_PER_DATASET:
        mask = bands[0].GetMaskBand()
        masks = [mask] + [mask.GetOverview(i) for i in range(mask.GetOverviewCount())]
        for mask in masks:
            number = round(np.log2(bands[0].XSize / mask.XSize))
            raw = f"{name}.mask.{number}.raw"
            with open(raw, "wb") as file:
                file.write(((mask.ReadAsArray() != 0) * 255).astype(np.uint8).tobytes())
            say(name, "mask", number, raw)
    for number, band in enumerate(bands):
        nodata = band.GetNoDataValue()
        say(name, "band", number, "-" if nodata is None else nodata, band.GetColorInterpretation())


def expect_texts(name):
    def text(band, name_of, value):
        say(name, "text", band, name_of, str(value).replace("\n", "\\n"))

    dataset = gdal.Open(name)
    text(-1, "A", dataset.GetMetadataItem("A"))
    text(-1, "DOMAIN:B", dataset.GetMetadataItem("B", "DOMAIN"))
    for number in range(dataset.RasterCount):
        band = dataset.GetRasterBand(number + 1)
        text(number, "DESCRIPTION", band.GetDescription())
        for key, value in band.GetMetadata().items():
            text(number, key, value)
        low, high, _, counts = band.GetDefaultHistogram(force=0)
        text(number, "HISTOGRAM_MIN", f"{low:g}")
        text(number, "HISTOGRAM_MAX", f"{high:g}")
        text(number, "HISTOGRAM_COUNTS", ",".join(map(str, counts)))
    band = dataset.GetRasterBand(1)
    text(0, "UNITTYPE", band.GetUnitType())
    text(0, "OFFSET", f"{band.GetOffset():g}")
    text(0, "SCALE", f"{band.GetScale():g}")
    text(0, "CATEGORYNAMES", "water\nl&nd\n")
    text(0, "COLORTABLE", "".join(f"{i},{2 * i},{255 - i},255\n" for i in range(3)))


for number, (driver, ending, options) in enumerate(FORMATS):
    width, height, count = 120 + 17 * number, 90 + 13 * number, 1 if number % 3 == 2 else 3
    data = random.integers(0, 256, (count, height, width)).astype(np.uint8)
    # Levels in any order, of which some are left out.
    name = f"overviews.{ending}"
    create(name, driver, options, data)
    add_overviews(name, [4], "JPEG" if number % 2 else "NONE")
    add_overviews(name, [2, 16] if number % 2 else [16])
    expect(name)
    if driver == "JP2OpenJPEG":
        # Those of the codestream that nothing lies beside for.
        for level in (1, 2):
            if not os.path.exists(f"{name}.{level}.raw"):
                say(name, "own", level)
    # A mask with its overviews beside an image with its own.
    name = f"mask.{ending}"
    create(name, driver, options, data)
    add_mask(name)
    expect(name)
    name = f"masks.{ending}"
    create(name, driver, options, data)
    add_mask(name)
    add_overviews(name, [2, 4])
    expect(name)
    # What is known of it.
    name = f"described.{ending}"
    create(name, driver, options, data)
    describe(name)
    expect(name)
    expect_texts(name)

# Samples of other types.
for dtype in ("uint16", "int16", "float32", "float64", "complex64"):
    name = f"{dtype}.tif"
    create(name, "GTiff", [], (random.integers(0, 30000, (2, 75, 130)) - 9).astype(dtype))
    add_overviews(name, [2, 4, 8])
    expect(name)

# Overviews in a file go before those beside it, and nodata beside a TIFF before its own, in absent blocks too.
name = "both.tif"
create(name, "GTiff", [], random.integers(0, 256, (1, 96, 128)).astype(np.uint8))
add_overviews(name, [2])
dataset = gdal.Open(name, gdal.GA_Update)
dataset.GetRasterBand(1).SetNoDataValue(3)
dataset.BuildOverviews("NEAREST", [4])
del dataset
expect(name)
for interleave in ("PIXEL", "BAND"):
    name = f"absent-{interleave}.tif"
    dataset = gdal.GetDriverByName("GTiff").Create(
        name, 100, 80, 2, gdal.GDT_Byte, ["SPARSE_OK=YES", "BLOCKYSIZE=16", f"INTERLEAVE={interleave}"]
    )
    dataset.GetRasterBand(1).SetNoDataValue(9)
    dataset.GetRasterBand(1).WriteArray(random.integers(1, 256, (16, 100)).astype(np.uint8), 0, 16)
    del dataset
    with open(name + ".aux.xml", "w", encoding="utf-8") as file:
        bands = "".join(f'<PAMRasterBand band="{i}"><NoDataValue>200</NoDataValue></PAMRasterBand>' for i in (1, 2))
        file.write(f"<PAMDataset>{bands}</PAMDataset>")
    expect(name)

# Values and colours beside other formats are for what they do not say themselves.
memory = gdal_array.OpenArray(random.integers(0, 256, (50, 60)).astype(np.uint8))
for driver, ending in (("JPEG", "jpg"), ("PNG", "png"), ("GTiff", "tif")):
    name = f"values.{ending}"
    copy = gdal.GetDriverByName(driver).CreateCopy(name, memory)
    del copy
    memory.GetRasterBand(1).SetNoDataValue(5)
    with open(name + ".aux.xml", "w", encoding="utf-8") as file:
        file.write('<PAMDataset><PAMRasterBand band="1"><NoDataValue>8</NoDataValue>'
                   "<ColorInterp>Alpha</ColorInterp></PAMRasterBand></PAMDataset>")
    expect(name)


def inks(name, options, bands=4, kind=gdal.GDT_Byte, photometric="CMYK"):
    """Every value of each sample with others, and noise."""
    dataset = gdal.GetDriverByName("GTiff").Create(name, 256, 256, bands, kind, [f"PHOTOMETRIC={photometric}", *options])
    rows, columns = np.mgrid[0:256, 0:256]
    planes = [columns, rows, (columns * 7 + rows * 3) % 256, rows] + [columns] * bands
    for i, plane in enumerate(planes[:bands]):
        noise = random.integers(0, 256, plane.shape)
        plane = np.where((columns + rows) % 3 == 0, noise, plane)
        dataset.GetRasterBand(i + 1).WriteArray(plane.astype(np.uint8) if kind == gdal.GDT_Byte else plane * 257)


def add_directory(name, side, photometric, pixels):
    """Appends an overview to a file, by libtiff."""
    library = ctypes.CDLL(ctypes.util.find_library("tiff"))
    library.TIFFOpen.restype = ctypes.c_void_p
    file = ctypes.c_void_p(library.TIFFOpen(name.encode(), b"a"))
    bands = pixels.shape[2]
    tags = {254: 1, 256: side, 257: side, 258: 8, 259: 1, 262: photometric, 277: bands, 278: 16, 284: 1}
    for tag, value in tags.items():
        assert library.TIFFSetField(file, ctypes.c_uint32(tag), ctypes.c_int(value)) == 1
    if photometric == 2:
        opacity = (ctypes.c_uint16 * 1)(2)
        assert library.TIFFSetField(file, ctypes.c_uint32(338), ctypes.c_int(1), opacity) == 1
    for y, row in enumerate(np.ascontiguousarray(pixels.astype(np.uint8))):
        place = row.ctypes.data_as(ctypes.c_void_p)
        assert library.TIFFWriteScanline(file, place, ctypes.c_uint32(y), ctypes.c_uint16(0)) == 1
    library.TIFFClose(file)


def expect_rgb(name):
    """The first three bands of what GDAL converts, of all levels."""
    dataset = gdal.Open(name)
    assert dataset.GetMetadataItem("SOURCE_COLOR_SPACE", "IMAGE_STRUCTURE") in ("CMYK", "CIELAB")
    bands = [dataset.GetRasterBand(i + 1) for i in range(4)]
    levels = range(bands[0].GetOverviewCount())
    for number, of_level in enumerate([bands] + [[band.GetOverview(i) for band in bands] for i in levels]):
        assert set(raw_of(of_level[3:])) == {255}
        raw = f"{name}.rgb.{number}"
        with open(raw, "wb") as out:
            out.write(raw_of(of_level[:3]))
        say(name, "rgb", number, of_level[0].XSize, of_level[0].YSize, raw)


# What GDAL shows as red, green and blue: 8 bits of inks and of L*a*b*.
for name, options in [
    ("strips", []), ("tiles", ["TILED=YES", "BLOCKXSIZE=64", "BLOCKYSIZE=32", "COMPRESS=LZW", "PREDICTOR=2"]),
    ("apart", ["INTERLEAVE=BAND", "COMPRESS=DEFLATE"]), ("big", ["ENDIANNESS=BIG", "BIGTIFF=YES", "COMPRESS=ZSTD"]),
    ("jpeg", ["COMPRESS=JPEG", "TILED=YES"]),
]:
    inks(f"inks-{name}.tif", options)
    expect_rgb(f"inks-{name}.tif")
    if name not in ("apart", "jpeg"):
        inks(f"lab-{name}.tif", options, 3, photometric="CIELAB")
        expect_rgb(f"lab-{name}.tif")
inks("inks-more.tif", [], 5)
expect_rgb("inks-more.tif")
for name, bands, photometric in (("inks-levels.tif", 4, "CMYK"), ("lab-levels.tif", 3, "CIELAB")):
    inks(name, ["COMPRESS=DEFLATE"], bands, photometric=photometric)
    add_overviews(name, [2, 4])
    expect_rgb(name)
# Overviews of three bands that are red, green and blue.
for name, photometric in (("three.tif", "RGB"), ("lab-three.tif", "CIELAB")):
    inks(name, [], 3, photometric=photometric)
add_overviews("three.tif", [2])
os.rename("three.tif.ovr", "lab-three.tif.ovr")
# Overviews inside such files: those of other writers may be in either colours, those of GDAL have no block.
for name, bands, photometric, number in (("inks-inside.tif", 4, "CMYK", 5), ("lab-inside.tif", 3, "CIELAB", 8)):
    inks(name, ["COMPRESS=DEFLATE"], bands, photometric=photometric)
    add_directory(name, 128, 2, np.dstack([random.integers(0, 256, (128, 128, 3)), np.full((128, 128), 255)]))
    add_directory(name, 64, number, random.integers(0, 256, (64, 64, bands)))
    expect_rgb(name)
    name = name.replace("inside", "empty")
    inks(name, ["COMPRESS=DEFLATE"], bands, photometric=photometric)
    # It says that it fails, and succeeds.
    subprocess.run(["gdaladdo", "-q", "-r", "average", name, "2", "4"], stderr=subprocess.DEVNULL)
    dataset = gdal.Open(name)
    assert dataset.GetRasterBand(1).GetOverviewCount() == 2 and not os.path.exists(name + ".ovr")
inks("inks-described.tif", [])
with open("inks-described.tif.aux.xml", "w", encoding="utf-8") as file:
    bands = "".join(f'<PAMRasterBand band="{i}"><NoDataValue>{i}</NoDataValue><Metadata><MDI key="N">{i}</MDI></Metadata>'
                    f'</PAMRasterBand>' for i in (1, 4))
    file.write(f"<PAMDataset>{bands}</PAMDataset>")
expect_rgb("inks-described.tif")

# Blocks that are left out, which GDAL fails to convert.
dataset = gdal.GetDriverByName("GTiff").Create(
    "inks-absent.tif", 64, 48, 4, gdal.GDT_Byte, ["PHOTOMETRIC=CMYK", "SPARSE_OK=YES", "BLOCKYSIZE=16"])
dataset.GetRasterBand(1).SetNoDataValue(9)
for i in range(4):
    dataset.GetRasterBand(i + 1).WriteArray(np.full((16, 64), 50 * (i + 1), np.uint8), 0, 16)
del dataset

# What it shows as it is stored.
for name, kind, bands, photometric in [
    ("inks-16", gdal.GDT_UInt16, 4, "CMYK"), ("lab-16", gdal.GDT_UInt16, 3, "CIELAB"), ("lab-more", gdal.GDT_Byte, 4, "CIELAB"),
    ("icclab", gdal.GDT_Byte, 3, "ICCLAB"), ("itulab", gdal.GDT_Byte, 3, "ITULAB"), ("inks-few", gdal.GDT_Byte, 3, "CMYK"),
]:
    inks(f"{name}.tif", [], bands, kind, photometric)
# Its sample formats are what they are without the tag, which makes room for another set of inks.
other, formats = open("inks-strips.tif", "rb").read(), struct.pack("<HHI", 339, 3, 4)
assert other.count(formats) == 1
at = other.index(formats)
with open("inks-other.tif", "wb") as file:
    file.write(other[:at] + struct.pack("<HHII", 332, 3, 1, 2) + other[at + 12:])
for name in ("inks-16", "lab-16", "lab-more", "icclab", "itulab", "inks-few", "inks-other"):
    dataset = gdal.Open(f"{name}.tif")
    assert dataset.GetMetadataItem("SOURCE_COLOR_SPACE", "IMAGE_STRUCTURE") is None
    raw = f"{name}.stored"
    with open(raw, "wb") as file:
        file.write(raw_of([dataset.GetRasterBand(i + 1) for i in range(dataset.RasterCount)]))
    say(f"{name}.tif", "stored", raw)
