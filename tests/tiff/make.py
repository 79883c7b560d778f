"""Makes TIFF files with GDAL and libtiff, and says what GDAL reads from them.

Usage: make.py DIRECTORY, which tests/support must be on the path for; see rasters.py there for the
manifest. A line "file count n" gives the number of images, "file meta band name value" one metadata
item, "file nodata value" the nodata value, and "file error kind" an image that must not open.
"""

import ctypes
import ctypes.util
import itertools
import struct
import subprocess
import zlib

import jpegs
import numpy as np
from osgeo import gdal
from rasters import NAMES, create, expect, expect_gdal, manifest, random, raw_of, samples, say, TYPES

LAYOUTS = [
    ["BLOCKYSIZE=1"],
    ["BLOCKYSIZE=16"],
    ["BLOCKYSIZE=64"],
    ["TILED=YES", "BLOCKXSIZE=16", "BLOCKYSIZE=16"],
    ["TILED=YES", "BLOCKXSIZE=32", "BLOCKYSIZE=48"],
]


def matrix():
    layouts = itertools.cycle(LAYOUTS)
    for dtype in TYPES:
        data = samples(dtype, 3, 45, 37)
        for compression in ["NONE", "LZW", "DEFLATE", "PACKBITS", "ZSTD"]:
            predictors = [1]
            if compression in ("LZW", "DEFLATE", "ZSTD"):
                if dtype != "cf64":
                    predictors.append(2)
                if dtype in ("f32", "f64"):
                    predictors.append(3)
            for predictor, endian, interleave in itertools.product(
                predictors, ["LITTLE", "BIG"], ["PIXEL", "BAND"]
            ):
                name = f"{dtype}-{compression}-{predictor}-{endian}-{interleave}.tif"
                options = [
                    f"COMPRESS={compression}", f"PREDICTOR={predictor}", f"ENDIANNESS={endian}",
                    f"INTERLEAVE={interleave}", *next(layouts),
                ]
                if (len(name) + predictor) % 2:
                    options.append("BIGTIFF=YES")
                create(name, data, dtype, options)
                expect_gdal(name)
    for bands, interleave, layout in itertools.product([1, 2, 4, 5], ["PIXEL", "BAND"], LAYOUTS):
        for dtype, compression in [("u8", "NONE"), ("u16", "DEFLATE"), ("u8", "LZW")]:
            name = f"bands{bands}-{interleave}-{'-'.join(layout)}-{dtype}-{compression}.tif"
            create(
                name.replace("=", ""), samples(dtype, bands, 70, 41), dtype,
                [f"COMPRESS={compression}", f"INTERLEAVE={interleave}", *layout],
            )
            expect_gdal(name.replace("=", ""))


def odd_bits():
    for bits, endian in itertools.product([*range(1, 32)], ["LITTLE", "BIG"]):
        if bits in (8, 16):
            continue
        dtype = "u8" if bits < 8 else "u16" if bits < 16 else "u32"
        data = samples(dtype, 3, 21, 37, bits)
        for interleave, layout in zip(["PIXEL", "BAND"], [LAYOUTS[3], LAYOUTS[1]]):
            name = f"nbits{bits}-{endian}-{interleave}.tif"
            options = [f"NBITS={bits}", f"INTERLEAVE={interleave}", f"ENDIANNESS={endian}"]
            create(name, data, dtype, [*options, *layout, "COMPRESS=DEFLATE"])
            expect_gdal(name)
        name = f"nbits{bits}-{endian}-raw.tif"
        create(name, data[:1], dtype, [f"NBITS={bits}", f"ENDIANNESS={endian}"])
        expect_gdal(name)
    for endian, predictor in itertools.product(["LITTLE", "BIG"], [1, 3]):
        name = f"half-{endian}-{predictor}.tif"
        options = ["NBITS=16", f"ENDIANNESS={endian}", f"PREDICTOR={predictor}"]
        create(name, samples("f32", 2, 30, 33), "f32", [*options, "COMPRESS=DEFLATE"])
        expect_gdal(name)


def jpeg():
    for photometric, bands, layout in itertools.product(
        ["YCBCR", "RGB", "MINISBLACK"], [1, 2, 3, 4], [LAYOUTS[1], LAYOUTS[2], LAYOUTS[4]]
    ):
        if photometric != "MINISBLACK" and bands != 3:
            continue
        for mode in ["0", "1", "3"]:
            name = f"jpeg-{photometric}-{bands}-{layout[-1].replace('=', '')}-{mode}.tif"
            create(
                name, samples("u8", bands, 70, 83, smooth=True), "u8",
                ["COMPRESS=JPEG", f"PHOTOMETRIC={photometric}", "INTERLEAVE=PIXEL",
                 f"JPEGTABLESMODE={mode}", "JPEG_QUALITY=90", *layout],
            )
            expect_gdal(name)
    create("jpeg-planar.tif", samples("u8", 3, 40, 50, smooth=True), "u8",
           ["COMPRESS=JPEG", "INTERLEAVE=BAND", *LAYOUTS[3]])
    expect_gdal("jpeg-planar.tif")


def deep_jpeg():
    """JPEG of 12 bits and without loss, which GDAL 3.6 does not read: what was put in is expected."""
    height, width, rows = 45, 37, 16
    for bits, bands, big_endian, tiled in itertools.product([8, 12, 16], [1, 3], [False, True], [False, True]):
        data = samples("u16" if bits > 8 else "u8", bands, height, width, bits)
        data[:, :, ::2] = data[:, :, :1]
        base = {256: (3, [width]), 257: (3, [height]), 258: (3, [bits] * bands), 259: (3, [7]), 277: (3, [bands]),
                262: (3, [2 if bands == 3 else 1])}
        if tiled:
            base.update({322: (3, [16]), 323: (3, [rows])})
            padded = np.pad(data, ((0, 0), (0, 3), (0, 11)), "edge")
            parts = [padded[:, y:y + rows, x:x + 16] for y in range(0, 48, rows) for x in range(0, 48, 16)]
        else:
            base[278] = (3, [rows])
            parts = [data[:, y:y + rows] for y in range(0, height, rows)]
        name = f"jpeg-lossless-{bits}-{bands}-{big_endian}-{tiled}.tif"
        write_tiff(name, big_endian, base, [jpegs.lossless(part, bits, 1 + bands) for part in parts])
        expect(name, 0, "pixels", 0, data.shape, NAMES[data.dtype.name], data.tobytes())
        if bits == 12 and not tiled:
            streams = [jpegs.transformed(part) for part in parts]
            exact = jpegs.samples_of(np.concatenate([exact for _, exact in streams], 1), 12)
            name = f"jpeg-12-{bands}-{big_endian}.tif"
            write_tiff(name, big_endian, base, [stream for stream, _ in streams])
            expect(name, 0, "pixels", 0, data.shape, "u16", exact.tobytes(), 1)
    # Bands apart.
    data = samples("u16", 2, height, width, 12)
    base = {256: (3, [width]), 257: (3, [height]), 258: (3, [12] * 2), 259: (3, [7]), 277: (3, [2]), 262: (3, [1]),
            278: (3, [height]), 284: (3, [2]), 338: (3, [0])}
    write_tiff("jpeg-12-apart.tif", False, base, [jpegs.lossless(band[None], 12) for band in data])
    expect("jpeg-12-apart.tif", 0, "pixels", 0, data.shape, "u16", data.tobytes())
    # The stream has other samples than the directory says.
    base = {256: (3, [width]), 257: (3, [height]), 258: (3, [8]), 259: (3, [7]), 277: (3, [1]), 262: (3, [1]), 278: (3, [height])}
    write_tiff("jpeg-other-bits.tif", False, base, [jpegs.lossless(data[:1], 12)])


