"""Makes two files of each format, with the encoders of GDAL: make.py DIRECTORY.

They are noise, so that they are too long to be read as a whole while they are opened."""

from rasters import expect_gdal, gdal, np, random

SIDE = 320

FORMATS = {
    "tif": ("GTiff", ["TILED=YES", "BLOCKXSIZE=64", "BLOCKYSIZE=64", "COMPRESS=DEFLATE"]),
    "jp2": ("JP2OpenJPEG", ["REVERSIBLE=YES", "QUALITY=100", "BLOCKXSIZE=64", "BLOCKYSIZE=64", "RESOLUTIONS=2"]),
    "ntf": ("NITF", ["BLOCKXSIZE=64", "BLOCKYSIZE=64"]),
    "png": ("PNG", ["ZLEVEL=1"]),
    "jpg": ("JPEG", ["QUALITY=100"]),
}

gdal.SetConfigOption("GDAL_PAM_ENABLED", "NO")
for which in ["one", "other"]:
    memory = gdal.GetDriverByName("MEM").Create("", SIDE, SIDE, 1, gdal.GDT_Byte)
    memory.GetRasterBand(1).WriteArray(random.integers(0, 256, (SIDE, SIDE)).astype(np.uint8))
    for extension, (driver, options) in FORMATS.items():
        name = f"{which}.{extension}"
        copy = gdal.GetDriverByName(driver).CreateCopy(name, memory, options=options)
        copy = None
        expect_gdal(name)
