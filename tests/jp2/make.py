"""Writes JPEG 2000 files with OpenJPEG's, OpenJPH's and GDAL's encoders, and what OpenJPEG's and GDAL's
decoders make of them: make.py <directory>.

Each line of the manifest: file, level, width, height, bands, sample type, colours, tolerance, file of
the expected samples (band by band, in the machine's byte order). Lines of three: file, name and text of
its metadata.
"""

import os
import subprocess
import sys

import numpy as np
from osgeo import gdal

gdal.UseExceptions()
os.chdir(sys.argv[1])
manifest = open("manifest", "w")
random = np.random.default_rng(7)


def picture(width, height, bands, bits, signed):
    """Smooth and rough parts over the whole range of the samples."""
    y, x = np.mgrid[0:height, 0:width]
    top = 1 << bits
    out = []
    for band in range(bands):
        smooth = np.sin(x / (9.0 + band)) + np.cos(y / (13.0 + 2 * band)) + 2
        rough = random.integers(0, max(top // 8, 2), (height, width))
        samples = (smooth / 4 * (top - 1)).astype(np.int64) + rough
        samples = np.clip(samples, 0, top - 1)
        out.append(samples - top // 2 if signed else samples)
    return np.stack(out)


def sample_type(bits, signed):
    size = 8 if bits <= 8 else 16 if bits <= 16 else 32
    return np.dtype(f"{'int' if signed else 'uint'}{size}")


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: {done.stdout} {done.stderr}")


def say(name, level, samples, colours="", tolerance=0):
    raw = f"{name}.{level}.raw"
    np.ascontiguousarray(samples).tofile(raw)
    bands, height, width = samples.shape
    kind = samples.dtype.kind + str(samples.dtype.itemsize * 8)
    fields = (name, level, width, height, bands, kind, colours, tolerance, raw)
    print(*fields, sep="\t", file=manifest)


def ceil(a, b):
    return -(-a // b)


def component(name, index, level, bits, signed, sides):
    """One component as opj_decompress gives it."""
    run("opj_decompress", "-quiet", "-i", name, "-o", "one.rawl", "-r", str(level), "-c", str(index))
    kind = np.dtype(f"{'i' if signed else 'u'}{1 if bits <= 8 else 2}")
    return with_sign(np.fromfile("one.rawl", kind), bits, signed).reshape(sides)


def with_sign(samples, bits, signed):
    """Samples with the sign that the program cuts off."""
    if signed and bits % 8:
        half = 1 << (bits - 1)
        samples = ((samples.astype(np.int64) & (2 * half - 1)) ^ half) - half
    return samples


def opj(name, size, bands, bits, signed=False, options="", steps=None, levels=None, offset=(0, 0), tolerance=0, mct=None):
    """A file by opj_compress, whose every level is compared with opj_decompress."""
    width, height = size
    steps = steps or [(1, 1)] * bands
    kind = sample_type(bits, signed)
    with open("in.rawl", "wb") as raw:
        for band, (dx, dy) in zip(picture(width, height, bands, bits, signed), steps):
            # As many samples as the encoder counts: the size, not the place on the grid, divided.
            band[:ceil(height, dy), :ceil(width, dx)].astype(kind).tofile(raw)
    said = ":".join(f"{dx}x{dy}" for dx, dy in steps)
    form = f"{width},{height},{bands},{bits},{'s' if signed else 'u'}@{said}"
    # OpenJPEG 2.5 refuses numbers that have a bit in common.
    assert not width & height & bands & bits, form
    command = ["opj_compress", "-i", "in.rawl", "-o", name, "-F", form, *options.split()]
    if bands >= 3:
        command += ["-mct", str(mct or 0)]
    if offset != (0, 0):
        command += ["-d", f"{offset[0]},{offset[1]}"]
    run(*command)
    if levels is None:
        levels = 6
        if "-n" in options.split():
            levels = int(options.split()[options.split().index("-n") + 1])
    say_levels(name, size, bands, bits, signed, steps, levels, offset, tolerance)


def say_levels(name, size, bands, bits, signed, steps, levels, offset, tolerance=0):
    """What opj_decompress makes of the levels of a file."""
    width, height = size
    kind = sample_type(bits, signed)
    unit = (min(dx for dx, _ in steps), min(dy for _, dy in steps))
    end = (offset[0] + width, offset[1] + height)
    for level in range(levels):
        # The layout decides how levels are cut; the rest is told by the first, second and last.
        if not name.startswith(("tiles", "offset", "ht")) and level not in (0, 1, levels - 1):
            continue

        def places(axis, step):
            scale = step << level
            return range(ceil(offset[axis], scale), ceil(end[axis], scale))

        columns, rows = places(0, unit[0]), places(1, unit[1])
        parts = [(places(0, dx), places(1, dy)) for dx, dy in steps]
        if not all(len(a) and len(b) for a, b in parts):
            break
        out = []
        if all(step == (1, 1) for step in steps):
            run("opj_decompress", "-quiet", "-i", name, "-o", "all.rawl", "-r", str(level))
            wide = np.dtype(f"{'i' if signed else 'u'}{1 if bits <= 8 else 2}")
            all_bands = with_sign(np.fromfile("all.rawl", wide), bits, signed)
            out = list(all_bands.reshape(bands, len(rows), len(columns)))
        for index, ((dx, dy), (xs, ys)) in enumerate(zip(steps, parts)):
            if len(out) == bands:
                break
            samples = component(name, index, level, bits, signed, (len(ys), len(xs)))
            across = [min(max(x * unit[0] // dx, xs[0]), xs[-1]) - xs[0] for x in columns]
            down = [min(max(y * unit[1] // dy, ys[0]), ys[-1]) - ys[0] for y in rows]
            out.append(samples[np.ix_(down, across)])
        say(name, level, np.stack(out).astype(kind), tolerance=tolerance)


def ht(name, size, bands, bits, options="", steps=None, offset=(0, 0), lossy=None):
    """A file of high-throughput code-blocks by ojph_compress; OpenJPEG decodes its tiles as a whole."""
    width, height = size
    steps = steps or [(1, 1)] * bands
    kind = sample_type(bits, False)
    planes = picture(width, height, bands, bits, False)
    planes = [plane[:ceil(height, dy), :ceil(width, dx)].astype(kind) for plane, (dx, dy) in zip(planes, steps)]
    command = ["ojph_compress", "-o", name, "-num_decomps", "3", *options.split()]
    if "-colour_trans" in options:
        # The program mixes the components of this format alone.
        with open("in.ppm", "wb") as raw:
            raw.write(b"P6 %d %d %d\n" % (width, height, (1 << bits) - 1) + np.dstack(planes).tobytes())
        command += ["-i", "in.ppm"]
    else:
        with open("in.yuv", "wb") as raw:
            for plane in planes:
                plane.tofile(raw)
        command += ["-i", "in.yuv", "-dims", f"{{{width},{height}}}", "-num_comps", str(bands)]
        for option, value in (("-signed", "false"), ("-bit_depth", str(bits))):
            command += [option, ",".join([value] * bands)]
        command += ["-downsamp", ",".join(f"{{{dx},{dy}}}" for dx, dy in steps)]
    command += ["-qstep", str(lossy)] if lossy else ["-reversible", "true"]
    if offset != (0, 0):
        command += ["-image_offset", f"{{{offset[0]},{offset[1]}}}"]
    run(*command)
    say_levels(name, size, bands, bits, False, steps, 4, offset)
    if not lossy and all(step == (1, 1) for step in steps):
        assert (np.fromfile(f"{name}.0.raw", kind) == np.stack(planes).ravel()).all(), name


# Tiles, sizes and numbers of levels.
for tiles in ("", "-t 128,128", "-t 300,300", "-t 37,53"):
    for size in ((333, 517), (257, 129)):
        label = (tiles[3:] or "whole").replace(",", "x")
        opj(f"tiles-{label}-{size[0]}.j2k", size, 1, 8, options=tiles)
for resolutions in (1, 3, 7):
    opj(f"resolutions-{resolutions}.j2k", (301, 203), 1, 8, options=f"-n {resolutions} -t 150,100")
for size in ((1, 77), (130, 1), (1, 1), (3, 5)):
    opj(f"thin-{size[0]}-{size[1]}.j2k", size, 1, 8, options="-n 2" if size == (3, 5) else "-n 1")

# Sample types and numbers of bands, lossless and not.
for bands, bits, signed in (
    (1, 8, True), (2, 11, False), (2, 12, True), (3, 8, False),
    (3, 16, True), (4, 16, False), (12, 11, False), (12, 8, False), (1, 16, True),
):
    for lossy in ("", "-I -r 4"):
        for mct in (0, 1) if bands >= 3 else (0,):
            name = f"type-{bands}-{bits}{'s' if signed else 'u'}-{'lossy' if lossy else 'exact'}-{mct}.j2k"
            opj(name, (211, 173), bands, bits, signed, f"-t 100,90 -n 4 {lossy}", mct=mct)
opj("lossy-whole.j2k", (409, 307), 3, 8, options="-I -r 10", mct=1)

# Every usual depth in every layout, and every number of bands.
for bits in (8, 11, 12, 16):
    for signed in (False, True):
        for tiles in ("", "-t 128,128", "-t 300,300"):
            for lossy in ("", "-I -r 5"):
                name = f"depth-{bits}{'s' if signed else 'u'}-{tiles[3:6]}-{'lossy' if lossy else 'exact'}.j2k"
                opj(name, (338, 311), 1, bits, signed, f"{tiles} {lossy}")
for bands in range(1, 13):
    opj(f"bands-{bands}.j2k", (61, 83), bands, 12, options="-t 37,53 -n 3", mct=1 if bands == 3 else 0)
for bits in range(1, 8):
    for signed in (False, True)[:2 if bits > 1 else 1]:
        opj(f"few-{bits}{'s' if signed else 'u'}.j2k", (101, 67), 2, bits, signed, "-t 64,64 -n 2")

# Images and tiles that do not begin at the origin.
opj("offset-whole.j2k", (301, 207), 1, 8, offset=(17, 5))
opj("offset-aligned.j2k", (301, 207), 3, 8, options="-T 17,5 -t 90,70", offset=(17, 5), mct=1)
opj("offset-within.j2k", (301, 207), 2, 12, options="-T 3,2 -t 90,70", offset=(17, 5))
opj("offset-lossy.j2k", (301, 207), 1, 8, options="-I -r 5 -T 3,2 -t 90,70", offset=(17, 5))

# Components with fewer samples.
opj("steps-420.j2k", (301, 207), 3, 8, steps=[(1, 1), (2, 2), (2, 2)])
opj("steps-tiles.j2k", (302, 208), 3, 8, steps=[(1, 1), (2, 1), (2, 2)], options="-t 37,53 -n 3")
opj("steps-signed.j2k", (301, 207), 3, 12, True, steps=[(1, 1), (2, 1), (2, 2)], options="-t 100,90 -n 3")
opj("steps-offset.j2k", (301, 207), 2, 8, steps=[(1, 1), (2, 2)], options="-n 2", offset=(17, 5))
opj("steps-all.j2k", (300, 206), 2, 8, steps=[(2, 2), (2, 2)], options="-n 2")
opj("steps-lossy.j2k", (302, 208), 3, 8, steps=[(1, 1), (2, 2), (2, 2)], options="-t 100,100 -n 3 -I -r 4")

# The ways in which a codestream may be laid out and coded.
for label, options in (
    ("rlcp", "-p RLCP -c [64,64],[32,32]"), ("rpcl", "-p RPCL -c [128,128] -TP R"),
    ("pcrl", "-p PCRL -c [64,64] -SOP -EPH"), ("cprl", "-p CPRL -TP C -t 128,128"),
    ("tlm", "-TLM -t 100,100"), ("tlm-parts", "-TLM -TP R -t 100,100"), ("layers", "-r 40,20,10,1"),
    ("modes", "-M 63"), ("plt-lrcp", "-PLT -p LRCP -c [64,64] -r 20,10,1"), ("plt-rlcp", "-PLT -p RLCP -SOP -EPH"),
    ("plt-rpcl", "-PLT -p RPCL -c [32,32],[64,64]"), ("plt-parts", "-PLT -p RLCP -TP R -r 20,1"), ("blocks", "-b 4,64"), ("blocks-wide", "-b 32,8 -t 100,70"),
    ("layers-tiles", "-r 20,5 -I -t 128,128"),
):
    # Of long tiles a level reads the packets alone that it needs, where their lengths are told.
    size = (1201, 907) if label.startswith("plt") else (301, 207)
    opj(f"layout-{label}.j2k", size, 3 if label in ("cprl", "plt-lrcp") else 1, 8, options=options)

# High-throughput code-blocks: on the grid of the image and beside it, with samples that lie across the
# edges of tiles, and with a window in a tile that is large enough for windows.
quarters = [(1, 1), (2, 2), (2, 2)]
for label, size, bands, bits, more in (
    ("whole", (333, 517), 1, 8, {}),
    ("large", (2201, 2003), 1, 8, {}),
    ("tiles", (333, 517), 1, 8, {"options": "-tile_size {128,100}"}),
    ("lossy", (301, 207), 3, 8, {"options": "-tile_size {90,70} -colour_trans true", "lossy": 0.01}),
    ("mixed", (301, 207), 3, 8, {"options": "-tile_size {90,70} -colour_trans true"}),
    ("apart", (301, 207), 3, 12, {"options": "-tile_size {90,70}"}),
    ("deep", (301, 207), 1, 16, {"options": "-tile_size {64,64} -prog_order LRCP"}),
    ("aligned", (301, 207), 1, 8, {"options": "-tile_size {90,70} -tile_offset {17,5}", "offset": (17, 5)}),
    ("within", (301, 207), 1, 12, {"options": "-tile_size {90,70} -tile_offset {3,2}", "offset": (17, 5)}),
    ("small", (301, 207), 3, 8, {"options": "-tile_size {33,33} -tile_offset {5,5}", "offset": (10, 5)}),
    ("quarters", (352, 288), 3, 8, {"steps": quarters}),
    ("quarters-odd", (352, 288), 3, 8, {"options": "-tile_size {257,33}", "steps": quarters}),
    ("quarters-even", (301, 207), 3, 8, {"options": "-tile_size {64,48}", "steps": quarters}),
    ("blocks", (333, 517), 1, 8, {"options": "-block_size {16,16}"}),
    ("blocks-wide", (333, 517), 1, 12, {"options": "-block_size {4,1024}"}),
    ("blocks-high", (333, 517), 1, 12, {"options": "-block_size {256,4} -prog_order PCRL"}),
    ("precincts", (333, 517), 3, 8, {"options": "-precincts {64,64},{128,128} -prog_order CPRL -colour_trans true"}),
    ("bit", (301, 207), 1, 1, {}),
    ("bits", (301, 207), 1, 3, {"options": "-prog_order RLCP"}),
    ("fractions", (301, 207), 1, 16, {"options": "-tile_size {200,100}", "lossy": 0.0001}),
    ("fractions-blocks", (333, 517), 1, 10, {"options": "-block_size {32,8}", "lossy": 0.02}),
    ("several", (4500, 3900), 1, 8, {"options": "-tile_size {600,500} -tile_offset {3,2}", "offset": (17, 5)}),
):
    ht(f"ht-{label}.j2c", size, bands, bits, **more)


def pack(name, made, options):
    """A file whose packet headers are packed into the main header, which no encoder at hand does.
    SOP and EPH tell where they are."""
    opj(name, (301, 207), 1, 8, options=options + " -SOP -EPH")
    data = open(name, "rb").read()
    at = data.index(b"\xff\x90\x00\x0a")
    main, packed, parts = data[:at], b"", b""
    while data[at:at + 2] == b"\xff\x90":
        length = int.from_bytes(data[at + 6:at + 10], "big")
        start = data.index(b"\xff\x93", at) + 2
        headers, bodies = b"", b""
        for packet in data[start:at + length].split(b"\xff\x91\x00\x04")[1:]:
            end = packet.index(b"\xff\x92") + 2
            headers += packet[2:end]
            bodies += b"\xff\x91\x00\x04" + packet[:2] + packet[end:]
        packed += len(headers).to_bytes(4, "big") + headers
        part = data[at:start] + bodies
        parts += part[:6] + len(part).to_bytes(4, "big") + part[10:]
        at += length
    for index, first in enumerate(range(0, len(packed), 1001)):
        piece = packed[first:first + 1001]
        main += b"\xff\x60" + (len(piece) + 3).to_bytes(2, "big") + bytes([index]) + piece
    open(made, "wb").write(main + parts + data[at:])
    say(made, 0, np.fromfile(name + ".0.raw", "u1").reshape(1, 207, 301))


pack("separate.j2k", "packed.j2k", "-t 100,90")
pack("separate-parts.j2k", "packed-parts.j2k", "-t 100,90 -TP R -p RLCP")


# Files by GDAL, compared with GDAL.
def gdal_file(name, samples, options, colours="", levels=(0,), tolerance=0, texts=None):
    bands, height, width = samples.shape
    codes = {"uint8": gdal.GDT_Byte, "uint16": gdal.GDT_UInt16, "int16": gdal.GDT_Int16,
             "uint32": gdal.GDT_UInt32, "int32": gdal.GDT_Int32}
    source = gdal.GetDriverByName("MEM").Create("", width, height, bands, codes[samples.dtype.name])
    for i in range(bands):
        source.GetRasterBand(i + 1).WriteArray(samples[i])
        if colours:
            source.GetRasterBand(i + 1).SetColorInterpretation(
                getattr(gdal, {"Gray": "GCI_GrayIndex"}.get(colours.split(",")[i], f"GCI_{colours.split(',')[i]}Band")))
    source.SetMetadata(texts or {})
    source.SetMetadata(["<xmp/>"], "xml:XMP")
    source.SetMetadata(["<boxed/>"], "xml:BOX_0")
    source.SetProjection('LOCAL_CS["here"]')
    source.SetGeoTransform((500000, 2, 0, 4000000, 0, -2))
    gdal.GetDriverByName("JP2OpenJPEG").CreateCopy(name, source, options=options)
    made = gdal.Open(name)
    for level in levels:
        def band(i):
            band = made.GetRasterBand(i + 1)
            return (band.GetOverview(level - 1) if level else band).ReadAsArray()
        say(name, level, np.stack([band(i) for i in range(bands)]), colours, tolerance)


exact = ["REVERSIBLE=YES", "QUALITY=100", "RESOLUTIONS=5"]
gdal_file("gdal-rgb.jp2", picture(900, 701, 3, 8, False).astype("uint8"),
          exact + ["BLOCKXSIZE=300", "BLOCKYSIZE=300"], "Red,Green,Blue", (0, 1, 2))
gdal_file("gdal-alpha.jp2", picture(200, 150, 4, 8, False).astype("uint8"),
          exact + ["ALPHA=YES"], "Red,Green,Blue,Alpha")
gdal_file("gdal-i16.jp2", picture(500, 400, 2, 16, True).astype("int16"), exact)
gdal_file("gdal-u20.jp2", picture(200, 150, 1, 20, False).astype("uint32"), exact + ["NBITS=20"], "Gray")
# OpenJPEG encodes no more than 25 bits rightly.
for bits, signed in ((17, False), (20, True), (22, False), (24, False), (24, True), (25, True)):
    name = f"gdal-{'i' if signed else 'u'}{bits}.jp2"
    samples = picture(160, 120, 1, bits, signed).astype("int32" if signed else "uint32")
    gdal_file(name, samples, ["REVERSIBLE=YES", "QUALITY=100", "RESOLUTIONS=3", f"NBITS={bits}"], levels=(0,))
    assert (gdal.Open(name).ReadAsArray() == samples[0]).all(), name
# Of more bits it spoils the samples; but what it then decodes is what this library does.
for bits, signed in ((26, False), (28, True), (31, False), (31, True)):
    samples = picture(60, 50, 1, bits, signed).astype("int32" if signed else "uint32")
    gdal_file(f"gdal-{'i' if signed else 'u'}{bits}.jp2", samples,
              ["REVERSIBLE=YES", "QUALITY=100", "RESOLUTIONS=3", f"NBITS={bits}"])
gdal_file("gdal-lossy.jp2", picture(900, 701, 3, 8, False).astype("uint8"),
          ["QUALITY=20", "RESOLUTIONS=5", "BLOCKXSIZE=300", "BLOCKYSIZE=300"], "Red,Green,Blue", (0, 1, 2))

# A palette of 16 bits, put into a file of OpenJPEG's: boxes pclr and cmap behind ihdr and colr.
def box(kind, content):
    return (8 + len(content)).to_bytes(4, "big") + kind + content


indices = random.integers(0, 20, (1, 91, 117)).astype("uint8")
indices.tofile("in.rawl")
run("opj_compress", "-i", "in.rawl", "-o", "index.jp2", "-F", "117,91,1,8,u", "-n", "1")
data = open("index.jp2", "rb").read()
at = data.index(b"jp2h") - 4
length = int.from_bytes(data[at:at + 4], "big")
table = random.integers(0, 1 << 12, (16, 3))
colours = b"\x00\x10\x03" + bytes([11] * 3) + b"".join(int(v).to_bytes(2, "big") for v in table.flat)
channels = b"".join(b"\x00\x00\x01" + bytes([i]) for i in range(3))
order = b"\x00\x03" + b"".join(b"\x00" + bytes([c]) + b"\x00\x00\x00" + bytes([a]) for c, a in ((0, 3), (1, 2), (2, 1)))
content = data[at + 8:at + length].replace(b"\0\0\0\x11", b"\0\0\0\x10")
header = box(b"jp2h", content + box(b"pclr", colours) + box(b"cmap", channels) + box(b"cdef", order))
text = box(b"xml ", b"<about>a palette</about>")
open("palette.jp2", "wb").write(data[:at] + header + text + data[at + length:])
expanded = np.stack([table[:, i][np.minimum(indices[0], 15)] for i in range(3)]).astype("uint16")
say("palette.jp2", 0, expanded, "Blue,Green,Red")
# A palette for one component beside another that is what it is. OpenJPEG expects as many mappings as
# columns, and cannot be asked.
pair = np.stack([indices[0] % 7, random.integers(0, 256, (91, 117))]).astype("uint8")
pair.tofile("in.rawl")
run("opj_compress", "-i", "in.rawl", "-o", "pair.jp2", "-F", "117,91,2,8,u", "-n", "1")
data = open("pair.jp2", "rb").read()
at = data.index(b"jp2h") - 4
length = int.from_bytes(data[at:at + 4], "big")
table = random.integers(0, 256, (7, 3))
colours = b"\x00\x07\x03" + bytes([7] * 3) + bytes(int(v) for v in table.flat)
channels = b"".join(b"\x00\x00\x01" + bytes([i]) for i in (2, 0, 1)) + b"\x00\x01\x00\x00"
order = b"\x00\x04" + b"".join(b"\x00" + bytes([c]) + b"\x00" + bytes([kind]) + b"\x00" + bytes([a])
                               for c, kind, a in ((0, 0, 3), (1, 0, 1), (2, 0, 2), (3, 1, 0)))
content = data[at + 8:at + length]
space = content.index(b"colr") + 7
content = content[:space] + b"\0\0\0\x10" + content[space + 4:]
header = box(b"jp2h", content + box(b"pclr", colours) + box(b"cmap", channels) + box(b"cdef", order))
open("palette-alpha.jp2", "wb").write(data[:at] + header + data[at + length:])
mapped = np.stack([table[:, i][pair[0]] for i in (2, 0, 1)] + [pair[1]]).astype("uint8")
say("palette-alpha.jp2", 0, mapped, "Blue,Red,Green,Alpha")


# Texts: of XML boxes, of labelled ones, and those that a GeoJP2 box holds.
def meta(name, key, text):
    print(name, key, text, sep="\t", file=manifest)


gdal_file("gdal-texts.jp2", picture(64, 50, 1, 8, False).astype("uint8"), exact + ["WRITE_METADATA=YES", "GMLJP2=NO"],
          "Gray", texts={"AREA_OR_POINT": "Area", "SOMEBODY": "was here"})
meta("gdal-texts.jp2", "xml:BOX_0", "<boxed/>")
meta("gdal-texts.jp2", "xml:XMP", "<xmp/>")
meta("gdal-texts.jp2", "ModelPixelScale", "2,2,0")
meta("gdal-texts.jp2", "ModelTiepoint", "0,0,0,500000,4000000,0")
meta("palette.jp2", "xml:BOX_0", "<about>a palette</about>")
manifest.close()
