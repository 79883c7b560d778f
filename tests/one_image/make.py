"""Makes small files of every format and layout, and says what another reader makes of them: GDAL,
OpenJPEG for JPEG 2000, or the samples that were written where nothing is lost.

Usage: make.py DIRECTORY, which tests/support must be on the path for; see rasters.py there for the
manifest.
"""

import os
import subprocess
import sys

import numpy as np
from osgeo import gdal
from rasters import create, expect, expect_gdal, manifest, random, samples

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "nitf"))
import writer


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: {done.stdout} {done.stderr}")


def tiff():
    tiles = ["TILED=YES", "BLOCKXSIZE=48", "BLOCKYSIZE=32"]
    layouts = [["BLOCKYSIZE=1"], ["BLOCKYSIZE=16"], ["BLOCKYSIZE=171"], tiles]
    codes = ["NONE", "LZW", "DEFLATE", "PACKBITS", "ZSTD"]
    for number, layout in enumerate(layouts * 2):
        dtype = ("u8", "i16", "f32", "u16", "f64", "u32", "cf32", "i32")[number]
        order = ("PIXEL", "BAND")[number // 4]
        name = f"layout-{number}.tif"
        create(name, samples(dtype, 1 + number % 3, 171, 143), dtype,
               [f"COMPRESS={codes[number % 5]}", f"INTERLEAVE={order}", *layout, *["BIGTIFF=YES"] * (number % 2)])
        expect_gdal(name)
    for bits, layout in ((1, layouts[1]), (11, tiles), (20, layouts[2])):
        dtype = "u8" if bits < 8 else "u16" if bits < 16 else "u32"
        create(f"bits-{bits}.tif", samples(dtype, 2, 71, 93, bits), dtype, [f"NBITS={bits}", *layout])
        expect_gdal(f"bits-{bits}.tif")
    # Overviews with blocks of their own, and a mask.
    gdal.SetConfigOption("GDAL_TIFF_INTERNAL_MASK", "YES")
    for name, options, config in (("overviews.tif", tiles, {"GDAL_TIFF_OVR_BLOCKSIZE": "64"}),
                                  ("overviews-strips.tif", ["COMPRESS=LZW", "BLOCKYSIZE=10"], {})):
        create(name, samples("u8", 3, 203, 331), "u8", options)
        for key, value in config.items():
            gdal.SetConfigOption(key, value)
        dataset = gdal.Open(name, gdal.GA_Update)
        dataset.BuildOverviews("NEAREST", [2, 4, 8])
        dataset.CreateMaskBand(gdal.GMF_PER_DATASET)
        dataset.GetRasterBand(1).GetMaskBand().WriteArray((samples("u8", 1, 203, 331)[0] > 99) * np.uint8(255))
        dataset = None
        expect_gdal(name)
        for key in config:
            gdal.SetConfigOption(key, None)
    gdal.SetConfigOption("GDAL_TIFF_INTERNAL_MASK", None)
    gdal.Translate("cog.tif", "overviews.tif", format="COG", creationOptions=["BLOCKSIZE=128", "COMPRESS=DEFLATE"])
    expect_gdal("cog.tif")
    for name, code, more in (("fax.tif", "CCITTFAX4", ["NBITS=1"]), ("lerc.tif", "LERC_ZSTD", []), ("lzma.tif", "LZMA", []),
                             ("webp.tif", "WEBP", ["INTERLEAVE=PIXEL"])):
        bands = 3 if code == "WEBP" else 1
        data = samples("u8", bands, 111, 95, smooth=code == "WEBP", bits=1 if code == "CCITTFAX4" else None)
        create(name, data, "u8", [f"COMPRESS={code}", *more, *tiles])
        expect_gdal(name)
    # An overview that is longer than the image halved.
    for i, (width, height) in enumerate([(331, 203), (167, 104)]):
        create(f"page-{i}.tif", samples("u8", 1, height, width), "u8", tiles)
        run("tiffset", "-s", "254", str(i), f"page-{i}.tif")
    run("tiffcp", "-t", "-w", "48", "-l", "32", "page-0.tif", "page-1.tif", "longer.tif")
    expect_gdal("longer.tif")
    for name, photometric in (("jpeg-ycbcr.tif", "YCBCR"), ("jpeg-rgb.tif", "RGB")):
        create(name, samples("u8", 3, 111, 95, smooth=True), "u8",
               ["COMPRESS=JPEG", f"PHOTOMETRIC={photometric}", "INTERLEAVE=PIXEL", *tiles])
        expect_gdal(name)
    for name, order in (("sparse.tif", "PIXEL"), ("sparse-bands.tif", "BAND")):
        dataset = gdal.GetDriverByName("GTiff").Create(
            name, 150, 110, 2, gdal.GDT_UInt16,
            ["SPARSE_OK=YES", "COMPRESS=LZW", f"INTERLEAVE={order}", *tiles])
        dataset.GetRasterBand(1).SetNoDataValue(77)
        dataset.GetRasterBand(2).WriteArray(samples("u16", 1, 20, 20)[0], 60, 40)
        dataset = None
        expect_gdal(name)


def pictures():
    smooth = samples("u8", 3, 150, 131, smooth=True)
    rough = samples("u8", 4, 90, 101)
    deep = samples("u16", 2, 77, 63)

    def copy(name, driver, data, kind, options=()):
        bands, height, width = data.shape
        source = gdal.GetDriverByName("MEM").Create("", width, height, bands, kind)
        for band in range(bands):
            source.GetRasterBand(band + 1).WriteArray(data[band])
        gdal.GetDriverByName(driver).CreateCopy(name, source, options=list(options))
        expect_gdal(name)

    for bands in (1, 2, 3, 4):
        copy(f"{bands}.png", "PNG", rough[:bands], gdal.GDT_Byte)
    copy("deep.png", "PNG", deep, gdal.GDT_UInt16)
    copy("gray.jpg", "JPEG", smooth[:1], gdal.GDT_Byte)
    for name, options in (("baseline.jpg", ()), ("progressive.jpg", ["PROGRESSIVE=YES"])):
        copy(name, "JPEG", smooth, gdal.GDT_Byte, options)


def ceil(a, b):
    return -(-a // b)


def levels(name, size, bands, bits, count, offset=(0, 0), steps=None, written=None):
    """What opj_decompress makes of every level, each decoded as a whole; and of the full one just what
    was written, where nothing is lost."""
    steps = steps or [(1, 1)] * bands
    kind = np.dtype("u1" if bits <= 8 else "u2")
    for level in range(count):
        places = lambda axis, step: range(ceil(offset[axis], step << level), ceil(offset[axis] + size[axis], step << level))
        columns, rows = places(0, 1), places(1, 1)
        decode = ("opj_decompress", "-quiet", "-i", name, "-o", "out.rawl", "-r", str(level))
        if all(step == (1, 1) for step in steps):
            run(*decode)
            planes = np.fromfile("out.rawl", kind).reshape(bands, len(rows), len(columns))
        else:
            planes = []
            for index, (dx, dy) in enumerate(steps):
                run(*decode, "-c", str(index))
                xs, ys = places(0, dx), places(1, dy)
                plane = np.fromfile("out.rawl", kind).reshape(len(ys), len(xs))
                across = [min(max(x // dx, xs[0]), xs[-1]) - xs[0] for x in columns]
                down = [min(max(y // dy, ys[0]), ys[-1]) - ys[0] for y in rows]
                planes.append(plane[np.ix_(down, across)])
            planes = np.stack(planes)
        if level == 0 and written is not None:
            assert (planes == written).all(), name
        expect(name, 0, "pixels", level, planes.shape, "u8" if bits <= 8 else "u16", planes.tobytes())


def gradient(size, bands, bits):
    """Smooth, with a little noise in it: what wavelets are made for."""
    y, x = np.mgrid[0:size[1], 0:size[0]]
    top = (1 << bits) - 1
    waves = [(np.sin(x / (9 + band)) + np.cos(y / (13 + band)) + 2) / 4 for band in range(bands)]
    noise = random.random((bands, size[1], size[0])) / 9
    return np.clip((np.stack(waves) * 0.9 + noise) * top, 0, top).astype("u1" if bits <= 8 else "u2")


def opj(name, size, bands, bits, options, offset=(0, 0), steps=None, exact=True):
    """By OpenJPEG: one codestream, or one in a JP2 file by the name."""
    data = gradient(size, bands, bits)
    steps = steps or [(1, 1)] * bands
    with open("in.rawl", "wb") as raw:
        for plane, (dx, dy) in zip(data, steps):
            plane[:ceil(size[1], dy), :ceil(size[0], dx)].tofile(raw)
    said = ":".join(f"{dx}x{dy}" for dx, dy in steps)
    run("opj_compress", "-i", "in.rawl", "-o", name, "-F", f"{size[0]},{size[1]},{bands},{bits},u@{said}",
        "-n", "3", "-d", f"{offset[0]},{offset[1]}", *options.split())
    same = exact and all(step == (1, 1) for step in steps)
    levels(name, size, bands, bits, 3, offset, steps, data if same else None)


def ojph(name, size, bands, bits, options, offset=(0, 0), steps=None, exact=True):
    """By OpenJPH, with high-throughput code-blocks."""
    data = gradient(size, bands, bits)
    command = ["ojph_compress", "-o", name, "-num_decomps", "2", "-image_offset", f"{{{offset[0]},{offset[1]}}}"]
    command += ["-reversible", "true"] if exact else ["-qstep", "0.01"]
    if bands == 3 and steps is None:
        with open("in.ppm", "wb") as raw:
            raw.write(b"P6 %d %d 255\n" % size + np.dstack(list(data)).tobytes())
        run(*command, *options.split(), "-i", "in.ppm")
    else:
        planes = [plane[:ceil(size[1], dy), :ceil(size[0], dx)] for plane, (dx, dy) in zip(data, steps or [(1, 1)])]
        with open("in.yuv", "wb") as raw:
            for plane in planes:
                np.ascontiguousarray(plane).tofile(raw)
        run(*command, *options.split(), "-i", "in.yuv", "-dims", f"{{{size[0]},{size[1]}}}",
            "-num_comps", str(bands), "-signed", ",".join(["false"] * bands), "-bit_depth",
            ",".join([str(bits)] * bands), "-downsamp", ",".join(f"{{{dx},{dy}}}" for dx, dy in steps or [(1, 1)]))
    levels(name, size, bands, bits, 3, offset, steps, data if exact and steps is None else None)


def codestreams():
    quarters = [(1, 1), (2, 2), (2, 2)]
    opj("whole.j2k", (301, 207), 1, 8, "")
    opj("tiles.jp2", (301, 207), 3, 8, "-t 90,70 -mct 1")
    opj("lossy.j2k", (301, 207), 3, 8, "-t 90,70 -mct 1 -I -r 6", exact=False)
    opj("within.j2k", (301, 207), 2, 12, "-T 3,2 -t 90,70", offset=(17, 5))
    opj("quarters.j2k", (302, 208), 3, 8, "-t 37,53 -mct 0", steps=quarters)
    opj("large.j2k", (2100, 2001), 1, 8, "-PLT")
    ojph("ht-whole.j2c", (301, 207), 1, 8, "")
    ojph("ht-large.j2c", (2100, 2001), 1, 8, "")
    ojph("ht-tiles.j2c", (301, 207), 3, 8, "-tile_size {90,70}")
    ojph("ht-deep.j2c", (301, 207), 1, 16, "-tile_size {64,64}")
    ojph("ht-lossy.j2c", (301, 207), 3, 8, "-tile_size {33,33} -tile_offset {10,5}", offset=(10, 5), exact=False)
    ojph("ht-within.j2c", (301, 207), 1, 12, "-tile_size {90,70} -tile_offset {3,2}", offset=(17, 5))
    ojph("ht-quarters.j2c", (352, 288), 3, 8, "-tile_size {257,33}", steps=quarters)
    # So large that blocks are several tiles, which do not lie on the grid of the blocks.
    ojph("ht-several.j2c", (4500, 3900), 1, 8, "-tile_size {600,500} -tile_offset {3,2}", offset=(17, 5))


def nitf():
    def known(name, pixels, kind, **more):
        writer.nitf(name, [writer.image(pixels, **more)])
        expect(name, 0, "pixels", 0, pixels.shape, kind, pixels.tobytes())

    three = samples("u16", 3, 83, 101)
    for imode in "BPRS":
        known(f"{imode}.ntf", three, "u16", nbpp=16, block=(23, 18), imode=imode)
        masked = three.copy()
        masked[:, 18:36, 23:46] = 9
        entries = {6, 31, 56} if imode == "S" else {6}
        known(f"{imode}-masked.ntf", masked, "u16", nbpp=16, block=(23, 18), imode=imode, absent=entries, pad=(9, 16))
    known("11.ntf", samples("u16", 2, 83, 101, 11), "u16", nbpp=11, block=(101, 83))
    # One complex band, and the same segment as its two bands.
    parts = samples("i16", 2, 83, 101)
    writer.nitf("iq.ntf", [writer.image(parts, 16, pvtype="SI", imode="P", isubcat=["I", "Q"])])
    expect("iq.ntf", 0, "pixels", 0, (1, 83, 101), "ci16", parts.transpose(1, 2, 0).tobytes())
    expect("iq.ntf", 1, "pixels", 0, parts.shape, "i16", parts.tobytes())
    # A codestream of each kind in a segment, whose blocks say nothing of its tiles.
    for name, stream, size in (("C8.ntf", "within.j2k", (301, 207)), ("CD.ntf", "ht-within.j2c", (301, 207))):
        data = open(stream, "rb").read()
        bands = 2 if name == "C8.ntf" else 1
        writer.nitf(name, [writer.segment(data, size, bands, "INT", 12, (64, 64), (5, 4), ic=name[:2])])
        for level in range(3):
            raw = open(f"{stream}.0.pixels.{level}.raw", "rb").read()
            sides = [ceil(start + side, 1 << level) - ceil(start, 1 << level) for start, side in ((5, 207), (17, 301))]
            expect(name, 0, "pixels", level, (bands, *sides), "u16", raw)
    source = gdal.GetDriverByName("MEM").Create("", 131, 150, 1, gdal.GDT_Byte)
    source.GetRasterBand(1).WriteArray(samples("u8", 1, 150, 131, smooth=True)[0])
    gdal.GetDriverByName("NITF").CreateCopy("C3.ntf", source, options=["IC=C3", "BLOCKXSIZE=64", "BLOCKYSIZE=64"])
    expect_gdal("C3.ntf")


tiff()
pictures()
codestreams()
nitf()
manifest.close()
