"""Makes the seeds of the target "files": small images by GDAL in every kind that the library reads.

Usage: make.py, into the directory beside it. The files are committed, so that fuzzing needs no GDAL.
"""

import itertools
import os
import random
import struct
import subprocess
import sys
import tempfile

import numpy as np
from osgeo import gdal

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tests/support"))
import jpegs

gdal.UseExceptions()
gdal.SetConfigOption("GDAL_PAM_ENABLED", "NO")
os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "files"))


def made(driver, name, bands, size, dtype, options, nodata=None, texts=None):
    if os.path.exists(name):
        os.remove(name)
    width, height = size
    memory = gdal.GetDriverByName("MEM").Create("", width, height, bands, dtype)
    for band in range(bands):
        y, x = np.mgrid[:height, :width]
        memory.GetRasterBand(band + 1).WriteArray((x * 7 + y * 13 + band * 29) % 101)
        if nodata is not None:
            memory.GetRasterBand(band + 1).SetNoDataValue(nodata)
    if texts:
        memory.SetMetadata(texts)
    copy = gdal.GetDriverByName(driver).CreateCopy(name, memory, options=options)
    copy = None


def tiff(name, bands=1, size=(20, 17), dtype=gdal.GDT_Byte, options=(), **more):
    made("GTiff", name + ".tif", bands, size, dtype, list(options), **more)


BLOCKS = [["BLOCKYSIZE=5"], ["TILED=YES", "BLOCKXSIZE=16", "BLOCKYSIZE=16"]]
for compression, blocks in itertools.product(["NONE", "LZW", "DEFLATE", "PACKBITS", "ZSTD"], BLOCKS):
    tiff(f"{compression}-{len(blocks)}", options=[f"COMPRESS={compression}", *blocks])
tiff("jpeg", 3, (24, 16), options=["COMPRESS=JPEG", "PHOTOMETRIC=YCBCR", "TILED=YES", "BLOCKXSIZE=16", "BLOCKYSIZE=16"])
tiff("jpeg-gray", 1, (24, 16), options=["COMPRESS=JPEG", "BLOCKYSIZE=8"])
tiff("inks", 4, options=["PHOTOMETRIC=CMYK", "COMPRESS=DEFLATE", "BLOCKYSIZE=8"])
tiff("inks-apart", 5, options=["PHOTOMETRIC=CMYK", "INTERLEAVE=BAND", "BLOCKYSIZE=8"])
tiff("lab", 3, options=["PHOTOMETRIC=CIELAB", "TILED=YES", "BLOCKXSIZE=16", "BLOCKYSIZE=16"])
tiff("predictor2", 3, dtype=gdal.GDT_UInt16, options=["COMPRESS=LZW", "PREDICTOR=2", "ENDIANNESS=BIG"])
tiff("predictor3", 2, dtype=gdal.GDT_Float32, options=["COMPRESS=DEFLATE", "PREDICTOR=3", "INTERLEAVE=BAND"])
tiff("big", 2, dtype=gdal.GDT_Int16, options=["BIGTIFF=YES", "ENDIANNESS=BIG", "INTERLEAVE=BAND"])
tiff("bits11", 2, dtype=gdal.GDT_UInt16, options=["NBITS=11"])
tiff("bit", 1, options=["NBITS=1"])
for compression in ["CCITTRLE", "CCITTFAX3", "CCITTFAX4"]:
    tiff(compression, options=["NBITS=1", f"COMPRESS={compression}", "BLOCKYSIZE=5"])
for compression, dtype in itertools.product(["LERC", "LERC_DEFLATE", "LERC_ZSTD"], [gdal.GDT_Byte, gdal.GDT_Float32]):
    tiff(f"{compression}-{dtype}", 2, dtype=dtype, options=[f"COMPRESS={compression}", "BLOCKYSIZE=5"])