def old_jpeg():
    """JPEG as TIFF 6.0 had it: scans with tables in tags, or with the header of a stream beside them."""
    height, width, rows = 45, 37, 16

    def stream(pixels, sampling):
        head = f"P{5 if len(pixels) == 1 else 6}\n{pixels.shape[2]} {pixels.shape[1]}\n255\n".encode()
        done = subprocess.run(["cjpeg", "-sample", sampling, "-quality", "90"], check=True, capture_output=True,
                              input=head + np.moveaxis(pixels, 0, -1).tobytes())
        return done.stdout

    def parts(stream):
        """The segments by their markers, and where the scan begins."""
        at, found = 2, {}
        while True:
            marker, size = stream[at + 1], int.from_bytes(stream[at + 2:at + 4], "big")
            found.setdefault(marker, []).append(stream[at + 4:at + 2 + size])
            at += 2 + size
            if marker == 0xda:
                return found, at

    def decoded(streams):
        strips = []
        for strip in streams:
            gdal.FileFromMemBuffer("/vsimem/strip.jpg", strip)
            strips.append(gdal.Open("/vsimem/strip.jpg").ReadAsArray())
        return np.concatenate(strips, -2)

    for bands, sampling in ((1, "1x1"), (3, "1x1"), (3, "2x1"), (3, "2x2")):
        data = samples("u8", bands, height, width, smooth=True)
        strips = [stream(data[:, y:y + rows], sampling) for y in range(0, height, rows)]
        whole = stream(data, sampling)
        found, at = parts(whole)
        assert all(parts(strip)[0][0xc4] == found[0xc4] for strip in strips)
        scans = [strip[parts(strip)[1]:-2] for strip in strips]
        factors = [body[1:] for body in found[0xdb]]
        codes = [[body[1:] for body in found[0xc4] if body[0] >> 4 == kind] for kind in (0, 1)]
        base = {256: (3, [width]), 257: (3, [height]), 258: (3, [8] * bands), 259: (3, [6]), 277: (3, [bands]),
                262: (3, [6 if bands == 3 else 1]), 512: (3, [1])}
        if bands == 3:
            base[530] = (3, [int(n) for n in sampling.split("x")])
        in_strips, in_one = {**base, 278: (3, [rows])}, {**base, 278: (3, [height])}
        count, of_scan = len(scans), whole.rindex(b"\xff\xda", 0, at)
        of_bands = lambda first, tables: [(first + min(band, len(tables) - 1), 0) for band in range(bands)]
        all_strips = [(i, 0) for i in range(count)]
        kinds = {
            "tables": (in_strips, [*scans, *factors, *codes[0], *codes[1]],
                       {273: all_strips, 519: of_bands(count, factors), 520: of_bands(count + len(factors), codes[0]),
                        521: of_bands(count + len(factors) + len(codes[0]), codes[1])}),
            "head": ({**in_strips, 514: (4, [at])}, [*scans, whole[:at]], {273: all_strips, 513: [(count, 0)]}),
            "parted": ({**in_strips, 514: (4, [of_scan])}, [whole[of_scan:at] + scans[0], *scans[1:], whole[:of_scan]],
                       {273: all_strips, 513: [(count, 0)]}),
            "whole": ({**in_one, 514: (4, [len(whole)])}, [whole], {273: [(0, at)], 513: [(0, 0)]}),
            "again": (in_one, [whole], {273: [(0, 0)], 513: [(0, 0)]}),
            "stream": (in_one, [whole], {273: [(0, 0)]}),
        }
        for kind, (tags, blocks, links) in kinds.items():
            name = f"old-jpeg-{kind}-{bands}-{sampling}.tif"
            write_tiff(name, False, tags, blocks, links=links)
            if bands == 3:
                expect_gdal(name)
                # GDAL 3.6 reads another order of bytes wrongly from the second strip on.
                dataset = gdal.Open(name)
                raw = raw_of([dataset.GetRasterBand(band) for band in (1, 2, 3)])
                write_tiff(f"{name[:-4]}-big.tif", True, tags, blocks, links=links)
                expect(f"{name[:-4]}-big.tif", 0, "pixels", 0, data.shape, "u8", raw)
                if kind == "whole":
                    # Strips in a stream that does not begin anew with each, which GDAL gives up.
                    links = {273: [(0, at)] * count, 513: [(0, 0)]}
                    write_tiff(f"{name[:-4]}-strips.tif", False, {**tags, 278: (3, [rows])}, blocks, links=links)
                    expect(f"{name[:-4]}-strips.tif", 0, "pixels", 0, data.shape, "u8", raw)
            else:
                pixels = decoded(strips if 278 in tags and tags[278][1] == [rows] else [whole])[None]
                expect(name, 0, "pixels", 0, pixels.shape, "u8", pixels.tobytes())
    for name, tags in (("predicted", {512: (3, [14])}), ("bare", {}), ("elsewhere", {513: (4, [1 << 30])})):
        write_tiff(f"old-jpeg-{name}.tif", False, {**in_strips, **tags}, scans)


