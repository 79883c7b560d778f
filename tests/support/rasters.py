"""What scripts need that make files for tests with GDAL, and say what GDAL reads from them.

Files go into the directory that is named as the first argument. Each line of `manifest` there is one
set of pixels:
    file image kind level width height bands type tolerance raw
with kind "pixels" or "mask", and raw the file of the expected samples, band by band.
"""

import os
import sys

import numpy as np
from osgeo import gdal

gdal.UseExceptions()
os.chdir(sys.argv[1])
manifest = open("manifest", "w")
random = np.random.default_rng(7)
NAMES = {
    "uint8": "u8", "int8": "i8", "uint16": "u16", "int16": "i16", "uint32": "u32", "int32": "i32",
    "uint64": "u64", "int64": "i64", "float32": "f32", "float64": "f64",
    "complex64": "cf32", "complex128": "cf64",
}
TYPES = {
    "u8": gdal.GDT_Byte, "i8": gdal.GDT_Byte, "u16": gdal.GDT_UInt16, "i16": gdal.GDT_Int16,
    "u32": gdal.GDT_UInt32, "i32": gdal.GDT_Int32, "f32": gdal.GDT_Float32,
    "f64": gdal.GDT_Float64, "ci16": gdal.GDT_CInt16, "ci32": gdal.GDT_CInt32,
    "cf32": gdal.GDT_CFloat32, "cf64": gdal.GDT_CFloat64, "u64": gdal.GDT_UInt64,
    "i64": gdal.GDT_Int64,
}


def say(*words):
    print(*words, sep="\t", file=manifest)


def expect(name, image, kind, level, shape, dtype, raw, tolerance=0):
    bands, height, width = shape
    path = f"{name}.{image}.{kind}.{level}.raw"
    with open(path, "wb") as out:
        out.write(raw)
    say(name, image, kind, level, width, height, bands, dtype, tolerance, path)


def raw_of(bands):
    """The samples of bands as GDAL reads them, in their own type."""
    return b"".join(band.ReadRaster(buf_type=band.DataType) for band in bands)


def type_of(dataset):
    code = dataset.GetRasterBand(1).DataType
    signed = dataset.GetRasterBand(1).GetMetadataItem("PIXELTYPE", "IMAGE_STRUCTURE")
    if code == gdal.GDT_Byte and signed == "SIGNEDBYTE":
        return "i8"
    return next(name for name, other in TYPES.items() if other == code)


def expect_gdal(name, image=0, tolerance=0, path=None):
    """All levels and masks that GDAL sees."""
    dataset = gdal.Open(path or name)
    bands = [dataset.GetRasterBand(i + 1) for i in range(dataset.RasterCount)]
    dtype = type_of(dataset)
    levels = [bands] + [
        [band.GetOverview(i) for band in bands] for i in range(bands[0].GetOverviewCount())
    ]
    for level, of_level in enumerate(levels):
        shape = (len(of_level), of_level[0].YSize, of_level[0].XSize)
        expect(name, image, "pixels", level, shape, dtype, raw_of(of_level), tolerance)
        if of_level[0].GetMaskFlags() == gdal.GMF_PER_DATASET:
            mask = of_level[0].GetMaskBand()
            expect(name, image, "mask", level, (1, *shape[1:]), "u8", raw_of([mask]))


def samples(dtype, bands, height, width, bits=None, smooth=False):
    """Samples over the whole range of a type, or over so many bits."""
    shape = (bands, height, width)
    if smooth:
        y, x = np.mgrid[0:height, 0:width]
        return np.stack([(x * (b + 1) + y * 2) % 256 for b in range(bands)]).astype(np.uint8)
    part = {"ci16": "i16", "ci32": "i32", "cf32": "f32", "cf64": "f64"}.get(dtype)
    if part:
        parts = [samples(part, bands, height, width) for _ in range(2)]
        return parts[0].astype(np.float64) + 1j * parts[1].astype(np.float64)
    kind = np.dtype(next(long for long, short in NAMES.items() if short == dtype))
    if kind.kind == "f":
        return (random.normal(0, 1000, shape)).astype(kind)
    if bits:
        return random.integers(0, 2**bits, shape).astype(kind)
    info = np.iinfo(kind)
    noise = random.integers(info.min, info.max, shape, dtype=kind, endpoint=True)
    # Long runs, so that run lengths and codes of every kind occur.
    return np.where(random.random((1, 1, width)) < 0.5, noise[:, :, :1], noise)


def create(name, data, dtype, options, config=None, fill=None):
    for key, value in (config or {}).items():
        gdal.SetConfigOption(key, value)
    bands, height, width = data.shape
    if dtype == "i8":
        options = [*options, "PIXELTYPE=SIGNEDBYTE"]
        data = data.view(np.uint8)
    dataset = gdal.GetDriverByName("GTiff").Create(
        name, width, height, bands, TYPES[dtype], options
    )
    if fill:
        fill(dataset)
    for i in range(bands):
        dataset.GetRasterBand(i + 1).WriteArray(data[i])
    dataset = None
    for key in config or {}:
        gdal.SetConfigOption(key, None)