tiff("webp", 3, options=["COMPRESS=WEBP", "BLOCKYSIZE=8"])
tiff("webp-lossless", 4, options=["COMPRESS=WEBP", "WEBP_LOSSLESS=YES", "BLOCKYSIZE=8"])
tiff("lzma", 2, dtype=gdal.GDT_Int16, options=["COMPRESS=LZMA", "PREDICTOR=2"])
# JPEG that GDAL does not write, alone and in a strip.
deep = np.arange(3 * 7 * 9).reshape(3, 7, 9) % 101 * 40
for name, stream in (("lossless", jpegs.lossless(deep, 12, 4)), ("bits12", jpegs.transformed(deep[:1])[0]),
                     ("lossless16", jpegs.lossless(deep[:1] * 16, 16, 1))):
    open(f"{name}.jpg", "wb").write(stream)
    bands = 3 if name == "lossless" else 1
    tags = [(256, 9), (257, 7), (258, 16 if name == "lossless16" else 12), (259, 7), (262, 2 if bands == 3 else 1),
            (273, 8 + 2 + 8 * 12 + 4), (277, bands), (279, len(stream))]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    open(f"jpeg-{name}.tif", "wb").write(b"II*\0\x08\0\0\0" + struct.pack("<H", 8) + entries + bytes(4) + stream)
# Old-style JPEG: the header of a stream, whose scan is the strip, with its header too, and the whole stream in its place.
made("JPEG", "3-0.jpg", 3, (24, 20), gdal.GDT_Byte, [])
stream = open("3-0.jpg", "rb").read()
scan = stream.index(b"\xff\xda") + 14
for name, length, scan in (("head", scan, scan), ("whole", len(stream), scan), ("parted", scan - 14, scan - 14)):
    begin = 8 + 2 + 12 * 12 + 4
    tags = [(256, 24), (257, 20), (258, 8), (259, 6), (262, 6), (273, begin + scan), (277, 3), (278, 20),
            (279, len(stream) - scan), (513, begin), (514, length), (530, 2 | 2 << 16)]
    entries = b"".join(struct.pack("<HHII", tag, 3 if tag == 530 else 4, 1 + (tag == 530), value) for tag, value in tags)
    open(f"old-jpeg-{name}.tif", "wb").write(b"II*\0\x08\0\0\0" + struct.pack("<H", 12) + entries + bytes(4) + stream)
# Luma and chroma without JPEG, which GDAL does not write: a file of three bands that says so.
tiff("units", 3, (24, 16), options=["INTERLEAVE=PIXEL", "BLOCKYSIZE=8"])
file = bytearray(open("units.tif", "rb").read())
at = file.index(b"\x06\x01\x03\0\x01\0\0\0\x02\0")
file[at + 8] = 6
open("units.tif", "wb").write(file)
tiff("half", 1, dtype=gdal.GDT_Float32, options=["NBITS=16", "COMPRESS=ZSTD"])
tiff("complex", 1, dtype=gdal.GDT_CFloat32)
tiff("described", 2, nodata=7, texts={"A": "b", "TIFFTAG_SOFTWARE": "some"}, options=["SPARSE_OK=TRUE"])
tiff("sparse", 1, (64, 64), options=["SPARSE_OK=TRUE", "TILED=YES", "BLOCKXSIZE=16", "BLOCKYSIZE=16"])

# Overviews and a mask inside the file.
gdal.SetConfigOption("GDAL_TIFF_INTERNAL_MASK", "YES")
tiff("levels", 1, (70, 50), options=["COMPRESS=DEFLATE"])
dataset = gdal.Open("levels.tif", gdal.GA_Update)
dataset.CreateMaskBand(gdal.GMF_PER_DATASET)
dataset.BuildOverviews("NEAREST", [2, 4])
dataset = None

JPEG2000 = {
    "lossless": ["REVERSIBLE=YES", "QUALITY=100"],
    "lossy": ["QUALITY=20"],
    "tiles": ["REVERSIBLE=YES", "QUALITY=100", "BLOCKXSIZE=64", "BLOCKYSIZE=64"],
    "codestream": ["CODEC=J2K", "REVERSIBLE=YES", "QUALITY=100", "RESOLUTIONS=3"],
    "markers": ["CODEC=J2K", "REVERSIBLE=YES", "QUALITY=100", "SOP=YES", "EPH=YES", "PROGRESSION=RPCL"],
}
for (name, options), bands in itertools.product(JPEG2000.items(), [1, 3]):
    size = (90, 70) if name == "tiles" else (40, 33)
    made("JP2OpenJPEG", f"{name}-{bands}.jp2", bands, size, gdal.GDT_Byte, options)
made("JP2OpenJPEG", "deep.jp2", 1, (20, 20), gdal.GDT_UInt16, JPEG2000["lossless"])