def facsimiles():
    """CCITT compression by libtiff, through GDAL and through tiffcp."""
    y, x = np.mgrid[:70, :203]
    rings = (np.hypot(x - 90, y - 40) % 17 < 6).astype(np.uint8)
    noise = samples("u8", 1, 70, 203, 1)[0]
    mixed = np.where(x < 90, rings, noise)
    mixed[7], mixed[8], mixed[30] = 0, 1, 1
    # Runs longer than the codes for one.
    wide = np.zeros((9, 9001), np.uint8)
    wide[1], wide[2, 5200:], wide[3, :2561], wide[4, 2559:2560], wide[6:8, 64:8999] = 1, 1, 1, 1, 1
    layouts = itertools.cycle(LAYOUTS)
    for compression, (kind, data) in itertools.product(
        ["CCITTRLE", "CCITTFAX3", "CCITTFAX4"], [("mixed", mixed), ("wide", wide)]
    ):
        for photometric in ("MINISWHITE", "MINISBLACK"):
            name = f"{compression}-{kind}-{photometric}.tif"
            create(name, data[None], "u8", ["NBITS=1", f"COMPRESS={compression}", f"PHOTOMETRIC={photometric}",
                                            *next(layouts)])
            expect_gdal(name)
        for layout in LAYOUTS:
            name = f"{compression}-{kind}-{'-'.join(layout)}.tif".replace("=", "")
            create(name, data[None], "u8", ["NBITS=1", f"COMPRESS={compression}", *layout])
            expect_gdal(name)
    for option, order in itertools.product(["g3:1d", "g3:2d", "g3:1d:fill", "g3:2d:fill", "g4"], ["msb2lsb", "lsb2msb"]):
        for source, rows in (("CCITTRLE-mixed-MINISWHITE", 13), ("CCITTRLE-wide-MINISBLACK", 9)):
            name = f"{source[9:14]}-{option.replace(':', '-')}-{order}.tif"
            subprocess.run(["tiffcp", "-f", order, "-r", str(rows), "-c", option, source + ".tif", name], check=True)
            expect_gdal(name)
    create("fax-bands.tif", np.stack([mixed, rings, 1 - rings]), "u8",
           ["NBITS=1", "COMPRESS=CCITTFAX4", "INTERLEAVE=BAND", *LAYOUTS[1]])
    expect_gdal("fax-bands.tif")
    # Runs without pixels, which some encoders count in the row above too, before pixel 0 and behind others.
    nothing, some = "001" + "00110101" + "0000110111", "001" + "1011" + "11"
    text = nothing + "001" + "1100" + "10" + "1" + "0001" + some + "1" + some + nothing + "1" + "1" + "0001" + "1" + "1" + "1"
    text = text.ljust(-(-len(text) // 8) * 8, "0") + "0" * 64
    write_tiff("fax-no-pixels.tif", False,
               {256: (3, [203]), 257: (3, [4]), 258: (3, [1]), 259: (3, [4]), 262: (3, [0]), 278: (3, [4])},
               [int(text, 2).to_bytes(len(text) // 8, "big")])
    expect_gdal("fax-no-pixels.tif")
    # Group 3 without end-of-line codes, which no encoder here writes: runs of a few lengths, and with the
    # second coding a row like the one above for every other.
    white = {3: "1000", 4: "1011", 5: "1100", 6: "1110", 7: "1111"}
    black = {2: "11", 3: "10", 4: "011", 5: "0011", 6: "0010"}
    for both in (0, 1):
        data, text = [], ""
        for y in range(30):
            if both and y % 2:
                changes = np.count_nonzero(np.diff(data[-1]))
                text += "0" + "1" * (changes + 1)
                data.append(data[-1])
                continue
            first = random.integers(3, 8, 7)
            data.append(np.concatenate([[0] * a + [1] * (9 - a) for a in first]))
            text += ("1" if both else "") + "".join(white[a] + black[9 - a] for a in first)
        raw = np.stack(data).astype(np.uint8)
        size = -(-len(text) // 8)
        block = int(text.ljust(size * 8, "0"), 2).to_bytes(size, "big")
        tags = {256: (3, [63]), 257: (3, [30]), 258: (3, [1]), 259: (3, [3]), 262: (3, [0]), 277: (3, [1]),
                278: (3, [30]), 292: (4, [both])}
        write_tiff(f"fax-no-eol-{both}.tif", False, tags, [block])
        expect(f"fax-no-eol-{both}.tif", 0, "pixels", 0, (1, *raw.shape), "u8", raw.tobytes())


def codecs():
    """LERC, WebP and LZMA, by libtiff."""
    layouts = itertools.cycle(LAYOUTS)
    types = ["u8", "i8", "u16", "i16", "u32", "i32", "f32", "f64"]
    for dtype, packing, interleave in itertools.product(types, ["", "_DEFLATE", "_ZSTD"], ["PIXEL", "BAND"]):
        for error, endian in ((0, "LITTLE"), (3, "BIG")):
            # Smooth enough that a tolerance changes how values are told.
            data = (samples(dtype, 3, 45, 37) / 50).astype(samples(dtype, 1, 1, 1).dtype)
            data[:, :16, :16] = 5
            name = f"lerc{packing}-{dtype}-{interleave}-{error}.tif"
            create(name, data, dtype, [f"COMPRESS=LERC{packing}", f"MAX_Z_ERROR={error}", f"INTERLEAVE={interleave}",
                                       f"ENDIANNESS={endian}", *next(layouts)])
            expect_gdal(name)
    # Floats that are none.
    for dtype in ("f32", "f64"):
        data = samples(dtype, 3, 45, 37)
        data[:, 3:30, 5:20], data[1, 20:40, 10:30] = np.nan, np.nan
        create(f"lerc-none-{dtype}.tif", data, dtype, ["COMPRESS=LERC_ZSTD", "INTERLEAVE=BAND", *LAYOUTS[1]])
        expect_gdal(f"lerc-none-{dtype}.tif")
        # Side by side, where the libtiff at hand does not write them rightly: one blob with a mask for all
        # bands, and one for each band.
        data = np.array([3, 5, 8], data.dtype)[:, None, None] * np.ones((3, 9, 8), data.dtype)
        data[:, 2:5, 3:7] = np.nan
        together = lerc(data, np.isnan(data[0]))
        none = np.isnan(data)
        none[1, 4:, 1:3] = True
        apart = b"".join(lerc(band[None], mask) for band, mask in zip(data, none))
        for name, blob, mask in (("together", together, np.isnan(data)), ("apart", apart, none)):
            size = data.dtype.itemsize
            tags = {256: (3, [8]), 257: (3, [9]), 258: (3, [8 * size] * 3), 259: (3, [34887]), 262: (3, [2]),
                    277: (3, [3]), 278: (3, [9]), 339: (3, [3] * 3), 50674: (4, [4, 0])}
            write_tiff(f"lerc-none-{dtype}-{name}.tif", False, tags, [blob])
            raw = np.where(mask, np.array(np.nan, data.dtype), data).tobytes()
            expect(f"lerc-none-{dtype}-{name}.tif", 0, "pixels", 0, data.shape, dtype, raw)
    # Opacity that a mask stands for, and such that none can.
    for kind, opacity in (("mask", [0, 255]), ("values", [0, 77, 255])):
        data = np.concatenate([samples("u8", 3, 45, 37, smooth=True), random.choice(opacity, (1, 45, 37)).astype("u1")])
        for interleave in ("PIXEL", "BAND"):
            name = f"lerc-opacity-{kind}-{interleave}.tif"
            create(name, data, "u8", ["COMPRESS=LERC", "PHOTOMETRIC=RGB", "ALPHA=NON-PREMULTIPLIED",
                                      f"INTERLEAVE={interleave}", *LAYOUTS[3]])
            expect_gdal(name)
    for bands, lossless, layout in itertools.product([3, 4], [True, False], LAYOUTS):
        data = samples("u8", bands, 83, 70, smooth=True)
        # One tile of four bands that are opaque throughout, which WebP stores as three.
        data[3:, :48, :32] = 255
        name = f"webp-{bands}-{lossless}-{'-'.join(layout)}.tif".replace("=", "")
        create(name, data, "u8", ["COMPRESS=WEBP", f"WEBP_LOSSLESS={lossless}", "INTERLEAVE=PIXEL", *layout])
        expect_gdal(name)
    for dtype, predictor, interleave in itertools.product(["u8", "u16", "f32"], [1, 2, 3], ["PIXEL", "BAND"]):
        if predictor < 3 or dtype == "f32":
            name = f"lzma-{dtype}-{predictor}-{interleave}.tif"
            create("plain.tif", samples(dtype, 3, 45, 37), dtype, [f"INTERLEAVE={interleave}", *next(layouts)])
            subprocess.run(["tiffcp", "-c", f"lzma:{predictor}", "plain.tif", name], check=True)
            expect_gdal(name)


def lerc(bands, none):
    """A blob of bands that have one value each, where `none` is not set."""
    depth, rows, columns = bands.shape
    valid = np.packbits(~none.ravel()).tobytes()
    mask = struct.pack("<h", len(valid)) + valid + struct.pack("<h", -32768)
    values = np.nanmax(bands, axis=(1, 2))
    ranges = b"" if depth == 1 else values.tobytes() * 2
    kind = {4: 6, 8: 7}[bands.itemsize]
    size = 66 + len(mask) + 4 + len(ranges)
    body = struct.pack("<7i3d", rows, columns, depth, int((~none).sum()), 8, size, kind, 0, values.min(), values.max())
    body += struct.pack("<i", len(mask)) + mask + ranges
    # Fletcher's sums over words with their high byte first.
    low = high = 0xFFFF
    words = np.frombuffer(body + b"\0" * (len(body) % 2), ">u2")
    for word in words.tolist():
        low = (low + word) % 0xFFFF
        high = (high + low) % 0xFFFF
    sums = (high or 0xFFFF) << 16 | (low or 0xFFFF)
    return b"Lerc2 " + struct.pack("<iI", 4, sums) + body


def codestreams():
    """JPEG 2000 by OpenJPEG's encoder, which libtiff does not read: what was put in is expected."""

    def encoded(part, bits, form, *options):
        bands, rows, columns = part.shape
        sign = "s" if part.dtype.kind == "i" else "u"
        part.astype(part.dtype.newbyteorder("<")).tofile("in.rawl")
        command = ["opj_compress", "-i", "in.rawl", "-o", f"out.{form}", "-F", f"{columns},{rows},{bands},{bits},{sign}"]
        # Fewer wavelet levels than a short strip has rows for.
        subprocess.run([*command, "-n", "2", *options], check=True, stdout=subprocess.DEVNULL)
        return open(f"out.{form}", "rb").read()

    # OpenJPEG 2.5 refuses numbers that have a bit in common.
    height, width, rows = 45, 34, 16
    kinds = [("u8", 8), ("u8", 5), ("u16", 12), ("u16", 16), ("i16", 16), ("i8", 8)]
    for (dtype, bits), bands, tiled, apart in itertools.product(kinds, [1, 3, 4], [False, True], [False, True]):
        if apart and bands == 1:
            continue
        signed = dtype.startswith("i")
        data = samples(dtype, bands, height, width, None if signed else bits)
        base = {256: (3, [width]), 257: (3, [height]), 258: (3, [bits] * bands), 277: (3, [bands]), 262: (3, [1]),
                259: (3, [34712 + (bands == 4) * (33005 - 34712)]), 284: (3, [2 if apart else 1]),
                339: (3, [2 if signed else 1] * bands)}
        if tiled:
            base.update({322: (3, [16]), 323: (3, [rows])})
            padded = np.pad(data, ((0, 0), (0, 3), (0, 14)), "edge")
            parts = [padded[:, y:y + rows, x:x + 16] for y in range(0, 48, rows) for x in range(0, 48, 16)]
        else:
            base[278] = (3, [rows])
            parts = [data[:, y:y + rows] for y in range(0, height, rows)]
        if apart:
            parts = [part[band:band + 1] for band in range(bands) for part in parts]
        form = "jp2" if bands == 3 else "j2k"
        name = f"codestreams-{dtype}-{bits}-{bands}-{tiled}-{apart}.tif"
        write_tiff(name, bands == 3, base, [encoded(part, bits, form, "-mct", "0") for part in parts])
        expect(name, 0, "pixels", 0, data.shape, dtype, data.tobytes())
    # Colours that the codestream transforms, and luma and chroma that nobody has transformed.
    data = samples("u8", 3, 32, 48, smooth=True)
    base = {256: (3, [48]), 257: (3, [32]), 258: (3, [8] * 3), 277: (3, [3]), 322: (3, [16]), 323: (3, [32])}
    parts = [data[:, :, x:x + 16] for x in (0, 16, 32)]
    write_tiff("codestreams-mixed.tif", False, {**base, 259: (3, [33005]), 262: (3, [2])},
               [encoded(part, 8, "j2k", "-mct", "1") for part in parts])
    expect("codestreams-mixed.tif", 0, "pixels", 0, data.shape, "u8", data.tobytes())
    luma, cb, cr = data[0].astype(float), data[1] - 128.0, data[2] - 128.0
    colours = np.stack([luma + 1.402 * cr, luma - 0.344136 * cb - 0.714136 * cr, luma + 1.772 * cb])
    colours = np.clip(np.round(colours), 0, 255).astype(np.uint8)
    for name, compression, photometric in (("aperio", 33003, 2), ("ycbcr", 34712, 6)):
        name = f"codestreams-{name}.tif"
        write_tiff(name, False, {**base, 259: (3, [compression]), 262: (3, [photometric])},
                   [encoded(part, 8, "j2k", "-mct", "0") for part in parts])
        expect(name, 0, "pixels", 0, data.shape, "u8", colours.tobytes(), 1)


def logarithms():
    """SGI LogLuv by libtiff, whose samples of 16 bits GDAL shows."""
    library = ctypes.CDLL(ctypes.util.find_library("tiff"))
    library.TIFFOpen.restype = ctypes.c_void_p
    height, width = 21, 37
    grey = random.random((height, width, 1)) * 0.8 + 0.1
    colours = np.concatenate([grey * 0.9, grey, grey * 1.1], 2) * np.exp(random.normal(0, 0.3, (height, width, 3)))
    colours[3:6], colours[7, 5:] = colours[3, 3], -colours[7, 5:]
    for compression, bands, order in itertools.product([34676, 34677], [1, 3], "lb"):
        if compression == 34677 and bands == 1:
            continue
        name = f"logarithms-{compression}-{bands}-{order}.tif"
        file = ctypes.c_void_p(library.TIFFOpen(name.encode(), f"w{order}".encode()))
        tags = {256: width, 257: height, 259: compression, 262: 32843 + (bands + 1) // 2, 277: bands, 284: 1, 278: 8,
                65560: 0, 258: 32, 339: 3}
        for tag, value in tags.items():
            assert library.TIFFSetField(file, ctypes.c_uint32(tag), ctypes.c_int(value)) == 1
        for y in range(height):
            row = np.ascontiguousarray(colours[y, :, 3 - bands:].astype(np.float32))
            place = row.ctypes.data_as(ctypes.c_void_p)
            assert library.TIFFWriteScanline(file, place, ctypes.c_uint32(y), ctypes.c_uint16(0)) == 1
        library.TIFFClose(file)
        expect_gdal(name)
    # All cells of chroma, and those that there are not.
    tags = {256: (3, [128]), 257: (3, [128]), 258: (3, [16] * 3), 259: (3, [34677]), 262: (3, [32845]), 277: (3, [3]),
            278: (3, [128]), 339: (3, [2] * 3)}
    cells = b"".join(struct.pack(">I", cell | random.integers(1024) << 14)[1:] for cell in range(1 << 14))
    write_tiff("logarithms-cells.tif", False, tags, [cells])
    expect_gdal("logarithms-cells.tif")


def units():
    """Luma and chroma without JPEG, which GDAL shows as colours: units of several samples of luma."""
    white = {532: (11, [16, 235, 128, 240, 128, 240]), 529: (11, [0.2125, 0.7154, 0.0721])}
    packings = itertools.cycle([(1, bytes), (8, zlib.compress), (32773, pack_runs)])
    for across, down in [(1, 1), (2, 1), (1, 2), (2, 2), (4, 1), (4, 2), (4, 4)]:
        for name, more in (("usual", {}), ("other", white)):
            for width, height, rows, tile in ((45, 37, 37, None), (45, 37, 8, None), (45, 37, 16, 16)):
                base = {256: (3, [width]), 257: (3, [height]), 258: (3, [8] * 3), 262: (3, [6]), 277: (3, [3]),
                        530: (3, [across, down]), **more}
                if tile:
                    base.update({322: (3, [tile]), 323: (3, [rows])})
                    sizes = [(tile, rows)] * (-(-width // tile) * -(-height // rows))
                else:
                    base[278] = (3, [rows])
                    sizes = [(width, min(rows, height - y)) for y in range(0, height, rows)]
                number, pack = next(packings)
                unit = across * down + 2
                blocks = [pack(random.integers(0, 256, -(-w // across) * -(-h // down) * unit, "u1").tobytes())
                          for w, h in sizes]
                file = f"units-{across}{down}-{name}-{rows}-{tile}.tif"
                write_tiff(file, down == 2, {**base, 259: (3, [number])}, blocks)
                expect_gdal(file)
    # Differences of samples that stand by themselves.
    plain = random.integers(0, 256, (9, 20, 3), "u1")
    base = {256: (3, [20]), 257: (3, [9]), 258: (3, [8] * 3), 262: (3, [6]), 277: (3, [3]), 278: (3, [9]), 530: (3, [1, 1])}
    write_tiff("units-plain.tif", False, {**base, 259: (3, [1])}, [plain.tobytes()])
    differences = np.diff(plain, axis=1, prepend=np.zeros((9, 1, 3), "u1")).astype("u1")
    write_tiff("units-predicted.tif", False, {**base, 259: (3, [8]), 317: (3, [2])}, [zlib.compress(differences.tobytes())])
    expect_gdal("units-plain.tif")
    dataset = gdal.Open("units-plain.tif")
    raw = raw_of([dataset.GetRasterBand(i) for i in (1, 2, 3)])
    expect("units-predicted.tif", 0, "pixels", 0, (3, 9, 20), "u8", raw)


def pack_runs(data):
    """PackBits without runs."""
    return b"".join(bytes([len(data[i:i + 128]) - 1]) + data[i:i + 128] for i in range(0, len(data), 128))


def levels():
    data = samples("u8", 3, 203, 331)
    for name, options, config in [
        ("overviews.tif", ["TILED=YES", "BLOCKXSIZE=64", "BLOCKYSIZE=64"], {}),
        ("overviews-planar.tif", ["INTERLEAVE=BAND", "COMPRESS=LZW"], {}),
    ]:
        create(name, data, "u8", options, config)
        dataset = gdal.Open(name, gdal.GA_Update)
        dataset.BuildOverviews("NEAREST", [2, 4, 8])
        dataset = None
        expect_gdal(name)
        say(name, "count", 1)
    # Levels 2 and 4 without those below; factors that are no powers of two, which are images of their own; both.
    for name, factors, images in [("gap.tif", [4, 16], 1), ("thirds.tif", [3, 9], 3), ("factors.tif", [3, 4, 8, 10], 3)]:
        create(name, data, "u8", ["COMPRESS=LZW"])
        dataset = gdal.Open(name, gdal.GA_Update)
        dataset.BuildOverviews("NEAREST", factors)
        dataset = None
        say(name, "count", images)
    expect_gdal("gap.tif")
    for name, places in (("thirds.tif", [(0, 0), (1, 0), (2, 0)]), ("factors.tif", [(0, 0), (1, 0), (0, 1), (0, 2), (2, 0)])):
        dataset = gdal.Open(name)
        for overview, (image, level) in enumerate(places):
            bands = [dataset.GetRasterBand(i + 1) for i in range(3)]
            if overview:
                bands = [band.GetOverview(overview - 1) for band in bands]
            shape = (3, bands[0].YSize, bands[0].XSize)
            expect(name, image, "pixels", level, shape, "u8", raw_of(bands))
    # Overviews of another size than the image halved, which no encoder here makes: from the directories
    # of images of their own.
    for name, sizes in (("longer.tif", [(400, 200), (201, 103)]), ("shorter.tif", [(400, 200), (199, 98), (97, 52)])):
        pages = []
        for i, (width, height) in enumerate(sizes):
            create(f"page-{i}.tif", samples("u8", 1, height, width), "u8", ["BLOCKXSIZE=64", "BLOCKYSIZE=48", "TILED=YES"])
            subprocess.run(["tiffset", "-s", "254", str(min(i, 1)), f"page-{i}.tif"], check=True)
            pages.append(f"page-{i}.tif")
        subprocess.run(["tiffcp", "-t", "-w", "64", "-l", "48", *pages, name], check=True)
        expect_gdal(name)
        say(name, "count", 1)

    gdal.SetConfigOption("GDAL_TIFF_INTERNAL_MASK", "YES")
    for name, options in [
        ("mask.tif", ["TILED=YES", "BLOCKXSIZE=32", "BLOCKYSIZE=32", "COMPRESS=DEFLATE"]),
        ("mask-strips.tif", []),
    ]:
        create(name, data, "u8", options)
        dataset = gdal.Open(name, gdal.GA_Update)
        dataset.CreateMaskBand(gdal.GMF_PER_DATASET)
        circle = np.hypot(*np.mgrid[-101:102, -165:166]) < 99
        dataset.GetRasterBand(1).GetMaskBand().WriteArray(circle * np.uint8(255))
        dataset.BuildOverviews("NEAREST", [2, 4])
        dataset = None
        expect_gdal(name)
        say(name, "count", 1)
    gdal.SetConfigOption("GDAL_TIFF_INTERNAL_MASK", None)

    gdal.Translate("cog.tif", "overviews.tif", format="COG",
                   creationOptions=["BLOCKSIZE=128", "COMPRESS=ZSTD", "PREDICTOR=YES"])
    expect_gdal("cog.tif")
    say("cog.tif", "count", 1)
    gdal.Translate("cog-mask.tif", "mask.tif", format="COG",
                   creationOptions=["BLOCKSIZE=128", "COMPRESS=JPEG"])
    expect_gdal("cog-mask.tif")
    say("cog-mask.tif", "count", 1)


def several():
    for i in range(3):
        create(f"page{i}.tif", samples("u8", 1, 30 + i, 40), "u8", [])
    pages = [f"page{i}.tif" for i in range(3)]
    subprocess.run(["tiffcp", "-c", "lzw", *pages, "pages.tif"], check=True)
    for i in range(3):
        expect_gdal("pages.tif", i, path=f"GTIFF_DIR:{i + 1}:pages.tif")
    say("pages.tif", "count", 3)
    # Reversed bits, and a codec that is not read between two that are: ThunderScan.
    subprocess.run(["tiffcp", "-f", "lsb2msb", "-c", "zip", "page0.tif", "turned.tif"], check=True)
    expect_gdal("turned.tif")
    subprocess.run(["tiffcp", *pages, "mixed.tif"], check=True)
    file = bytearray(open("mixed.tif", "rb").read())
    second = directory(file, directory(file, struct.unpack_from("<I", file, 4)[0])[1])[0]
    struct.pack_into("<H", file, second[259] + 8, 32809)
    open("mixed.tif", "wb").write(file)
    for i in (0, 2):
        expect_gdal("mixed.tif", i, path=f"GTIFF_DIR:{i + 1}:mixed.tif")
    say("mixed.tif", "count", 3)
    write_tiff("thunder.tif", False, {256: (3, [2]), 257: (3, [1]), 258: (3, [4]), 259: (3, [32809])}, [b"\0"])
    say("thunder.tif", "error", "Unsupported")


def directory(file, at):
    """Where the tags of a directory lie in a little-endian file, by number, and where the next one is."""
    count = struct.unpack_from("<H", file, at)[0]
    tags = {struct.unpack_from("<H", file, at + 2 + 12 * i)[0]: at + 2 + 12 * i for i in range(count)}
    return tags, struct.unpack_from("<I", file, at + 2 + 12 * count)[0]


def described():
    def fill(dataset):
        dataset.SetGeoTransform([500000, 10, 0, 4600000, 0, -10])
        dataset.SetMetadataItem("TIFFTAG_SOFTWARE", "a test")
        dataset.SetMetadataItem("AREA_OR_POINT", "Point")
        dataset.SetMetadataItem("THING", "a < b & c")
        dataset.GetRasterBand(2).SetMetadataItem("SHADE", "dark")
        dataset.GetRasterBand(2).SetDescription("second")
        dataset.GetRasterBand(1).SetNoDataValue(-9999)

    create("described.tif", samples("i16", 2, 20, 30), "i16", [], fill=fill)
    expect_gdal("described.tif")
    for band, name, value in [
        ("-", "TIFFTAG_SOFTWARE", "a test"), ("-", "THING", "a < b & c"), (1, "SHADE", "dark"),
        (1, "DESCRIPTION", "second"), ("-", "AREA_OR_POINT", "Point"),
        ("-", "GTRasterTypeGeoKey", "2"), ("-", "ModelPixelScale", "10,10,0"),
        ("-", "TIFFTAG_GDAL_NODATA", "-9999"), ("-", "TIFFTAG_IMAGEWIDTH", "30"),
    ]:
        say("described.tif", "meta", band, name, value)

    table = gdal.ColorTable()
    table.SetColorEntry(1, (255, 0, 128))
    create("palette.tif", samples("u8", 1, 20, 30), "u8", ["PHOTOMETRIC=PALETTE"],
           fill=lambda dataset: dataset.GetRasterBand(1).SetColorTable(table))
    expect_gdal("palette.tif")
    create("white.tif", samples("u8", 1, 20, 30), "u8", ["PHOTOMETRIC=MINISWHITE"])
    expect_gdal("white.tif")
    say("white.tif", "meta", "-", "MINISWHITE", "YES")
    for name, nodata, interleave in [
        ("sparse.tif", None, "PIXEL"), ("sparse-nodata.tif", 77, "PIXEL"),
        ("sparse-band.tif", 77, "BAND"),
    ]:
        dataset = gdal.GetDriverByName("GTiff").Create(
            name, 100, 80, 2, gdal.GDT_UInt16,
            ["SPARSE_OK=YES", "TILED=YES", "BLOCKXSIZE=16", "BLOCKYSIZE=32", "COMPRESS=LZW",
             f"INTERLEAVE={interleave}"],
        )
        if nodata is not None:
            dataset.GetRasterBand(1).SetNoDataValue(nodata)
        dataset.GetRasterBand(2).WriteArray(samples("u16", 1, 20, 20)[0], 40, 30)
        dataset = None
        expect_gdal(name)


def write_tiff(name, big_endian, tags, blocks, big=False, counts={}, absent=(), links={}, kind=None, listed=(None, None)):
    """A file of one directory with the tags and blocks given, for what no encoder here writes. `counts`
    says of some blocks how many bytes they claim to have, and blocks in `absent` have the offset 0. `links`
    has tags whose values are places in blocks: the number of a block, and how many bytes behind its beginning.
    Offsets and byte counts are of the type `kind`, and `listed` says how many there are of each."""
    order = ">" if big_endian else "<"
    head = (b"MM" if big_endian else b"II") + struct.pack(order + "H", 43 if big else 42)
    head += struct.pack(order + "HHQ", 8, 0, 16) if big else struct.pack(order + "I", 8)
    word = "Q" if big else "I"
    tags = dict(tags)
    kind = kind or (16 if big else 4)
    tags[273] = (kind, [0] * len(blocks[:listed[0]]))
    tags[279] = (kind, [counts.get(i, len(block)) for i, block in enumerate(blocks)][:listed[1]])
    for tag, places in links.items():
        tags[tag] = (4, [0] * len(places))
    if 273 in links:
        tags[279] = (4, [len(blocks[block]) - behind for block, behind in links[273]])
    codes = {2: "B", 3: "H", 4: "I", 11: "f", 9: "i", 12: "d", 16: "Q", 17: "q"}
    size = (8 + 20 * len(tags) + 8) if big else (2 + 12 * len(tags) + 4)
    for _ in range(2):
        at = len(head) + size
        extra, entries = b"", b""
        for tag, (kind, values) in sorted(tags.items()):
            value = struct.pack(order + codes[kind] * len(values), *values)
            if len(value) > struct.calcsize(word):
                field = struct.pack(order + word, at + len(extra))
                extra += value
            else:
                field = value.ljust(struct.calcsize(word), b"\0")
            entries += struct.pack(order + "HH" + word, tag, kind, len(values)) + field
        at += len(extra)
        offsets = []
        for block in blocks:
            offsets.append(at)
            at += len(block)
        tags[273] = (tags[273][0], [0 if i in absent else at for i, at in enumerate(offsets)][:listed[0]])
        for tag, places in links.items():
            tags[tag] = (4, [offsets[block] + behind for block, behind in places])
    count = struct.pack(order + ("Q" if big else "H"), len(tags))
    with open(name, "wb") as out:
        out.write(head + count + entries + struct.pack(order + word, 0) + extra + b"".join(blocks))


def types():
    """Bands of different types, which GDAL does not read: what was put in, in the type that has all their values."""
    height, width, rows = 21, 17, 8
    kinds = [(("u8", "u16"), "u16"), (("u16", "i16"), "i32"), (("u8", "i8", "u8"), "i16"), (("i16", "f32"), "f32"),
             (("u8", "f64", "u16"), "f64"), (("i32", "f32"), "f64"), (("u32", "i16"), "i64"), (("u64", "f32"), "f64")]
    for (bands, all_of), big_endian, planar, packed in itertools.product(kinds, [0, 1], [1, 2], [0, 1]):
        order = ">" if big_endian else "<"
        data = [samples(dtype, 1, height, width)[0] for dtype in bands]
        stored = [band.astype(band.dtype.newbyteorder(order)) for band in data]
        tags = {256: (3, [width]), 257: (3, [height]), 258: (3, [8 * band.itemsize for band in data]), 277: (3, [len(bands)]),
                259: (3, [8 if packed else 1]), 262: (3, [1]), 278: (3, [rows]), 284: (3, [planar]),
                338: (3, [0] * (len(bands) - 1)), 339: (3, ["uif".index(dtype[0]) + 1 for dtype in bands])}
        blocks = []
        predictor = packed and len({band.itemsize for band in data}) == 1
        if planar == 2:
            pieces = [band[y:y + rows, :, None] for band in stored for y in range(0, height, rows)]
            blocks = [piece.tobytes() for piece in pieces]
        else:
            pixel = np.dtype([(str(i), band.dtype) for i, band in enumerate(stored)])
            whole = np.empty((height, width), pixel)
            for i, band in enumerate(stored):
                whole[str(i)] = band
            blocks = [whole[y:y + rows].tobytes() for y in range(0, height, rows)]
        if predictor:
            tags[317] = (3, [2])
            word, channels = f"{order}u{data[0].itemsize}", len(bands) if planar == 1 else 1
            words = [np.frombuffer(block, word).reshape(-1, width, channels) for block in blocks]
            blocks = [np.diff(block, axis=1, prepend=np.zeros_like(block[:, :1])).astype(word).tobytes() for block in words]
        if packed:
            blocks = [zlib.compress(block) for block in blocks]
        name = f"types-{'-'.join(bands)}-{big_endian}-{planar}-{packed}.tif"
        write_tiff(name, big_endian, tags, blocks)
        wide = np.dtype(next(long for long, short in NAMES.items() if short == all_of))
        with np.errstate(invalid="ignore"):
            raw = b"".join(band.astype(wide).tobytes() for band in data)
        expect(name, 0, "pixels", 0, (len(bands), height, width), all_of, raw)


def pack_bits(values, bits):
    """Rows of numbers as fields of so many bits, the highest first."""
    rows = []
    for row in values:
        text = "".join(format(int(v) & (2**bits - 1), f"0{bits}b") for v in row)
        text = text.ljust(-(-len(text) // 8) * 8, "0")
        rows.append(int(text, 2).to_bytes(len(text) // 8, "big"))
    return b"".join(rows)


def handmade():
    for dtype, kind in [("u64", 1), ("i64", 2)]:
        for big_endian in (False, True):
            data = samples(dtype, 1, 11, 13)
            stored = data.astype(data.dtype.newbyteorder(">" if big_endian else "<")).tobytes()
            differences = np.diff(data.view(np.uint64), axis=2, prepend=np.uint64(0))
            packed = zlib.compress(
                differences.astype(">u8" if big_endian else "<u8").tobytes()
            )
            base = {256: (3, [13]), 257: (3, [11]), 258: (3, [64]), 262: (3, [1]), 277: (3, [1]),
                    278: (3, [11]), 339: (3, [kind])}
            for suffix, tags, block in [
                ("raw", {259: (3, [1])}, stored),
                ("predicted", {259: (3, [32946]), 317: (3, [2])}, packed),
            ]:
                name = f"{dtype}-{big_endian}-{suffix}.tif"
                write_tiff(name, big_endian, {**base, **tags}, [block], big=big_endian)
                expect(name, 0, "pixels", 0, data.shape, dtype, data.tobytes())
    for bits in [3, 5, 11, 12, 13, 14, 31, 33, 63]:
        size = next(n for n in (8, 16, 32, 64) if bits <= n)
        for kind in (1, 2):
            low, high = (0, 2**bits) if kind == 1 else (-(2 ** (bits - 1)), 2 ** (bits - 1))
            data = random.integers(low, high, (9, 17), dtype="u8" if kind == 1 else "i8")
            name = f"handmade-{bits}-{kind}.tif"
            tags = {256: (3, [17]), 257: (3, [9]), 258: (3, [bits]), 259: (3, [1]),
                    262: (3, [1]), 277: (3, [1]), 278: (3, [4]), 339: (3, [kind])}
            blocks = [pack_bits(data[y:y + 4], bits) for y in range(0, 9, 4)]
            write_tiff(name, bits % 2 == 0, tags, blocks)
            dtype = ("u" if kind == 1 else "i") + str(size)
            raw = data.astype(f"{'u' if kind == 1 else 'i'}{size // 8}").tobytes()
            expect(name, 0, "pixels", 0, (1, 9, 17), dtype, raw)
    # Floats of 24 bits: one of sign, seven of exponent, sixteen of fraction.
    for big_endian in (False, True):
        values = [0x3F0000, 0xBF8000, 0x408000, 0x000000, 0x7F0000]
        raw = np.array([1, -1.5, 3, 0, np.inf], "f4").tobytes()
        order = "big" if big_endian else "little"
        block = b"".join(v.to_bytes(3, order) for v in values)
        tags = {256: (3, [5]), 257: (3, [1]), 258: (3, [24]), 259: (3, [1]), 262: (3, [1]),
                277: (3, [1]), 339: (3, [3])}
        write_tiff(f"float24-{big_endian}.tif", big_endian, tags, [block])
        expect(f"float24-{big_endian}.tif", 0, "pixels", 0, (1, 1, 5), "f32", raw)
    # A last strip that the writer filled up.
    data = samples("u8", 1, 10, 20)
    filled = np.pad(data[0], ((0, 6), (0, 0))).tobytes()
    blocks = [zlib.compress(filled[:160]), zlib.compress(filled[160:])]
    tags = {256: (3, [20]), 257: (3, [10]), 258: (3, [8]), 259: (3, [8]), 262: (3, [1]),
            277: (3, [1]), 278: (3, [8])}
    write_tiff("filled.tif", False, tags, blocks)
    expect("filled.tif", 0, "pixels", 0, data.shape, "u8", data.tobytes())
    # Streams that have more than their blocks, up to a bound.
    whole = {**tags, 278: (3, [10])}
    write_tiff("longer-stream.tif", False, whole, [zlib.compress(data.tobytes() + bytes(2000))])
    assert (gdal.Open("longer-stream.tif").ReadAsArray() == data[0]).all()
    expect("longer-stream.tif", 0, "pixels", 0, data.shape, "u8", data.tobytes())
    write_tiff("much-longer-stream.tif", False, whole, [zlib.compress(data.tobytes() + bytes(2 << 20))])
    # Bands of 5, 6 and 5 bits.
    data = np.stack([samples("u8", 1, 4, 6, bits)[0] for bits in (5, 6, 5)])
    rows = []
    for y in range(4):
        pixels = zip(*(data[:, y, :].tolist()))
        text = "".join(f"{r:05b}{g:06b}{b:05b}" for r, g, b in pixels)
        rows.append(int(text, 2).to_bytes(12, "big"))
    tags = {256: (3, [6]), 257: (3, [4]), 258: (3, [5, 6, 5]), 259: (3, [1]), 262: (3, [2]),
            277: (3, [3])}
    # Texts without a name.
    xml = b'<GDALMetadata><Item name="">a</Item><Item name="" domain="RPC">b</Item><Item name="C">c</Item></GDALMetadata>\0'
    write_tiff("nameless.tif", False, {256: (3, [1]), 257: (3, [1]), 258: (3, [8]), 262: (3, [1]),
                                       42112: (2, xml)}, [b"\0"])
    write_tiff("565.tif", True, tags, [b"".join(rows)])
    expect("565.tif", 0, "pixels", 0, data.shape, "u8", data.tobytes())


def tables():
    """Byte counts that do not fit offsets and sizes, where GDAL reads the pixels all the same."""
    data = samples("u16", 1, 29, 41)
    plain = [data[0, y:y + 8].astype("<u2").tobytes() for y in range(0, 29, 8)]
    one = [b"".join(plain)]
    base = {256: (3, [41]), 257: (3, [29]), 258: (3, [16]), 262: (3, [1]), 277: (3, [1])}
    strips, whole = {**base, 278: (3, [8])}, {**base, 278: (3, [29])}
    raw, deflate, lzw = {259: (3, [1])}, {259: (3, [8])}, {259: (3, [5])}
    packed = [zlib.compress(block) for block in plain]
    create("one.tif", data, "u16", ["COMPRESS=LZW", "BLOCKYSIZE=29"])
    dataset = gdal.Open("one.tif")
    item = lambda name: int(dataset.GetRasterBand(1).GetMetadataItem(f"BLOCK_{name}_0_0", "TIFF"))
    at, size = item("OFFSET"), item("SIZE")
    coded = open("one.tif", "rb").read()[at:at + size]
    tile = np.pad(data[0], ((0, 3), (0, 7))).astype("<u2").tobytes()
    tiled = {**base, 322: (3, [48]), 323: (3, [32])}
    for name, tags, blocks, counts in [
        ("zero-none", {**whole, **raw}, one, {0: 0}),
        ("zero-lzw", {**whole, **lzw}, [coded], {0: 0}),
        ("zero-deflate", {**whole, **deflate}, [zlib.compress(one[0])], {0: 0}),
        ("half-one", {**whole, **raw}, one, {0: len(one[0]) // 2}),
        ("half", {**strips, **raw}, plain, {i: len(block) // 2 for i, block in enumerate(plain)}),
        ("twice", {**strips, **raw}, plain, {i: len(block) * 2 for i, block in enumerate(plain)}),
        ("negative", {**strips, **raw}, plain, {3: 2**32 - 5}),
    ]:
        write_tiff(f"count-{name}.tif", False, tags, blocks, counts=counts)
        assert (gdal.Open(f"count-{name}.tif").ReadAsArray() == data[0]).all(), name
        expect(f"count-{name}.tif", 0, "pixels", 0, data.shape, "u16", data.tobytes())
    # GDAL shows nothing where all byte counts are 0, but the sizes tell how long the blocks are.
    for name, tags, blocks in [("strips", strips, plain), ("tile", tiled, [tile])]:
        name = f"counts-zero-{name}.tif"
        write_tiff(name, False, {**tags, **raw}, blocks, counts=dict.fromkeys(range(4), 0))
        expect(name, 0, "pixels", 0, data.shape, "u16", data.tobytes())
    # Numbers with a sign.
    for kind, big in ((9, False), (17, True)):
        name = f"offsets-{kind}.tif"
        write_tiff(name, False, {**strips, **deflate}, packed, big=big, kind=kind)
        assert (gdal.Open(name).ReadAsArray() == data[0]).all(), name
        expect(name, 0, "pixels", 0, data.shape, "u16", data.tobytes())
    # Tables that are too short: blocks without an offset are not stored, and GDAL shows them as absent. Those
    # without a byte count are read here, and not by GDAL where they are compressed.
    write_tiff("offsets-short.tif", False, {**strips, **raw}, plain, listed=(3, 3))
    assert not gdal.Open("offsets-short.tif").ReadAsArray()[24:].any()
    expect_gdal("offsets-short.tif")
    for name, tags, blocks in (("plain", raw, plain), ("deflate", deflate, packed)):
        name = f"counts-short-{name}.tif"
        write_tiff(name, False, {**strips, **tags}, blocks, listed=(4, 2))
        expect(name, 0, "pixels", 0, data.shape, "u16", data.tobytes())
    # What is wrong with one block does not concern the others.
    write_tiff("strip-negative.tif", False, {**strips, **deflate}, packed, counts={1: -5}, kind=9)
    write_tiff("strip-zero.tif", False, {**strips, **deflate}, packed, counts={1: 0})
    write_tiff("strip-nowhere.tif", False, {**strips, **deflate}, packed, absent=[1])
    write_tiff("strip-short.tif", False, {**strips, **raw}, [block[:100] for block in plain])
    tiled = {**base, 322: (3, [16]), 323: (3, [32]), **deflate}
    tiles = [np.pad(data[0], ((0, 3), (0, 7)))[:, x:x + 16] for x in (0, 16, 32)]
    tiles = [zlib.compress(tile.astype("<u2").tobytes()) for tile in tiles]
    write_tiff("tile-left-out.tif", False, tiled, tiles, counts={1: 0})
    expect_gdal("tile-left-out.tif")


def cut_tiles():
    """Tiles at the lower edge that are encoded only as far as the image goes, and one that ends before."""
    data = samples("u8", 3, 37, 35)
    padded = np.pad(data, ((0, 0), (0, 0), (0, 29)))
    base = {256: (3, [35]), 257: (3, [37]), 258: (3, [8] * 3), 262: (3, [2]), 277: (3, [3]), 322: (3, [64]),
            323: (3, [64])}
    together = np.moveaxis(padded, 0, -1)
    differences = np.diff(together, axis=1, prepend=np.uint8(0))
    runs = lambda rows: b"".join(pack_runs(row.tobytes()) for row in rows)
    deflate = lambda rows: zlib.compress(rows.tobytes())
    for name, tags, blocks in [
        ("runs", {259: (3, [32773]), 284: (3, [1])}, [runs(together)]),
        ("runs-apart", {259: (3, [32773]), 284: (3, [2])}, [runs(band) for band in padded]),
        ("deflate", {259: (3, [8])}, [deflate(together)]),
        ("predicted", {259: (3, [8]), 317: (3, [2])}, [deflate(differences)]),
        ("deflate-apart", {259: (3, [8]), 284: (3, [2])}, [deflate(band) for band in padded]),
    ]:
        name = f"cut-tile-{name}.tif"
        write_tiff(name, False, {**base, **tags}, blocks)
        assert (gdal.Open(name).ReadAsArray() == data).all(), name
        expect(name, 0, "pixels", 0, data.shape, "u8", data.tobytes())
    write_tiff("cut-tile-short.tif", False, {**base, 259: (3, [8])}, [deflate(together[:36])])


def nodata():
    """Texts of the tag, with the value that GDAL has for them: as said in f64 and in whole numbers."""
    texts = ["nan", "NaN", "-nan", "nan(0x7ff)", "1.#QNAN", "-1.#IND", "1.#SNAN", "1.#INF", "-1.#INF",
             "inf", "-Infinity", "1,5", "12abc", "255 255", "-9999", "  7"]
    for number, text in enumerate(texts):
        for dtype, bits, kind in (("f32", 32, 3), ("f64", 64, 3), ("i16", 16, 2), ("u8", 8, 1)):
            name = f"nodata-{number}-{dtype}.tif"
            tags = {256: (3, [2]), 257: (3, [1]), 258: (3, [bits]), 259: (3, [1]), 262: (3, [1]),
                    277: (3, [1]), 278: (3, [1]), 339: (3, [kind]), 42113: (2, text.encode() + b"\0")}
            write_tiff(name, False, tags, [bytes(bits // 4)])
            dataset = gdal.Open(name)
            value = dataset.GetRasterBand(1).GetNoDataValue()
            # What the type does not have is equal to no pixel.
            if kind != 3 and not (float(value).is_integer() and abs(value) < 2**(bits - kind // 2)):
                value = None
            if kind == 1 and value is not None and value < 0:
                value = None
            say(name, "nodata", value)


matrix()
odd_bits()
jpeg()
deep_jpeg()
old_jpeg()
facsimiles()
codecs()
codestreams()
logarithms()
units()
levels()
several()
described()
handmade()
types()
tables()
cut_tiles()
nodata()
manifest.close()
