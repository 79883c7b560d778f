"""Makes NITF files with GDAL and with the writer beside this script, and says what they contain.

Usage: make.py DIRECTORY. Lines of DIRECTORY/manifest, with tabs between the words:
    file pixels image width height bands type tolerance raw
    file describe image bits pad nodata colours blockwidth blockheight
    file count n
    file meta image band name value
    file absent image row col
    file error image kind text
    file complex image type raw behind: one complex band, and the image behind that shows the two
Known pixels of the writer's files are compared here with what GDAL reads, where GDAL reads such
files rightly; a difference is an error of the test.
"""

import os
import struct
import subprocess
import sys

sys.dont_write_bytecode = True
import numpy as np
from osgeo import gdal

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import jpegs
from writer import image, mask_table, nitf, overflow_segment, segment, tre, xml_segment

gdal.UseExceptions()
gdal.PushErrorHandler("CPLQuietErrorHandler")
os.chdir(sys.argv[1])
manifest = open("manifest", "w")
random = np.random.default_rng(11)
NAMES = {
    "uint8": "u8", "int8": "i8", "uint16": "u16", "int16": "i16", "uint32": "u32", "int32": "i32",
    "uint64": "u64", "int64": "i64", "float32": "f32", "float64": "f64", "complex64": "cf32",
}
agreed = set()
disagreed = set()


def say(*words):
    print(*words, sep="\t", file=manifest)


def expect(name, index, pixels, tolerance=0):
    raw = f"{name}.{index}.raw"
    np.ascontiguousarray(pixels).tofile(raw)
    bands, height, width = pixels.shape
    say(name, "pixels", index, width, height, bands, NAMES[pixels.dtype.name], tolerance, raw)


def gdal_pixels(name, index=0, count=1):
    dataset = gdal.Open(name if count == 1 else f"NITF_IM:{index}:{name}")
    pixels = dataset.ReadAsArray()
    return pixels[None] if pixels.ndim == 2 else pixels


def gdal_agrees(name, pixels, kind):
    """Notes whether GDAL reads the same, by kind of file."""
    try:
        read = gdal_pixels(name)
        same = read.shape == pixels.shape and np.array_equal(
            read.astype(pixels.dtype).view(np.uint8), pixels.view(np.uint8))
    except RuntimeError:
        same = False
    (agreed if same else disagreed).add(kind)


def samples(bands, height, width, pvtype, bits):
    shape = (bands, height, width)
    if pvtype == "R":
        return random.normal(size=shape).astype(np.float32 if bits == 32 else np.float64)
    if pvtype == "C":
        return (random.normal(size=shape) + 1j * random.normal(size=shape)).astype(np.complex64)
    size = next(size for size in (8, 16, 32, 64) if bits <= size)
    raw = random.integers(0, 1 << 64, shape, np.uint64)
    if pvtype == "SI":
        return (raw.view(np.int64) >> (64 - bits)).astype(f"i{size // 8}")
    return (raw >> np.uint64(64 - bits)).astype(f"u{size // 8}")