# Codestreams and logarithms of luminance in a strip.
for name, compression, stream, tags in (
    ("codestream", 34712, open("codestream-3.jp2", "rb").read(), [(256, 40), (257, 33), (258, 8), (262, 2), (277, 3)]),
    ("aperio", 33003, open("codestream-3.jp2", "rb").read(), [(256, 40), (257, 33), (258, 8), (262, 2), (277, 3)]),
    ("logarithms", 34676, bytes([139, 9, 2, 1, 2, 138, 3] * 4 + [7, *range(7), 132, 8] * 4),
     [(256, 13), (257, 2), (258, 16), (262, 32845), (277, 3), (339, 2)]),
    ("cells", 34677, bytes(range(13 * 2 * 3)), [(256, 13), (257, 2), (258, 16), (262, 32845), (277, 3), (339, 2)]),
):
    begin = 8 + 2 + 12 * (len(tags) + 3) + 4
    tags = sorted([*tags, (259, compression), (273, begin), (279, len(stream))])
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    head = b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags))
    open(f"in-tiff-{name}.tif", "wb").write(head + entries + bytes(4) + stream)

for name, bands, dtype, options in [
    ("plain", 1, gdal.GDT_Byte, []),
    ("pixels", 3, gdal.GDT_Byte, ["BLOCKXSIZE=16", "BLOCKYSIZE=16"]),
    ("wide", 2, gdal.GDT_Int16, []),
    ("float", 1, gdal.GDT_Float32, []),
    ("jpeg", 1, gdal.GDT_Byte, ["IC=C3"]),
    ("jpeg2000", 1, gdal.GDT_Byte, ["IC=C8"]),
]:
    made("NITF", f"{name}.ntf", bands, (24, 20), dtype, [*options, "TRE=AAAAAA=some text"])

for bands, options in [(1, []), (3, []), (4, []), (1, ["NBITS=1"])]:
    made("PNG", f"{bands}-{len(options)}.png", bands, (24, 20), gdal.GDT_Byte, options)
made("PNG", "deep.png", 2, (24, 20), gdal.GDT_UInt16, [])
for bands, options in [(1, []), (3, ["PROGRESSIVE=YES"]), (3, [])]:
    made("JPEG", f"{bands}-{len(options)}.jpg", bands, (24, 20), gdal.GDT_Byte, options)

# What lies beside an image of 24 x 20 bytes; the first byte of a seed says which file it is.
gdal.SetConfigOption("GDAL_TIFF_INTERNAL_MASK", "NO")
gdal.SetConfigOption("GDAL_PAM_ENABLED", "YES")
os.makedirs("../beside", exist_ok=True)
os.chdir("../beside")
for compress in ["LZW", "DEFLATE", "JPEG"]:
    gdal.SetConfigOption("COMPRESS_OVERVIEW", compress)
    tiff("of", size=(24, 20))
    dataset = gdal.Open("of.tif")
    dataset.CreateMaskBand(gdal.GMF_PER_DATASET)
    dataset.GetRasterBand(1).GetMaskBand().WriteArray(np.eye(20, 24, dtype=np.uint8) * 255)
    dataset = None
    dataset = gdal.Open("of.tif")
    dataset.BuildOverviews("NEAREST", [2, 4, 8])
    dataset = None
    for kind, ending in enumerate([".ovr", ".msk", ".msk.ovr"]):
        with open("of.tif" + ending, "rb") as file, open(f"{compress}{ending}", "wb") as seed:
            seed.write(bytes([kind]) + file.read())
        os.remove("of.tif" + ending)
dataset = gdal.Open("of.tif")
band = dataset.GetRasterBand(1)
band.SetDescription("<&>")
band.SetUnitType("m")
band.SetScale(2.5)
band.SetOffset(-1)
band.ComputeStatistics(False)
band.SetDefaultHistogram(-0.5, 4.5, [1, 2, 3, 4, 5])
dataset.SetMetadataItem("A", "b", "DOMAIN")
dataset.SetMetadata(["<a><b>1</b></a>"], "xml:OTHER")
band = dataset = None
with open("of.tif.aux.xml", encoding="utf-8") as file, open("description.aux.xml", "w", encoding="utf-8") as seed:
    more = '<NoDataValue le_hex_equiv="0000000000001C40">7</NoDataValue><ColorInterp>Palette</ColorInterp>' \
           '<CategoryNames><Category>x</Category></CategoryNames><ColorTable><Entry c1="1" c2="2" c3="3" c4="4"/></ColorTable>'
    seed.write("\3" + file.read().replace('band="1">', f'band="1">{more}'))
