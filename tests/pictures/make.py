"""Writes PNG and JPEG files with GDAL's encoders and with a writer of its own for what GDAL does not
write, and says what GDAL reads from them: make.py <directory>."""

import struct
import zlib

import jpegs
import jpegs_by_libjpeg
import numpy as np
from osgeo import gdal
from rasters import NAMES, expect, expect_gdal, manifest, random, samples, say

GRAY, RGB, PALETTE, GRAY_ALPHA, RGBA = 0, 2, 3, 4, 6
CHANNELS = {GRAY: 1, RGB: 3, PALETTE: 1, GRAY_ALPHA: 2, RGBA: 4}
PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def filtered(rows, step):
    """Rows of bytes, each by another of the five filters."""
    out, above = b"", np.zeros(len(rows[0]), np.int64)
    for i, row in enumerate(rows):
        row = np.frombuffer(row, np.uint8).astype(np.int64)
        left = np.concatenate([np.zeros(step, np.int64), row])[:len(row)]
        corner = np.concatenate([np.zeros(step, np.int64), above])[:len(row)]
        near = left + above - corner
        a, b, c = abs(near - left), abs(near - above), abs(near - corner)
        paeth = np.where((a <= b) & (a <= c), left, np.where(b <= c, above, corner))
        guess = [0, left, above, (left + above) // 2, paeth][i % 5]
        out += bytes([i % 5]) + ((row - guess) % 256).astype(np.uint8).tobytes()
        above = row
    return out


def packed(pixels, bits):
    """Rows of bytes of an array of rows, pixels and channels."""
    height, width, channels = pixels.shape
    if bits == 16:
        return [row.astype(">u2").tobytes() for row in pixels]
    if bits == 8:
        return [row.astype("u1").tobytes() for row in pixels]
    fields = (pixels.reshape(height, -1, 1) >> np.arange(bits - 1, -1, -1)) & 1
    return [np.packbits(row.reshape(-1).astype("u1")).tobytes() for row in fields]


def png(name, data, colour, bits, interlaced=False, before=(), pieces=1, after=()):
    """A file of bands, rows and pixels, as the standard says it, with chunks before and after the pixels."""
    pixels = np.moveaxis(data, 0, -1)
    height, width, channels = pixels.shape
    assert channels == CHANNELS[colour]
    step = max(channels * bits // 8, 1)
    parts = [pixels]
    if interlaced:
        parts = [pixels[y::down, x::across] for x, y, across, down in PASSES]
    raw = b"".join(filtered(packed(part, bits), step) for part in parts if part.size)
    stream = zlib.compress(raw, 6)
    size = -(-len(stream) // pieces)
    with open(name, "wb") as out:
        out.write(b"\x89PNG\r\n\x1a\n")
        out.write(chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlaced)))
        for kind, content in before:
            out.write(chunk(kind, content))
        for at in range(0, len(stream), size):
            out.write(chunk(b"IDAT", stream[at:at + size]))
        for kind, content in after:
            out.write(chunk(kind, content))
        out.write(chunk(b"IEND", b""))


def described(name, colours, bits, nodata="none"):
    say(name, "describe", colours, bits, nodata)


COLOURS = {
    GRAY: "Gray", RGB: "Red,Green,Blue", PALETTE: "Palette", GRAY_ALPHA: "Gray,Alpha",
    RGBA: "Red,Green,Blue,Alpha",
}


def png_kinds():
    table = random.integers(0, 256, (256, 3)).astype("u1")
    for colour, depths in ((GRAY, (1, 2, 4, 8, 16)), (RGB, (8, 16)), (PALETTE, (1, 2, 4, 8)),
                           (GRAY_ALPHA, (8, 16)), (RGBA, (8, 16))):
        for bits in depths:
            for width, height in ((1, 1), (7, 5), (33, 130), (301, 77)):
                for interlaced in (False, True):
                    name = f"png-{colour}-{bits}-{width}-{int(interlaced)}.png"
                    data = random.integers(0, 1 << bits, (CHANNELS[colour], height, width))
                    if width > 100:
                        data = np.where(random.random((1, 1, width)) < 0.5, data[:, :, :1], data)
                    before = [(b"PLTE", table[:1 << bits].tobytes())] if colour == PALETTE else []
                    png(name, data, colour, bits, interlaced, before, pieces=1 + width % 3)
                    if interlaced and bits == 16:
                        # GDAL 3.6 leaves these in the byte order of the file.
                        expect(name, 0, "pixels", 0, data.shape, "u16", data.astype("u2").tobytes())
                    else:
                        expect_gdal(name)
                        read = gdal.Open(name).ReadAsArray().reshape(data.shape)
                        assert (read == data).all(), name
                    described(name, COLOURS[colour], bits)


def png_by_gdal():
    for dtype in ("u8", "u16"):
        for bands in (1, 2, 3, 4):
            name = f"gdal-{dtype}-{bands}.png"
            copy(name, "PNG", samples(dtype, bands, 201, 147), [])
            expect_gdal(name)
    copy("gdal-text.png", "PNG", samples("u8", 1, 20, 30), ["TITLE=A title", "DESCRIPTION=What it is", "COMMENT=a comment"])
    expect_gdal("gdal-text.png")
    for key, value in (("Title", "A title"), ("Description", "What it is"), ("Comment", "a comment")):
        say("gdal-text.png", "meta", key, value)
    copy("gdal-nodata.png", "PNG", samples("u16", 1, 20, 30), [], nodata=517)
    expect_gdal("gdal-nodata.png")
    described("gdal-nodata.png", "Gray", 16, "517")


def png_chunks():
    data = random.integers(0, 256, (3, 20, 30))
    png("rgb-transparent.png", data, RGB, 8, before=[(b"tRNS", struct.pack(">HHH", 1, 200, 30))])
    described("rgb-transparent.png", "Red,Green,Blue", 8, "1,200,30")
    png("rgb16-transparent.png", data * 256 + 7, RGB, 16, before=[(b"tRNS", struct.pack(">HHH", 1, 60000, 30))])
    described("rgb16-transparent.png", "Red,Green,Blue", 16, "1,60000,30")
    png("gray4-transparent.png", data[:1] % 16, GRAY, 4, before=[(b"tRNS", struct.pack(">H", 9))])
    expect_gdal("gray4-transparent.png")
    described("gray4-transparent.png", "Gray", 4, "9")
    indices = data[:1] % 4
    palette = (b"PLTE", bytes(range(10, 22)))
    png("index-transparent.png", indices, PALETTE, 2, before=[palette, (b"tRNS", bytes([255, 0]))])
    described("index-transparent.png", "Palette", 2, "1")
    say("index-transparent.png", "meta", "PNG_PLTE", "10,11,12,255/13,14,15,0/16,17,18,255/19,20,21,255/")
    png("index-half.png", indices, PALETTE, 2, before=[palette, (b"tRNS", bytes([255, 128, 0]))])
    described("index-half.png", "Palette", 2, "2")
    png("index-clear.png", indices, PALETTE, 2, before=[palette, (b"tRNS", bytes([0, 255, 0]))])
    described("index-clear.png", "Palette", 2)
    for name, nodata in (("index-transparent.png", 1), ("index-half.png", 2), ("index-clear.png", None)):
        dataset = gdal.Open(name)
        assert dataset.GetRasterBand(1).GetNoDataValue() == nodata, name
    png("index-opaque.png", indices, PALETTE, 8, before=[palette])
    say("index-opaque.png", "meta", "PNG_PLTE", "10,11,12/13,14,15/16,17,18/19,20,21/")
    exif = b"II\x2a\0\x08\0\0\0\2\0" + struct.pack("<HHI4s", 271, 2, 4, b"Gus\0") + struct.pack("<HHII", 274, 3, 1, 6) + b"\0\0\0\0"
    png("chunks.png", data, RGB, 8, before=[
        (b"gAMA", struct.pack(">I", 45455)), (b"pHYs", struct.pack(">IIB", 3000, 4000, 1)),
        (b"sRGB", b"\1"), (b"tEXt", b"Creation Time\0caf\xe9"), (b"zTXt", b"Long\0\0" + zlib.compress(b"text " * 100)),
        (b"iTXt", b"Unicode\0\0\0de\0Name\0" + "Größe".encode()),
        (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(b"<x/>")),
        (b"iTXt", b"Broken\0\1\0\0\0" + b"no stream"), (b"eXIf", exif), (b"teSt", b"unknown"),
    ])
    expect_gdal("chunks.png")
    for name, text in (("PNG_gAMA", "0.45455"), ("PNG_pHYs", "3000,4000 (pixels/m)"), ("PNG_sRGB", "1"),
                       ("Creation_Time", "café"), ("Long", "text " * 100), ("Unicode", "Größe"), ("xml:XMP", "<x/>"),
                       ("EXIF_MAKE", "Gus"), ("EXIF_ORIENTATION", "6")):
        say("chunks.png", "meta", name, text)


def animations():
    """Of an animation the image is read, whether it is the first frame (APNG, fcTL before IDAT) or none of them."""
    data, other = random.integers(0, 256, (2, 3, 20, 30))

    def frame(number, width, height):
        return b"fcTL", struct.pack(">IIIIIHHBB", number, width, height, 0, 0, 1, 10, 0, 0)

    part = np.moveaxis(other, 0, -1)[:9, :11]
    stream = zlib.compress(b"".join(b"\0" + row for row in packed(part, 8)))
    for name, first in (("animation.png", 1), ("animation-apart.png", 0)):
        before = [(b"acTL", struct.pack(">II", 1 + first, 0))] + [frame(0, 30, 20)] * first
        png(name, data, RGB, 8, before=before, pieces=2,
            after=[frame(first, 11, 9), (b"fdAT", struct.pack(">I", first + 1) + stream)])
        expect(name, 0, "pixels", 0, data.shape, "u8", data.astype("u1").tobytes())
        described(name, "Red,Green,Blue", 8)


def copy(name, driver, data, options, nodata=None, metadata=None, colours=None):
    bands, height, width = data.shape
    kind = {"uint8": gdal.GDT_Byte, "uint16": gdal.GDT_UInt16}[data.dtype.name]
    source = gdal.GetDriverByName("MEM").Create("", width, height, bands, kind)
    for i in range(bands):
        source.GetRasterBand(i + 1).WriteArray(data[i])
        if nodata is not None:
            source.GetRasterBand(i + 1).SetNoDataValue(nodata)
        if colours:
            source.GetRasterBand(i + 1).SetColorInterpretation(colours[i])
    source.SetMetadata(metadata or {})
    gdal.GetDriverByName(driver).CreateCopy(name, source, options=options)


def smooth(bands, height, width):
    y, x = np.mgrid[0:height, 0:width]
    planes = [np.sin(x / (9 + band)) * 60 + np.cos(y / (13 + 2 * band)) * 60 + 128 for band in range(bands)]
    return (np.stack(planes) + random.integers(-6, 7, (bands, height, width))).astype("uint8")


def jpegs_by_gdal():
    inks = [gdal.GCI_CyanBand, gdal.GCI_MagentaBand, gdal.GCI_YellowBand, gdal.GCI_BlackBand]
    for bands in (1, 3, 4):
        for width, height in ((1, 1), (8, 16), (33, 130), (301, 77)):
            for options in (["QUALITY=95"], ["PROGRESSIVE=YES"], ["QUALITY=100"]):
                name = f"jpeg-{bands}-{width}-{options[0].replace('=', '')}.jpg"
                copy(name, "JPEG", smooth(bands, height, width), options, colours=inks if bands == 4 else None)
                expect_gdal(name)
                described(name, "Gray" if bands == 1 else "Red,Green,Blue", 8)
    whole = open("jpeg-3-301-QUALITY95.jpg", "rb").read()
    assert whole[2:4] == b"\xff\xe0"
    behind = 4 + int.from_bytes(whole[4:6], "big")
    jfif, rest = whole[2:behind], whole[behind:]

    def adobe(transform):
        return b"\xff\xee\x00\x0eAdobe\x00\x64\0\0\0\0" + bytes([transform])

    # The same samples, said to be of other colours; libjpeg is the judge of what they are.
    for name, head in (("adobe-rgb", adobe(0)), ("adobe-ycc", adobe(1)), ("adobe-unknown", adobe(7)), ("bare", b""),
                       ("jfif-adobe-rgb", jfif + adobe(0)), ("adobe-jfif", adobe(0) + jfif)):
        open(f"space-{name}.jpg", "wb").write(whole[:2] + head + rest)
        expect_gdal(f"space-{name}.jpg")
    frame = rest.index(b"\xff\xc0")
    scan = rest.index(b"\xff\xda")
    letters = bytearray(rest)
    for i, letter in enumerate(b"RGB"):
        letters[frame + 10 + 3 * i] = letters[scan + 5 + 2 * i] = letter
    open("space-letters.jpg", "wb").write(whole[:2] + bytes(letters))
    expect_gdal("space-letters.jpg")
    say("space-letters.jpg", "meta", "SOURCE_COLOR_SPACE", "RGB")
    inks = open("jpeg-4-301-QUALITY95.jpg", "rb").read()
    assert b"Adobe" not in inks
    say("jpeg-4-301-QUALITY95.jpg", "meta", "SOURCE_COLOR_SPACE", "CMYK")
    for name, transform in (("CMYK", 0), ("YCCK", 2)):
        open(f"space-{name}.jpg", "wb").write(inks[:2] + adobe(transform) + inks[2:])
        expect_gdal(f"space-{name}.jpg")
        say(f"space-{name}.jpg", "meta", "SOURCE_COLOR_SPACE", name)
    copy("gdal-said.jpg", "JPEG", smooth(3, 30, 40), ["COMMENT=what it is"],
         metadata={"EXIF_Make": "Gus", "EXIF_Orientation": "6"})
    expect_gdal("gdal-said.jpg")
    for name, text in (("COMMENT", "what it is"), ("EXIF_MAKE", "Gus"), ("EXIF_ORIENTATION", "6"), ("SOURCE_COLOR_SPACE", "YCbCr")):
        say("gdal-said.jpg", "meta", name, text)
    xmp = b"http://ns.adobe.com/xap/1.0/\0<x/>"
    profile = b"ICC_PROFILE\0\1\1" + bytes(100)
    more = b"".join(b"\xff" + kind + (len(body) + 2).to_bytes(2, "big") + body for kind, body in ((b"\xe1", xmp), (b"\xe2", profile)))
    open("segments.jpg", "wb").write(whole[:behind] + b"\xff\xff" + more + rest + b"behind" * 100)
    expect_gdal("segments.jpg")
    say("segments.jpg", "meta", "xml:XMP", "<x/>")
    say("segments.jpg", "meta", "JPEG_ICC", "100 bytes")
    # Bytes between segments, which libjpeg skips: also some that look like the beginning of a marker.
    for name, place, junk in (("behind", behind, bytes(17)), ("first", frame + behind, b"\xff\0junk\xff\0")):
        open(f"junk-{name}.jpg", "wb").write(whole[:place] + junk + whole[place:])
        expect_gdal(f"junk-{name}.jpg")
        text = f"{len(junk)} bytes between the segments before the pixels belong to none"
        say(f"junk-{name}.jpg", "meta", "TC:WARNING:1", text)
    open("junk-arithmetic.jpg", "wb").write(whole[:behind] + bytes(5) + rest.replace(b"\xff\xc0", b"\xff\xc9"))
    say("junk-arithmetic.jpg", "hostile", "Unsupported", "arithmetic")
    open("junk-only.jpg", "wb").write(whole[:behind] + bytes(2 << 20) + rest)
    say("junk-only.jpg", "hostile", "Corrupt", "belong to none")
    for name, kind, says, at, value in (
        ("bits", "Unsupported", "10 bits", frame + 4, 10), ("arithmetic", "Unsupported", "arithmetic", frame + 1, 0xc9),
        ("predicted", "Unsupported", "color conversion", frame + 1, 0xc3), ("lossless", "Unsupported", "lossless", frame + 1, 0xcb), ("hierarchical", "Unsupported", "hierarchical", frame + 1, 0xc5),
        ("no-width", "Corrupt", "0 x 77", frame + 7, None), ("components", "Corrupt", "components", frame + 9, 2),
        ("length", "Corrupt", "segment at byte", frame + 3, 1), ("no-frame", "Corrupt", "SOF", frame + 1, 0xfe),
    ):
        damaged = bytearray(rest)
        if value is None:
            damaged[at] = damaged[at + 1] = 0
        else:
            damaged[at] = value
        open(f"hostile-{name}.jpg", "wb").write(whole[:behind] + bytes(damaged))
        say(f"hostile-{name}.jpg", "hostile", kind, says)
    frame += behind
    bomb = bytearray(whole)
    bomb[frame + 5:frame + 9] = b"\xff\xff\xff\xff"
    open("hostile-bomb.jpg", "wb").write(bomb)
    say("hostile-bomb.jpg", "hostile", "Corrupt", "cannot hold")
    open("hostile-huge.jpg", "wb").write(bytes(bomb) + bytes(4 << 20))
    say("hostile-huge.jpg", "hostile", "Limit", "65535 x 65535")
    open("hostile-short.jpg", "wb").write(whole[:frame + 3])
    say("hostile-short.jpg", "hostile", "Corrupt", "ends too early")
    open("hostile-end.jpg", "wb").write(whole[:behind] + b"\xff\xd9")
    say("hostile-end.jpg", "hostile", "Corrupt", "before its pixels")


def other_jpegs():
    """Lossless files and such of 12 bits, which GDAL 3.6 does not read: what was put in is expected."""
    adobe = jpegs.segment(0xEE, b"Adobe" + bytes(7))

    def kept(name, stream, pixels, colours, bits, tolerance=0):
        with open(name, "wb") as out:
            out.write(stream)
        expect(name, 0, "pixels", 0, pixels.shape, NAMES[pixels.dtype.name], pixels.tobytes(), tolerance)
        described(name, colours, bits)

    for bits in (2, 7, 8, 9, 12, 13, 16):
        dtype = np.uint16 if bits > 8 else np.uint8
        for bands, colours in ((1, "Gray"), (3, "Red,Green,Blue")):
            for predictor in (1, 4) if bits in (8, 12) else (bits % 7 + 1,):
                for width, height in ((1, 1), (37, 21)):
                    pixels = random.integers(0, 1 << bits, (bands, height, width)).astype(dtype)
                    pixels[:, :, ::3] = pixels[:, :, :1]
                    name = f"lossless-{bits}-{bands}-{predictor}-{width}.jpg"
                    stream = jpegs.lossless(pixels, bits, predictor, apart=width > 1 and bits in (8, 13))
                    kept(name, stream, pixels, colours, bits)
    for width, height in ((1, 1), (8, 8), (61, 43)):
        pixels = smooth(3, height, width).astype(np.uint16) * 16 + 7
        stream, exact = jpegs.transformed(pixels[:1])
        kept(f"bits12-1-{width}.jpg", stream, jpegs.samples_of(exact, 12), "Gray", 12, 1)
        stream, exact = jpegs.transformed(pixels, extra=adobe)
        kept(f"bits12-3-{width}.jpg", stream, jpegs.samples_of(exact, 12), "Red,Green,Blue", 12, 1)
        # Luma and chroma: the rounding of three samples adds up.
        stream, exact = jpegs.transformed(pixels)
        luma, blue, red = jpegs.samples_of(exact, 12).astype(float)
        blue, red = blue - 2048, red - 2048
        colours = np.stack([luma + 1.402 * red, luma - 0.344136 * blue - 0.714136 * red, luma + 1.772 * blue])
        kept(f"bits12-ycc-{width}.jpg", stream, jpegs.samples_of(colours, 12), "Red,Green,Blue", 12, 3)
    # Four inks, as brightness.
    for bits, dtype in ((8, np.uint8), (12, np.uint16)):
        inks = random.integers(0, 1 << bits, (4, 9, 14)).astype(dtype)
        shown = (inks[:3].astype(np.uint32) * inks[3] // ((1 << bits) - 1)).astype(dtype)
        kept(f"lossless-inks-{bits}.jpg", jpegs.lossless(inks, bits, 2), shown, "Red,Green,Blue", bits)
    pixels = random.integers(0, 1 << 12, (1, 40, 30)).astype(np.uint16)
    for name, whole in (("predicted", jpegs.lossless(pixels, 12)), ("twelve", jpegs.transformed(pixels)[0])):
        for part in (5, 9):
            for end in (b"", b"\xff\xd9"):
                if part == 9 and end and name == "twelve":
                    continue
                hostile = f"hostile-{name}-{part}-{len(end)}.jpg"
                with open(hostile, "wb") as out:
                    out.write(whole[:len(whole) * part // 10] + end)
                say(hostile, "hostile", "Corrupt", "the pixels end in or behind row")
    # The end of the last row is missing, which no block fills up.
    with open("hostile-predicted-row.jpg", "wb") as out:
        out.write(jpegs.lossless(pixels, 12)[:-14] + b"\xff\xd9")
    say("hostile-predicted-row.jpg", "hostile", "Corrupt", "behind row 39 of 40")
    # Luma and chroma that no reader makes colours of.
    jfif = jpegs.segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
    with open("hostile-predicted-colours.jpg", "wb") as out:
        out.write(jpegs.lossless(np.repeat(pixels, 3, 0), 12, extra=jfif))
    say("hostile-predicted-colours.jpg", "hostile", "Unsupported", "color conversion")


def hostile_pngs():
    data = random.integers(0, 256, (1, 20, 30))
    png("base.png", data, GRAY, 8)
    whole = open("base.png", "rb").read()

    def header(*fields):
        return whole[:8] + chunk(b"IHDR", struct.pack(">IIBBBBB", *fields)) + whole[33:]

    for name, kind, says, content in (
        ("bomb", "Corrupt", "cannot hold", header(60000, 60000, 8, RGB, 0, 0, 0)),
        ("sides", "Limit", "row", header(0x7fffffff, 0x7fffffff, 8, GRAY, 0, 0, 0)),
        ("huge", "Limit", "40000 x 40000", header(40000, 40000, 16, RGBA, 0, 0, 0) + bytes(13 << 20)),
        ("row", "Limit", "row", header(0x7fffffff, 1, 8, GRAY, 0, 0, 0) + bytes(3 << 20)),
        ("no-width", "Corrupt", "before byte", header(0, 20, 8, GRAY, 0, 0, 0)),
        ("depth", "Corrupt", "before byte", header(30, 20, 3, GRAY, 0, 0, 0)),
        ("colour", "Corrupt", "before byte", header(30, 20, 8, 5, 0, 0, 0)),
        ("no-palette", "Corrupt", "PLTE", header(30, 20, 8, PALETTE, 0, 0, 0)),
        ("rows", "Corrupt", "row 20", header(30, 21, 8, GRAY, 0, 0, 0)),
        ("deflate", "Corrupt", "row 0", whole[:33] + chunk(b"IDAT", b"\x78\x9cnonsense") + chunk(b"IEND", b"")),
        ("no-pixels", "Corrupt", "before byte", whole[:33] + chunk(b"IEND", b"")),
        ("cut", "Corrupt", "ends too early", whole[:-30]),
        ("sum", "Corrupt", "while decoding IDAT chunk", whole[:-13] + bytes([whole[-13] ^ 1]) + whole[-12:]),
    ):
        open(f"hostile-{name}.png", "wb").write(content)
        say(f"hostile-{name}.png", "hostile", kind, says)


png_kinds()
png_by_gdal()
png_chunks()
jpegs_by_gdal()
other_jpegs()
jpegs_by_libjpeg.make(smooth)
hostile_pngs()
animations()
manifest.close()