def every_kind():
    """All types and widths in all orders, plain and masked, with edges that are not full."""
    kinds = [("INT", bits) for bits in
             (1, 2, 3, 4, 5, 7, 8, 9, 11, 12, 14, 16, 17, 24, 31, 32, 33, 48, 57, 58, 63, 64)]
    kinds += [("SI", bits) for bits in (5, 8, 12, 16, 27, 32, 64)]
    kinds += [("R", 32), ("R", 64), ("C", 64), ("B", 1)]
    # The remaining widths, each in one order.
    all_orders = len(kinds)
    kinds += [(pvtype, bits) for pvtype in ("INT", "SI") for bits in range(1 + (pvtype == "SI"), 65)
              if (pvtype, bits) not in kinds]
    width, height, block = 61, 43, (23, 18)
    for number, (pvtype, bits) in enumerate(kinds):
        for imode in "BPRS":
            for masked in (False, True):
                only = "BPRS"[number // 2 % 4], number % 2 == 0
                if number >= all_orders and (imode, masked) != only:
                    continue
                bands = (1, 2, 3, 5)[(number + masked + "BPRS".index(imode)) % 4]
                if (pvtype, bits) in (("INT", 8), ("INT", 11)):
                    bands = 3 + 9 * (bits == 11)
                pixels = samples(bands, height, width, pvtype, bits)
                name = f"{pvtype}{bits}-{imode}-{'NM' if masked else 'NC'}.ntf"
                more = {}
                if masked:
                    grid = (3, 3)
                    entries = grid[0] * grid[1] * (bands if imode == "S" else 1)
                    absent = set(random.choice(entries, entries // 3, False).tolist())
                    # One block that no band has, in every order.
                    absent |= {4 + 9 * band for band in range(entries // 9)}
                    pad_value, pad = 0, None
                    if pvtype in ("INT", "SI", "B") and bits <= 32 and number % 2 == 0:
                        pad_value = min((1 << bits) - 1, 77) if pvtype != "SI" else -3
                        pad = (pad_value & (1 << bits) - 1, bits)
                    for entry in absent:
                        row, col = divmod(entry % 9, 3)
                        which = slice(entry // 9, entry // 9 + 1) if imode == "S" else slice(None)
                        pixels[which, row * 18:row * 18 + 18, col * 23:col * 23 + 23] = pad_value
                    more = dict(absent=absent, pad=pad, pad_mask=number % 3 == 0, gap=number % 4)
                    say(name, "absent", 0, 1, 1)
                    nodata = pad_value if pad else "none"
                    colours = ",".join(["Undefined"] * bands)
                    said = 32 if pvtype == "C" else bits
                    say(name, "describe", 0, said, pad_value, nodata, colours, *block)
                nitf(name, [image(pixels, bits, block, pvtype=pvtype, imode=imode, seed=number,
                                  **more)])
                expect(name, 0, pixels)
                gdal_agrees(name, pixels, (pvtype, bits, imode if bands > 1 else "B", masked))
    # The rest has the known pixels alone: GDAL 3.6 takes a table for B and R to have entries for
    # every band, has no other widths than these, and finds packed blocks only by a table.
    words = [("INT", 8), ("INT", 16), ("INT", 32), ("SI", 16), ("SI", 32), ("R", 32), ("R", 64),
             ("C", 64)]
    wanted = {(pvtype, bits, imode, masked) for pvtype, bits in words
              for imode in "BPRS" for masked in (False, True) if not (masked and imode in "BR")}
    wanted |= {("INT", bits, "S", True) for bits in (2, 4, 7)}
    missing = sorted(kind for kind in wanted if kind in disagreed)
    assert not missing, f"GDAL differs: {missing}"
    assert len(agreed) > 40, agreed


def packed_by_gdal():
    """The order of bits within one block, which GDAL reads without a table."""
    for bits in (1, 2, 4, 5, 7, 12):
        # An odd width, but for 12 bits, of which GDAL reads every row from a whole byte on.
        pixels = samples(1, 13, 38 if bits == 12 else 37, "INT", bits)
        name = f"packed-{bits}.ntf"
        nitf(name, [image(pixels, bits)])
        expect(name, 0, pixels)
        read = gdal_pixels(name)
        if bits == 12:
            # GDAL takes the first eight bits for the low ones.
            read = read >> 8 | (read & 0xff) << 4
        assert np.array_equal(read, pixels), name


def shapes():
    """Blocks and grids of unusual sizes."""
    def one(name, pixels, bits, block, grid=None, **more):
        nitf(name, [image(pixels, bits, block, grid, **more)])
        expect(name, 0, pixels)
        read = gdal_pixels(name)
        assert np.array_equal(read, pixels), name

    wide = samples(2, 12, 9001, "INT", 8)
    one("wide.ntf", wide, 8, (9001, 5))
    one("wide-P.ntf", wide, 8, (9001, 12), imode="P")
    tall = samples(1, 9100, 7, "SI", 16)
    one("tall.ntf", tall, 16, (4, 9100), pvtype="SI")
    small = samples(3, 30, 40, "INT", 16)
    for imode in "BPR":
        one(f"oversized-{imode}.ntf", small, 16, (64, 64), imode=imode)
    one("whole-S.ntf", small, 16, (40, 30), imode="S")
    one("more-blocks.ntf", small, 16, (16, 16), (5, 3), imode="P")
    one("tiny.ntf", samples(1, 1, 1, "INT", 8), 8, (1, 1))
    many = samples(130, 9, 33, "INT", 8)
    for imode in "BPRS":
        one(f"many-{imode}.ntf", many, 8, (16, 8), imode=imode)
    # Rows so long that bands and parts of rows are read apart.
    long = samples(6, 3, 17000, "INT", 16)
    for imode in "BPR":
        one(f"long-{imode}.ntf", long, 16, (17000, 3), imode=imode)
    # All blocks present, in another order than that of the image; a table without offsets.
    for offsets in (False, True):
        pixels = samples(3, 43, 61, "INT", 8)
        name = f"table-{int(offsets)}.ntf"
        nitf(name, [image(pixels, 8, (23, 18), absent=set(), offsets=offsets, pad=(5, 8),
                          pad_mask=True, imode="P")])
        expect(name, 0, pixels)


def described():
    """Several segments, with all that is said of them."""
    lut = [list(range(0, 16)), list(range(16, 32)), list(range(32, 48))]
    indices = samples(1, 20, 30, "INT", 4)
    rgb = samples(3, 25, 35, "INT", 8)
    eleven = samples(1, 20, 20, "INT", 11)
    segments = [
        image(indices, 4, (16, 16), irep="RGB/LUT", irepband=["LU"], luts={0: lut},
              iid1="palette"),
        image(rgb, 8, (16, 16), irep="RGB", irepband=["R", "G", "B"], imode="P", icords="G",
              comments=["first line", "second line"], overflow=1,
              tres=tre("USE00A", b"plain text") + tre("BINARY", b"\x00\x01")
              + tre("USE00A", b"again")),
        image(eleven, 16, abpp=11, irep="MONO", irepband=["M"], icat="MS"),
        image((eleven << 5).astype(np.uint16), 16, abpp=11, pjust="L", irep="MONO",
              absent=set(), pad=(0x7e0, 11)),
        image(rgb, 8, irep="MULTI", ic="C4"),
    ]
    name = "described.ntf"
    nitf(name, segments, [overflow_segment(tre("FAR00A", b"far away"))], "NSIF01.00",
         tre("FILE0A", b"of the file"))
    say(name, "count", 5)
    expect(name, 0, indices)
    expect(name, 1, rgb)
    expect(name, 2, eleven)
    expect(name, 3, (eleven << 5).astype(np.uint16))
    say(name, "error", 4, "Unsupported", "C4")
    say(name, "error", 5, "NotFound", "5")
    say(name, "describe", 0, 4, 0, "none", "Palette", 16, 16)
    say(name, "describe", 1, 8, 0, "none", "Red,Green,Blue", 16, 16)
    say(name, "describe", 2, 11, 0, "none", "Gray", 20, 20)
    say(name, "describe", 3, 11, 0x7e0, 0x7e0, "Gray", 20, 20)
    six = samples(1, 20, 20, "INT", 6)
    for nbpp in (8, 16):
        for pjust in "LR":
            stored = (six.astype(f"u{nbpp // 8}") << (nbpp - 6 if pjust == "L" else 0)).astype(f"u{nbpp // 8}")
            six_name = f"six-{nbpp}-{pjust}.ntf"
            nitf(six_name, [image(stored, nbpp, abpp=6, pjust=pjust, irep="MONO")])
            expect(six_name, 0, stored)
            say(six_name, "describe", 0, 6, 0, "none", "Gray", 20, 20)
            say(six_name, "meta", 0, "", "NITF_PJUST", pjust)
    for band, key, value in [
        ("", "FTITLE", "a title"), ("", "FHDR", "NSIF01.00"), ("", "IID1", "seg"),
        ("", "IID2", "second name"), ("", "ICAT", "VIS"), ("", "FBKGC", "1,20,255"),
        ("", "IGEOLO", "x" * 60), ("", "IMODE", "P"), ("", "IC", "NC"),
        ("", "IMAGE_COMMENTS", "first line".ljust(80) + "second line"),
        ("", "TRE_USE00A", "plain text"), ("", "TRE_USE00A_2", "again"),
        ("", "TRE_FAR00A", "far away"), ("", "TRE_FILE0A", "of the file"),
        ("1", "IREPBAND", "G"), ("2", "ISUBCAT", "SUB2"),
    ]:
        say(name, "meta", 1, band, f"NITF_{key}", value)
    say(name, "meta", 2, "", "NITF_ICAT", "MS")


def wavelengths():
    """An image whose bands are told by their wavelengths, among fields of other kinds."""
    middles = ["0.48000", "0.54500", "-------", "0.66000"]
    mask = 1 << 31 | 1 << 28 | 1 << 24 | 1 << 23 | 1 << 18
    data = b"00004" + b"REFLECTANCE".ljust(24) + b"N" + struct.pack(">ff", 1, 0)
    data += (b"0001.00" + b"M") * 4 + b" " * 48 + struct.pack(">I", mask)
    data += b" " * 24 + struct.pack(">f", 0) + b"U"
    for middle in middles:
        data += b"band".ljust(50) + middle.encode() + b"0.05000" + struct.pack(">ff", 1, 0)
    pixels = samples(4, 20, 30, "INT", 11)
    name = "wavelengths.ntf"
    nitf(name, [image(pixels, 16, abpp=11, icat="MS", tres=tre("BANDSB", data))])
    expect(name, 0, pixels)
    for band, middle in enumerate(middles):
        if middle[0] == "0":
            say(name, "meta", 0, str(band), "NITF_CWAVE", middle)
    info = gdal.Info(name, format="json", extraMDDomains=["xml:TRE"])
    told = str(info["metadata"]["xml:TRE"])
    assert all(middle in told for middle in middles), "GDAL reads other wavelengths"


def by_gdal():
    """Files that GDAL writes: pixels, metadata and colours as GDAL reads them."""
    types = {gdal.GDT_Byte: ("INT", 8), gdal.GDT_UInt16: ("INT", 16), gdal.GDT_Int16: ("SI", 16),
             gdal.GDT_UInt32: ("INT", 32), gdal.GDT_Int32: ("SI", 32), gdal.GDT_Float32: ("R", 32)}
    colours = {gdal.GCI_GrayIndex: "Gray", gdal.GCI_RedBand: "Red", gdal.GCI_GreenBand: "Green",
               gdal.GCI_BlueBand: "Blue", gdal.GCI_Undefined: "Undefined",
               gdal.GCI_PaletteIndex: "Palette", gdal.GCI_YCbCr_YBand: "Luma",
               gdal.GCI_YCbCr_CbBand: "Cb", gdal.GCI_YCbCr_CrBand: "Cr"}

    def write(name, pixels, code, options, rgb=False):
        bands, height, width = pixels.shape
        memory = gdal.GetDriverByName("MEM").Create("", width, height, bands, code)
        for band in range(bands):
            memory.GetRasterBand(band + 1).WriteArray(pixels[band])
            if rgb:
                memory.GetRasterBand(band + 1).SetColorInterpretation(gdal.GCI_RedBand + band)
        gdal.GetDriverByName("NITF").CreateCopy(name, memory, options=options)

    def check(name):
        dataset = gdal.Open(name)
        pixels = dataset.ReadAsArray()
        expect(name, 0, pixels[None] if pixels.ndim == 2 else pixels)
        for key, value in dataset.GetMetadata().items():
            if key.startswith("NITF_") and not key.startswith(
                    ("NITF_CCS_", "NITF_USE00A_", "NITF_FBKGC")):
                say(name, "meta", 0, "", key, value.rstrip())
        for band in range(dataset.RasterCount):
            for key, value in dataset.GetRasterBand(band + 1).GetMetadata().items():
                if key in ("NITF_IREPBAND", "NITF_ISUBCAT"):
                    say(name, "meta", 0, band, key, value.rstrip())
        shown = [colours[dataset.GetRasterBand(band + 1).GetColorInterpretation()]
                 for band in range(dataset.RasterCount)]
        if shown[0] == "Luma":
            # The samples that GDAL gives are those of the standard's RGB, whatever it calls them.
            shown = ["Red", "Green", "Blue"]
        bits = int(dataset.GetMetadataItem("NITF_ABPP"))
        block = dataset.GetRasterBand(1).GetBlockSize()
        if block[1] == 1:
            # GDAL reads a JPEG stream that is the whole image line by line.
            block = dataset.RasterXSize, dataset.RasterYSize
        say(name, "describe", 0, bits, 0, "none", ",".join(shown), *block)

    for code, (pvtype, bits) in types.items():
        for bands in (1, 3):
            pixels = samples(bands, 70, 90, pvtype, bits)
            for block in ([], ["BLOCKXSIZE=32", "BLOCKYSIZE=16"], ["BLOCKXSIZE=90"]):
                name = f"gdal-{gdal.GetDataTypeName(code)}-{bands}-{len(block)}.ntf"
                write(name, pixels, code, block + ["FHDR=NSIF01.00"] * (bands == 3), bands == 3)
                check(name)
    smooth = np.add.outer(np.arange(70), np.arange(90)) + np.arange(3)[:, None, None] * 30
    smooth = smooth.astype(np.uint8)
    for ic in ("C3", "M3"):
        for bands in (1, 3):
            for block in ([], ["BLOCKSIZE=32"]):
                name = f"gdal-{ic}-{bands}-{len(block)}.ntf"
                write(name, smooth[:bands], gdal.GDT_Byte, [f"IC={ic}", "QUALITY=95", *block],
                      bands == 3)
                check(name)
    write("gdal-C3-progressive.ntf", smooth[:1], gdal.GDT_Byte, ["IC=C3", "PROGRESSIVE=YES"])
    check("gdal-C3-progressive.ntf")
    for code, kind in ((gdal.GDT_Byte, "INT"), (gdal.GDT_UInt16, "INT")):
        for block in ([], ["BLOCKSIZE=64"], ["BLOCKXSIZE=96", "BLOCKYSIZE=100"]):
            name = f"gdal-C8-{gdal.GetDataTypeName(code)}-{len(block)}.ntf"
            pixels = samples(3, 230, 250, kind, 8 if code == gdal.GDT_Byte else 12)
            write(name, pixels, code, ["IC=C8", *block], True)
            expect(name, 0, gdal_pixels(name))
    wide = samples(1, 20, 9000, "INT", 8)
    write("gdal-wide.ntf", wide, gdal.GDT_Byte, ["BLOCKXSIZE=9000", "BLOCKYSIZE=4"])
    check("gdal-wide.ntf")
    write("gdal-fields.ntf", smooth[:1], gdal.GDT_Byte, [
        "ICORDS=D", "IGEOLO=" + "+10.000+020.000" * 4, "ICOM=a comment", "IID1=first", "ICAT=SAR",
        "FTITLE=some title", "ABPP=07", "TRE=USE00A=" + "5" * 107, "ISORCE=somewhere"])
    check("gdal-fields.ntf")
    say("gdal-fields.ntf", "meta", 0, "", "NITF_TRE_USE00A", "5" * 107)
    for index in range(3):
        step = ["APPEND_SUBDATASET=YES"] if index else ["NUMI=3", "WRITE_ONLY_FIRST_IMAGE=YES"]
        write("gdal-several.ntf", samples(1, 40, 50, "INT", 8), gdal.GDT_Byte,
              step + [f"IDLVL={index + 1}"] * (index > 0))
    for index in range(3):
        expect("gdal-several.ntf", index, gdal_pixels("gdal-several.ntf", index, 3))
    say("gdal-several.ntf", "count", 3)


def jpeg_stream(cell):
    """A JPEG stream; of three bands it is luma and chroma, and says so."""
    bands, height, width = cell.shape
    memory = gdal.GetDriverByName("MEM").Create("", width, height, bands)
    for band in range(bands):
        memory.GetRasterBand(band + 1).WriteArray(cell[band])
    gdal.GetDriverByName("JPEG").CreateCopy("/vsimem/x.jpg", memory, options=["QUALITY=95"])
    file = gdal.VSIFOpenL("/vsimem/x.jpg", "rb")
    size = gdal.VSIStatL("/vsimem/x.jpg").size
    stream = bytes(gdal.VSIFReadL(1, size, file))
    gdal.VSIFCloseL(file)
    return stream


def jpegs_by_gdal():
    """JPEG in the orders and with the masks that GDAL does not write."""
    smooth = np.add.outer(np.arange(43) * 2, np.arange(61)) + np.arange(3)[:, None, None] * 25
    smooth = smooth.astype(np.uint8)
    cases = [
        ("jpeg-B-1-C3", "B", 1, (), "MULTI"), ("jpeg-B-3-C3", "B", 3, (), "MULTI"),
        ("jpeg-S-3-C3", "S", 3, (), "MULTI"), ("jpeg-P-3-C3", "P", 3, (), "YCbCr601"),
        ("jpeg-B-1-M3", "B", 1, {0, 4}, "MULTI"), ("jpeg-B-3-M3", "B", 3, {1, 4, 8}, "MULTI"),
        ("jpeg-S-3-M3", "S", 3, {4, 13, 22, 2}, "MULTI"), ("jpeg-P-3-M3", "P", 3, {4}, "YCbCr601"),
        # The stream says what its samples are, whatever the subheader does.
        ("jpeg-junk", "B", 1, (), "MULTI"), ("jpeg-rgb", "P", 3, (), "RGB"), ("jpeg-rgb-M3", "P", 3, {4}, "RGB"), ("jpeg-multi", "P", 3, (), "MULTI"),
    ]
    for name, imode, bands, absent, irep in cases:
        cells = []

        def stream(cell):
            made = jpeg_stream(cell)
            if name == "jpeg-junk":
                # Bytes between segments that belong to none.
                made = made[:2] + bytes(7) + made[2:]
            cells.append(gdal.Open("/vsimem/x.jpg").ReadAsArray().reshape(cell.shape))
            return made

        masked = absent or None
        nitf(f"{name}.ntf", [image(smooth[:bands], 8, (23, 18), imode=imode, absent=masked, jpeg=stream, irep=irep)])
        pixels = np.zeros((bands, 54, 69), np.uint8)
        for index, cell in enumerate(cells):
            entry, band = (index, slice(None)) if imode == "P" else divmod(index, bands)
            row, col = divmod(entry, 3)
            if (band * 9 + entry if imode == "S" else entry) not in absent:
                pixels[band, row * 18:row * 18 + 18, col * 23:col * 23 + 23] = cell
        expect(f"{name}.ntf", 0, pixels[:, :43, :61])
        if absent:
            say(f"{name}.ntf", "absent", 0, 1, 1)
        if imode == "P":
            colours = ["Undefined"] * 3 if irep == "MULTI" else ["Red", "Green", "Blue"]
            say(f"{name}.ntf", "describe", 0, 8, 0, "none", ",".join(colours), 23, 18)
    one = smooth[:1, :24, :32]
    nitf("jpeg-I1.ntf", [image(one, 8, jpeg=jpeg_stream, ic="I1", irep="MONO")])
    expect("jpeg-I1.ntf", 0, gdal.Open("/vsimem/x.jpg").ReadAsArray()[None])


def deep_jpegs():
    """JPEG of 12 bits and without loss, which GDAL 3.6 does not read: what was put in is expected."""
    for bits, imode, masked, ic in ((12, "P", False, "C5"), (12, "B", True, "M5"), (8, "S", False, "C5"), (16, "B", False, "C5")):
        pixels = samples(3, 43, 61, "INT", bits)
        pixels[:, :, ::2] = pixels[:, :, :1]
        absent = {4} if masked else None
        name = f"jpeg-lossless-{bits}-{imode}.ntf"
        nitf(name, [image(pixels, bits, (23, 18), imode=imode, ic=ic, absent=absent,
                          jpeg=lambda cell: jpegs.lossless(cell, bits, 4))])
        if masked:
            pixels[:, 18:36, 23:46] = 0
        expect(name, 0, pixels)
    y, x = np.mgrid[:43, :61]
    pixels = (2000 + 700 * np.sin(x / 9) + 700 * np.cos(y / 7)).astype(np.uint16)[None]
    cells = []

    def stream(cell):
        made, exact = jpegs.transformed(cell)
        cells.append(jpegs.samples_of(exact, 12))
        return made

    nitf("jpeg-12.ntf", [image(pixels, 12, (32, 24), jpeg=stream)])
    rows = [np.concatenate(cells[at:at + 2], 2) for at in (0, 2)]
    expect("jpeg-12.ntf", 0, np.concatenate(rows, 1)[:, :43, :61], 1)
    say("jpeg-12.ntf", "describe", 0, 12, 0, "none", "Undefined", 32, 24)


def facsimile(cell, *kind):
    """A block as libtiff's encoder writes it: the only strip of a TIFF file."""
    (plane,) = cell
    memory = gdal.GetDriverByName("MEM").Create("", plane.shape[1], plane.shape[0], 1)
    memory.GetRasterBand(1).WriteArray(plane)
    gdal.GetDriverByName("GTiff").CreateCopy("plain.tif", memory, options=["NBITS=1", "PHOTOMETRIC=MINISWHITE"])
    subprocess.run(["tiffcp", "-c", ":".join(["g3", *kind]), "-r", str(plane.shape[0]), "plain.tif", "fax.tif"],
                   check=True)
    with open("fax.tif", "rb") as file:
        data = file.read()
    at, count = struct.unpack("<I", data[4:8])[0], 0
    tags = {}
    for entry in range(struct.unpack("<H", data[at:at + 2])[0]):
        tag, width, _, value = struct.unpack("<HHII", data[at + 2 + entry * 12:at + 14 + entry * 12])
        tags[tag] = value & 0xffff if width == 3 else value
    assert tags[259] == 3 and tags[277] == 1
    return data[tags[273]:tags[273] + tags[279]]


def bilevels():
    """Facsimiles of texts, of noise, and of nothing, which GDAL reads where they are one block."""
    # GDAL reads rows of whole bytes only.
    y, x = np.mgrid[0:90, 0:304]
    rings = ((x - 150) ** 2 + (y - 40) ** 2) // 300 % 2
    noise = random.integers(0, 2, (90, 304))
    lines = (x > 280) | (y % 9 == 0) & (x % 50 > 3)
    for label, plane in (("rings", rings), ("noise", noise), ("lines", lines), ("white", x * 0), ("black", x * 0 + 1)):
        pixels = plane[None].astype(np.uint8)
        for comrat, kind in (("1D", ()), ("1D", ("fill",)), ("2DS", ("2d",)), ("2DH", ("2d", "fill"))):
            name = f"bilevel-{label}-{comrat}-{len(kind)}.ntf"
            piece = facsimile(pixels, *kind)
            nitf(name, [segment(piece, (304, 90), 1, "B", 1, (304, 90), (1, 1), ic="C1", irep="MONO", comrat=comrat)])
            expect(name, 0, pixels)
            read = gdal_pixels(name)
            assert np.array_equal(read, pixels), name
    rings = rings[:, :301]
    wide = (random.random((1, 5, 9000)) < 0.001).astype(np.uint8)
    nitf("bilevel-wide.ntf", [segment(facsimile(wide), (9000, 5), 1, "B", 1, (9000, 5), (1, 1), ic="C1", comrat="1D")])
    expect("bilevel-wide.ntf", 0, wide)
    # Several blocks are found by their table alone.
    pixels, pieces = rings[None].astype(np.uint8), {}
    for index in range(6):
        row, col = divmod(index, 3)
        cell = np.zeros((1, 50, 128), np.uint8)
        part = pixels[:, row * 50:row * 50 + 50, col * 128:col * 128 + 128]
        cell[:, :part.shape[1], :part.shape[2]] = part
        pieces[index] = facsimile(cell, "2d")
    pixels[:, 50:, 128:256] = 0
    nitf("bilevel-M1.ntf", [segment(mask_table(pieces, {4}), (301, 90), 1, "B", 1, (128, 50), (3, 2), ic="M1", comrat="2DS")])
    expect("bilevel-M1.ntf", 0, pixels)
    say("bilevel-M1.ntf", "absent", 0, 1, 1)


def codestream(name, pixels, block):
    """A lossless codestream beside the NITF files, and where its tile-parts are."""
    bands, height, width = pixels.shape
    code = gdal.GDT_Byte if pixels.dtype == np.uint8 else gdal.GDT_UInt16
    memory = gdal.GetDriverByName("MEM").Create("", width, height, bands, code)
    for band in range(bands):
        memory.GetRasterBand(band + 1).WriteArray(pixels[band])
    gdal.GetDriverByName("JP2OpenJPEG").CreateCopy(name, memory, options=[
        "CODEC=J2K", "QUALITY=100", "REVERSIBLE=YES", "YCC=NO", "RESOLUTIONS=4",
        f"BLOCKXSIZE={block[0]}", f"BLOCKYSIZE={block[1]}"])
    with open(name, "rb") as file:
        stream = file.read()
    at = stream.index(b"\xff\x90\x00\x0a")
    main, parts = stream[:at], []
    while stream[at:at + 2] == b"\xff\x90":
        tile, length = struct.unpack(">HI", stream[at + 4:at + 10])
        parts.append((tile, stream[at:at + length]))
        at += length
    return main, parts, stream[at:]


def codestreams():
    """One codestream for all blocks, with and without a mask, tiles of sizes that are no power."""
    for bits, block in ((8, (96, 100)), (11, (64, 64))):
        pixels = samples(2, 230, 250, "INT", bits)
        grid = (-(-250 // block[0]), -(-230 // block[1]))
        main, parts, end = codestream(f"whole-{bits}.j2k", pixels, block)
        whole = main + b"".join(part for _, part in parts) + end
        more = dict(abpp=bits, irep="MULTI")
        nbpp = 8 if bits == 8 else 16
        for ic in ("C8", "CD"):
            name = f"{ic}-{bits}.ntf"
            nitf(name, [segment(whole, (250, 230), 2, "INT", nbpp, block, grid, ic=ic, **more)])
            expect(name, 0, pixels)
        say(name, "describe", 0, bits, 0, "none", "Undefined,Undefined", *block)
        absent = {4, 2}
        stored, starts = main, [0xFFFFFFFF] * (grid[0] * grid[1])
        for tile, part in parts:
            if tile not in absent:
                starts[tile] = min(starts[tile], len(stored))
                stored += part
        table = struct.pack(">B", 7) + struct.pack(f">{len(starts)}I", *starts)
        head = struct.pack(">IHHH", 10 + len(table), 4, 0, 8)
        for entry in absent:
            row, col = divmod(entry, grid[0])
            pixels[:, row * block[1]:(row + 1) * block[1],
                   col * block[0]:(col + 1) * block[0]] = 7
        name = f"M8-{bits}.ntf"
        nitf(name, [segment(head + table + stored + end, (250, 230), 2, "INT", nbpp, block, grid,
                            ic="M8", **more)])
        expect(name, 0, pixels)
        say(name, "absent", 0, *divmod(4, grid[0]))
        say(name, "describe", 0, bits, 7, 7, "Undefined,Undefined", *block)


def codestream_with_palette():
    """A JP2 file with a palette in a segment of one band whose subheader has the colours."""
    pixels = samples(1, 60, 70, "INT", 8)
    memory = gdal.GetDriverByName("MEM").Create("", 70, 60, 1, gdal.GDT_Byte)
    memory.GetRasterBand(1).WriteArray(pixels[0])
    table = gdal.ColorTable()
    for index in range(256):
        table.SetColorEntry(index, (index, 255 - index, index // 2, 255))
    memory.GetRasterBand(1).SetColorTable(table)
    gdal.GetDriverByName("JP2OpenJPEG").CreateCopy("palette.jp2", memory, options=["QUALITY=100", "REVERSIBLE=YES"])
    with open("palette.jp2", "rb") as file:
        whole = file.read()
    assert b"pclr" in whole
    luts = {0: [list(range(256)), list(range(255, -1, -1)), [index // 2 for index in range(256)]]}
    nitf("codestream-palette.ntf", [segment(whole, (70, 60), 1, "INT", 8, (70, 60), (1, 1), ic="C8", irep="RGB/LUT",
                                            irepband=["LU"], luts=luts)])
    expect("codestream-palette.ntf", 0, pixels)


def complex_parts():
    """Two bands that are the parts of complex numbers, as they are and as one."""
    def say_complex(name, index, kind, samples, parts, behind):
        raw = f"{name}.{index}.complex.raw"
        np.ascontiguousarray(samples).tofile(raw)
        say(name, "complex", index, kind, raw, behind)
        expect(name, index, parts)

    for kind, pvtype, bits, wide in (("ci16", "SI", 16, "i2"), ("ci16", "SI", 8, "i2"), ("ci32", "SI", 32, "i4"),
                                     ("ci16", "SI", 12, "i2"), ("cf32", "R", 32, "f4"), ("cf64", "R", 64, "f8")):
        for imode, block in (("P", None), ("B", (23, 18))):
            parts = samples(2, 43, 61, pvtype, bits)
            name = f"iq-{pvtype}{bits}-{imode}.ntf"
            nitf(name, [image(parts, bits, block, pvtype=pvtype, imode=imode, isubcat=["I", "Q"], icat="SAR")])
            say_complex(name, 0, kind, parts.transpose(1, 2, 0).astype(wide), parts, 1)
            say(name, "count", 1)
    # A block that is left out, and pad as nodata.
    parts = samples(2, 43, 61, "SI", 16)
    parts[:, 18:36, 23:46] = -3
    nitf("iq-masked.ntf", [image(parts, 16, (23, 18), pvtype="SI", imode="P", absent={4}, pad=(0xfffd, 16),
                                 isubcat=["I", "Q"])])
    say_complex("iq-masked.ntf", 0, "ci16", parts.transpose(1, 2, 0).astype("i2"), parts, 1)
    say("iq-masked.ntf", "absent", 0, 1, 1)
    # Amplitude and phase have a scale in SICD alone: plain, by a table, and without SICD.
    def polar(parts, table=np.arange(256)):
        turns = parts[1].astype(float) / 256
        return (table[parts[0]] * np.exp(2j * np.pi * turns)).astype("c8")

    table = np.linspace(0, 3, 256) ** 2
    entries = "".join(f'<Amplitude index="{i}">{value!r}</Amplitude>' for i, value in enumerate(table.tolist()))
    xml = '<?xml version="1.0"?><SICD xmlns="urn:SICD:1.2.1"><ImageData><PixelType>AMP8I_PHS8I</PixelType>%s</ImageData></SICD>'
    other = samples(1, 10, 12, "INT", 8)
    parts = samples(2, 43, 61, "INT", 8)
    segments = [image(other, 8), image(parts, 8, imode="P", isubcat=["M", "P"], icat="SAR")]
    nitf("polar.ntf", segments, [overflow_segment(b""), xml_segment((xml % "").encode())])
    say_complex("polar.ntf", 1, "cf32", polar(parts), parts, 2)
    nitf("polar-table.ntf", segments, [xml_segment((xml % f'<AmpTable size="256">{entries}</AmpTable>').encode())])
    say_complex("polar-table.ntf", 1, "cf32", polar(parts, table), parts, 2)
    nitf("polar-unknown.ntf", segments)
    expect("polar-unknown.ntf", 1, parts)


def rsets():
    """Reduced resolutions beside a file."""
    full = samples(2, 101, 77, "INT", 16)
    nitf("rset.ntf", [image(full, 16, (32, 32))])
    expect("rset.ntf", 0, full)
    for level, name in enumerate(["rset.ntf.r1", "rset.ntf.r2"], 1):
        reduced = samples(2, -(-101 // (1 << level)), 77 >> level, "INT", 16)
        nitf(name, [image(reduced, 16, (32, 32))])
        expect(name, 0, reduced)
    nitf("rset.ntf.r3", [image(samples(2, 50, 50, "INT", 16), 16)])


def streamed(name, pixels):
    """A file whose first header was written before the lengths were known; they stand in a second one at its end."""
    nitf("lengths.ntf", [image(pixels, 8, (16, 16))])
    whole = open("lengths.ntf", "rb").read()
    length = whole[354:360]
    header = whole[:int(length)]
    unknown = header[:342] + b"9" * 12 + header[354:369] + b"9" * 10 + header[379:]
    subheader = b"DE" + b"STREAMING_FILE_HEADER".ljust(25) + b"01" + b"U".ljust(167) + b"0000"
    length = b"0" + length
    second = length + b"\x0a\x6e\x1d\x97" + header + b"\x0e\xca\x14\xbf" + length
    with open(name, "wb") as file:
        file.write(unknown + whole[len(header):] + subheader + second)


def lengths_behind():
    pixels = samples(2, 20, 30, "INT", 8)
    streamed("streamed.ntf", pixels)
    assert (gdal_pixels("streamed.ntf") == pixels).all()
    expect("streamed.ntf", 0, pixels)


def old_version():
    """NITF 2.0: the same images, one of them with corners, and headers of another kind."""
    for number, (pvtype, bits, imode, masked) in enumerate([
        ("INT", 8, "B", False), ("INT", 8, "P", True), ("INT", 16, "S", False), ("SI", 16, "P", False), ("R", 32, "B", False),
    ]):
        bands = 3 if bits == 8 else 1
        first, second = samples(bands, 43, 61, pvtype, bits), samples(1, 20, 30, "INT", 8)
        event = number % 2 == 0
        more = {"absent": {4}} if masked else {}
        if masked:
            first[:, 18:36, 23:46] = 0
        name = f"old-{pvtype}{bits}-{imode}.ntf"
        nitf(name, [image(first, bits, (23, 18), pvtype=pvtype, imode=imode, old=True, event=event, **more),
                    image(second, 8, old=True, event=not event, comments=["a comment"], tres=tre("SOMTRE", b"12345"))],
             old=True, event=event, tres=tre("FILTRE", b"abc"))
        expect(name, 0, first)
        expect(name, 1, second)
        for index, pixels in enumerate([first, second]):
            assert np.array_equal(gdal_pixels(name, index, 2), pixels), f"GDAL differs: {name} {index}"


def hostile():
    """Headers that lie, by the kind of error and what it must name."""
    pixels = samples(2, 20, 30, "INT", 8)

    def one(name, kind, says, changed=None, file=None, **more):
        name = f"hostile-{name}.ntf"
        nitf(name, [image(pixels, 8, (16, 16), changed=changed, **more)], changed=file)
        say(name, "hostile", kind, says)

    one("version", "Unsupported", "NITF01.10", file={"FHDR": b"NITF01.10"})
    one("encrypted", "Unsupported", "ENCRYP", file={"ENCRYP": b"1"})
    one("streaming", "Corrupt", "SFH_DELIM2", file={"FL": b"9" * 12})
    streamed("hostile-streamed.ntf", pixels)
    whole = open("hostile-streamed.ntf", "rb").read()
    for name, end in (("cut", whole[:-1]), ("length", whole[:-7] + b"9999999"), ("digits", whole[:-7] + b"-000417"),
                      ("delimiter", whole[:-11] + b"\0" + whole[-10:]), ("shorter", whole[:-7] + b"0000370")):
        open(f"hostile-streamed-{name}.ntf", "wb").write(end)
        say(f"hostile-streamed-{name}.ntf", "hostile", "Corrupt", "SFH_DELIM2")
    one("length", "Corrupt", "file header", file={"HL": b"999999"})
    one("short", "Corrupt", "HL", file={"HL": b"000100"})
    one("letters", "Corrupt", "HL", file={"HL": b"00x400"})
    one("count", "Corrupt", "field L", file={"NUMI": b"999"})
    one("minus", "Corrupt", "NUMI", file={"NUMI": b"-01"})
    one("mark", "Corrupt", "field IM", {"IM": b"XX"})
    one("no-rows", "Corrupt", "NPPBV", {"NROWS": b"0" * 8})
    one("rows", "Corrupt", "NBPC", {"NROWS": b"9" * 8})
    one("blocks", "Corrupt", "NBPR", {"NBPR": b"0000"})
    one("all-blocks", "Corrupt", "NPPBH", {"NPPBH": b"0000"})
    one("digits", "Corrupt", "NCOLS", {"NCOLS": b"      -1"})
    one("no-bits", "Unsupported", "NBPP", {"NBPP": b"00"})
    one("bits", "Unsupported", "NBPP", {"NBPP": b"96"})
    one("float-bits", "Unsupported", "NBPP", {"PVTYPE": b"R  "})
    one("type", "Corrupt", "PVTYPE", {"PVTYPE": b"XYZ"})
    one("mode", "Corrupt", "IMODE", {"IMODE": b"X"})
    one("compression", "Corrupt", "field IC", {"IC": b"ZZ", "COMRAT": b"1234"})
    one("vectors", "Unsupported", "C4", {"IC": b"C4", "COMRAT": b"1234"})
    fax = dict(PVTYPE=b"B  ", NBPP=b"01")
    one("fax-rate", "Corrupt", "COMRAT", {"IC": b"C1", "COMRAT": b"3D  "})
    one("fax-bands", "Corrupt", "NBANDS", {"IC": b"C1", "COMRAT": b"1D  ", **fax})
    plane = segment(b"\0" * 40, (64, 64), 1, "B", 1, (64, 64), (1, 1), ic="C1", comrat="1D")
    nitf("hostile-fax.ntf", [plane])
    say("hostile-fax.ntf", "hostile", "Corrupt", "block (0, 0): band 0: row 0: ends too early")
    plane = segment(b"\0" * 40, (9000, 9000), 1, "B", 1, (9000, 9000), (1, 1), ic="C1", comrat="1D")
    nitf("hostile-fax-bomb.ntf", [plane])
    say("hostile-fax-bomb.ntf", "hostile", "Corrupt", "cannot hold")
    plane = segment(b"\0" * 40, (64, 64), 1, "B", 1, (32, 32), (2, 2), ic="C1", comrat="1D")
    nitf("hostile-fax-blocks.ntf", [plane])
    say("hostile-fax-blocks.ntf", "hostile", "Unsupported", "mask table")
    one("image-encrypted", "Unsupported", "ENCRYP", {"ENCRYP": b"1"})
    one("extensions", "Corrupt", "IXSHD", {"IXSHDL": b"99999000"})
    one("extensions-2", "Corrupt", "IXSHDL", {"IXSHDL": b"00002000"})
    one("more-bands", "Corrupt", "field", {"NBANDS": b"9"})
    one("huge", "Limit", "blocks",
        {"NCOLS": b"99999999", "NBPR": b"0001", "NPPBH": b"0000",
         "NROWS": b"99999999", "NBPC": b"0001", "NPPBV": b"0000", "NBPP": b"64",
         "NBANDS": b"0", "XBANDS": b"65536", "band0": (b" " * 12 + b"0") * 65535})
    one("bomb", "Corrupt", "cannot hold", {"NROWS": b"00009000", "NCOLS": b"00009000",
        "NPPBH": b"9000", "NPPBV": b"9000", "NBPR": b"0001", "NBPC": b"0001"}, jpeg=jpeg_stream)
    one("jpeg-limit", "Limit", "compressed blocks", {"NROWS": b"99999999", "NCOLS": b"99999999",
        "NPPBH": b"0000", "NPPBV": b"0000", "NBPR": b"0001", "NBPC": b"0001"}, jpeg=jpeg_stream)
    one("jpeg-bits", "Corrupt", "8 bits in samples of 2 bytes", {"NBPP": b"12"}, jpeg=jpeg_stream)
    one("jpeg-few-bits", "Unsupported", "of 7 bits", {"NBPP": b"07"}, jpeg=jpeg_stream)
    one("jpeg-size", "Corrupt", "JPEG", {"NPPBH": b"0017"}, jpeg=jpeg_stream)
    one("jpeg-rows", "Unsupported", "IMODE", {"IMODE": b"R"}, jpeg=jpeg_stream)
    one("codestream", "Corrupt", "main header", ic="C8")
    one("codestream-order", "Corrupt", "IMODE", {"IMODE": b"P"}, ic="C8")
    one("codestream-float", "Unsupported", "PVTYPE", {"PVTYPE": b"R  ", "NBPP": b"32"}, ic="C8")
    one("masked", "Corrupt", "IMDATOFF", {"NBPR": b"9999", "NBPC": b"9999"}, absent=set())
    one("no-table", "Corrupt", "BMRLNTH", {"IC": b"NM"})
    small = samples(1, 16, 16, "INT", 8)
    tables = [
        ("table-entry", "block (0, 0)", b"\x00\x00\x00\x0e\0\4\0\0\0\0\x7f\xff\xff\xff"),
        ("table-offset", "IMDATOFF", b"\x7f\xff\xff\xff\0\4\0\0\0\0\0\0\0\0"),
        ("table-code", "TPXCDLNTH", b"\x00\x00\x00\x0e\0\4\0\0\xff\xff\0\0\0\0"),
        ("table-short", "image data", b"\x00\x00"),
    ]
    for name, says, data in tables:
        head = image(small, 8, absent=set())[0]
        nitf(f"hostile-{name}.ntf", [(head, data)])
        say(f"hostile-{name}.ntf", "hostile", "Corrupt", says)


every_kind()
packed_by_gdal()
shapes()
described()
wavelengths()
by_gdal()
jpegs_by_gdal()
deep_jpegs()
bilevels()
codestreams()
codestream_with_palette()
lengths_behind()
complex_parts()
rsets()
old_version()
hostile()
manifest.close()