os.remove("of.tif")
os.remove("of.tif.aux.xml")

# Choices of the other targets: what the bytes mean is up to them.
random.seed(1)
for target, length, count in [("calls", 400, 24), ("keys", 60, 8)]:
    for number in range(count):
        with open(f"../{target}/random-{number}", "wb") as seed:
            seed.write(random.randbytes(random.randint(length // 4, length)))

# Texts of chains, and behind a NUL the choices of type, bands and pixels.
CHAINS = [
    "bands=3,1,0|stretch=2..98%|gamma=1.2|u8", "bands=1|stretch=0..101,5..9|alpha|u16", "stretch=full|invert|u8|alpha",
    "unscale=0.5:-3|minmax=common|u8", "magnitude|stretch=0..40000|u8", "log|stretch=0..90.5|ramp=viridis|u8",
    "phase|gamma=2.2|f32", "quarter|f64", "table=u8:AAEC/w==|alpha|u8", "table=f32:AACAPwAAAEA=|log|stretch=0..6|u8",
    "palette|alpha|u8", "palette=rgba:AQID/8hkMoA=|u16", "stretch=0..255|ycbcr|u8", "bands=0|rgb", "power|sd=2|u8",
    "unscale|bands=0,0|dra|u8|stretch=0..1e2|u8", "bands=2,1|stretch=-1e300..5e-324|u8",
]
os.makedirs("../chains", exist_ok=True)
for number, text in enumerate(CHAINS):
    with open(f"../chains/{number:02}", "wb") as seed:
        seed.write(text.encode() + b"\0" + random.randbytes(40))

# Codestreams of every style that code-blocks, packets and tile-parts have.
CODESTREAMS = {
    "plain": "", "styles": "-M 63 -b 16,8", "bypass": "-M 1 -r 9,1", "causal": "-M 8", "ends": "-M 36", "resets": "-M 2",
    "fractions": "-I -r 10,4 -p RPCL -c [64,64],[64,64],[32,32] -b 8,8 -n 3", "parts": "-TP R -PLT -r 9,3,1", "marks": "-SOP -EPH -r 20,5,1 -p PCRL",
    "tiles": "-t 16,24 -n 3", "narrow": "-I -n 2 -b 4,64", "one": "-n 1", "lengths": "-PLT -p RLCP -r 12,6,1",
    "interest": "-ROI c=0,U=7", "raised": "-ROI c=0,U=7 -M 1", "orders": "-POC T0=0,0,1,3,1,CPRL/T0=3,0,1,6,3,LRCP -r 1",
}
with tempfile.NamedTemporaryFile(suffix=".rawl") as raw:
    for (name, options), bands in itertools.product(CODESTREAMS.items(), [1, 3]):
        y, x = np.mgrid[:33, :40]
        samples = [(x * x // 9 + y * 13 + band * 29 + x * y % 5) % 211 for band in range(bands)]
        raw.seek(0)
        raw.write(np.array(samples, np.uint8).tobytes())
        raw.flush()
        subprocess.run(["opj_compress", "-i", raw.name, "-o", f"../codestreams/{name}-{bands}.j2k", "-F",
                        f"40,33,{bands},8,u", *options.split()], check=True, stdout=subprocess.DEVNULL)

# Those of Part 15.
HIGH_THROUGHPUT = {
    "ht": "-reversible true", "ht-fractions": "-qstep 0.01 -prog_order CPRL", "ht-blocks": "-reversible true -block_size {16,8} -precincts {32,32}",
    "ht-tiles": "-reversible true -tile_size {24,16} -num_decomps 2",
}
with tempfile.NamedTemporaryFile(suffix=".yuv") as raw:
    raw.write(np.array([(x * x // 9 + y * 13 + x * y % 5) % 211], np.uint8).tobytes())
    raw.flush()
    for name, options in HIGH_THROUGHPUT.items():
        subprocess.run(["ojph_compress", "-i", raw.name, "-o", f"../codestreams/{name}.j2c", "-dims", "{40,33}", "-num_comps", "1",
                        "-signed", "false", "-bit_depth", "8", "-downsamp", "{1,1}", *options.split()], check=True,
                       stdout=subprocess.DEVNULL)
