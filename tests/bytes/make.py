"""Makes the files that are read through a caller's callbacks, with GDAL and OpenJPEG: in the directory
that is named as the first argument."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "nitf"))

import subprocess

from rasters import create, gdal, np, random
from writer import image, nitf

WIDTH, HEIGHT = 1100, 900


def picture(bands, kind="uint8", size=(WIDTH, HEIGHT)):
    """Half of it noise, so that it stays long when it is compressed."""
    y, x = np.mgrid[0:size[1], 0:size[0]]
    return np.stack([x // 7 + y // 5 * (b + 1) + random.integers(0, 16, x.shape) for b in range(bands)]).astype(kind)


def codestream(name, pixels, *options):
    bands, height, width = pixels.shape
    pixels.tofile("in.rawl")
    bits = pixels.dtype.itemsize * 8
    form = f"{width},{height},{bands},{bits},u"
    subprocess.run(["opj_compress", "-i", "in.rawl", "-o", name, "-F", form, *options], check=True, capture_output=True)


rgb, gray = picture(3), picture(1, "uint16")
tiled = ["TILED=YES", "BLOCKXSIZE=128", "BLOCKYSIZE=128"]
create("tiles.tif", rgb, "u8", tiled + ["INTERLEAVE=PIXEL", "COMPRESS=DEFLATE"])
create("planar.tif", rgb, "u8", tiled + ["INTERLEAVE=BAND", "COMPRESS=DEFLATE"])
create("strips.tif", gray, "u16", ["BLOCKYSIZE=4", "COMPRESS=DEFLATE"])
create("raw.tif", rgb, "u8", ["BLOCKYSIZE=300", "INTERLEAVE=PIXEL"])
create("big.tif", gray, "u16", tiled + ["COMPRESS=ZSTD", "PREDICTOR=2", "BIGTIFF=YES"])
gdal.Translate("cog.tif", "tiles.tif", format="COG", creationOptions=["BLOCKSIZE=128", "COMPRESS=DEFLATE"])
for mode in "BPRS":
    nitf(f"{mode}.ntf", [image(rgb, 8, (128, 128), imode=mode)])
nitf("M.ntf", [image(rgb, 8, (128, 128), imode="P", absent={3, 40})])
gdal.Translate("C3.ntf", "tiles.tif", format="NITF",
               creationOptions=["IC=C3", "BLOCKXSIZE=128", "BLOCKYSIZE=128", "ICORDS=D"])
codestream("tiles.j2k", rgb, "-t", "128,128")
codestream("list.j2k", rgb, "-t", "128,128", "-TLM")
codestream("parts.j2k", rgb, "-t", "256,256", "-p", "RLCP", "-TP", "R", "-n", "4")
codestream("whole.jp2", rgb)
codestream("huge.j2k", random.integers(0, 256, (1, 3500, 3500)).astype("uint8"), "-n", "6", "-PLT", "-p", "RPCL")
codestream("layers.j2k", rgb, "-PLT", "-p", "LRCP", "-r", "20,10,1")
