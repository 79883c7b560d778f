"""JPEG files by the programs of libjpeg-turbo: every sampling of the colours, with scans of every kind, in
sizes that fit no block, and cut out of larger pictures. What djpeg makes of them is expected, and GDAL
must read the same."""

import itertools
import subprocess

import numpy as np
from osgeo import gdal
from rasters import expect, say

SAMPLINGS = {"444": "1x1", "422": "2x1", "420": "2x2", "440": "1x2", "411": "4x1", "410": "4x2"}
SIZES = ((1, 1), (2, 3), (8, 8), (9, 7), (16, 15), (17, 16), (24, 32), (31, 33), (33, 17))
# Each component in a scan of its own, and luma apart from the others.
APART = "0;\n1;\n2;\n"
PAIR = "0;\n1 2;\n"
KINDS = {
    "baseline": ["-baseline"],
    "optimized": ["-optimize", "-quality", "95"],
    "progressive": ["-progressive"],
    "restart": ["-restart", "1B"],
    "restart-progressive": ["-progressive", "-restart", "1"],
    "apart": ["-scans", "apart.txt"],
    "pair": ["-scans", "pair.txt", "-restart", "2B"],
}


def netpbm(pixels):
    bands, height, width = pixels.shape
    head = f"P{5 if bands == 1 else 6}\n{width} {height}\n255\n".encode()
    return head + np.moveaxis(pixels, 0, -1).tobytes()


def run(name, program, *options, source):
    """The output of a program, kept as a file if that has a name; with warnings it exits with 2."""
    done = subprocess.run([program, *options], input=source, capture_output=True)
    assert done.returncode in (0, 2), done.stderr
    if name:
        with open(name, "wb") as out:
            out.write(done.stdout)
    return done.stdout


def samples(picture):
    """The samples of a picture as djpeg writes it."""
    kind, size, _, rest = picture.split(b"\n", 3)
    width, height = size.split()
    bands = 1 if kind == b"P5" else 3
    return np.frombuffer(rest, np.uint8).reshape(int(height), int(width), bands).transpose(2, 0, 1)


def expect_djpeg(name):
    with open(name, "rb") as file:
        pixels = samples(run(None, "djpeg", "-pnm", source=file.read()))
    read = gdal.Open(name).ReadAsArray().reshape(pixels.shape)
    assert (read == pixels).all(), name
    expect(name, 0, "pixels", 0, pixels.shape, "u8", pixels.tobytes())


def make(smooth):
    for file, text in (("apart.txt", APART), ("pair.txt", PAIR)):
        with open(file, "w") as out:
            out.write(text)
    for (width, height), (sampling, factors) in itertools.product(SIZES, SAMPLINGS.items()):
        source = netpbm(smooth(3, height, width))
        for kind, options in KINDS.items():
            name = f"libjpeg-{sampling}-{kind}-{width}x{height}.jpg"
            run(name, "cjpeg", "-sample", factors, *options, source=source)
            expect_djpeg(name)
    for (width, height), kind in itertools.product(SIZES, ("baseline", "progressive", "restart")):
        name = f"libjpeg-grey-{kind}-{width}x{height}.jpg"
        run(name, "cjpeg", "-grayscale", *KINDS[kind], source=netpbm(smooth(3, height, width)))
        expect_djpeg(name)
    # Of what is cut out, the blocks at the edges go on beyond it.
    for sampling, factors in SAMPLINGS.items():
        whole = run(None, "cjpeg", "-sample", factors, "-quality", "90", source=netpbm(smooth(3, 96, 128)))
        for (width, height), (x, y) in itertools.product(SIZES, ((0, 0), (64, 32))):
            name = f"libjpeg-cut-{sampling}-{width}x{height}-{x}.jpg"
            run(name, "jpegtran", "-crop", f"{width}x{height}+{x}+{y}", source=whole)
            expect_djpeg(name)
        name = f"libjpeg-cut-{sampling}-apart.jpg"
        run(name, "jpegtran", "-crop", "37x41+64+32", "-scans", "apart.txt", source=whole)
        expect_djpeg(name)
    damaged(smooth)


def damaged(smooth):
    """What is damaged in its midst is read as GDAL reads it; what ends too early is refused."""
    noise = netpbm((smooth(3, 96, 128) // 2 + np.random.default_rng(3).integers(0, 128, (3, 96, 128))).astype("u1"))
    plain = run(None, "cjpeg", "-sample", "2x2", source=noise)
    restarts = run(None, "cjpeg", "-restart", "1", source=noise)
    refined = run(None, "cjpeg", "-progressive", source=noise)
    apart = run(None, "cjpeg", "-sample", "2x2", "-scans", "apart.txt", source=noise)
    for name, whole in (("plain", plain), ("restarts", restarts), ("refined", refined), ("apart", apart)):
        unended = f"damaged-{name}-unended.jpg"
        with open(unended, "wb") as out:
            out.write(whole[:-2])
        expect_djpeg(unended)
        for part in (3, 5, 7, 9):
            cut = whole[:len(whole) * part // 10]
            for end, bytes_of_end in (("cut", b""), ("closed", b"\xff\xd9")):
                if end == "closed" and (name == "refined" or part == 9):
                    # Fewer refinements may be meant, and the end of the last row of blocks is read as gray.
                    continue
                hostile = f"hostile-{name}-{end}-{part}.jpg"
                with open(hostile, "wb") as out:
                    out.write(cut + bytes_of_end)
                say(hostile, "hostile", "Corrupt", "JPEG stream is damaged")
        scan = whole.rindex(b"\xff\xda")
        with open(f"hostile-{name}-scan.jpg", "wb") as out:
            out.write(whole[:scan] if name in ("refined", "apart") else whole[:scan + 20])
        say(f"hostile-{name}-scan.jpg", "hostile", "Corrupt", "JPEG stream is damaged")
    # A restart marker that is lost, and samples that are others.
    second = restarts.index(b"\xff\xd1")
    for name, changed in (("marker", restarts[:second] + restarts[second + 2:]),
                          ("samples", restarts[:second - 40] + bytes(8) + restarts[second - 32:]),
                          ("missing", restarts[:second - 60] + restarts[second:])):
        with open(f"damaged-{name}.jpg", "wb") as out:
            out.write(changed)
        expect_djpeg(f"damaged-{name}.jpg")
    # A stream of as many scans as there are bytes for.
    scan = refined.rindex(b"\xff\xda")
    bomb = refined[:-2] + refined[scan:-2] * 120 + b"\xff\xd9"
    with open("hostile-scans.jpg", "wb") as out:
        out.write(bomb)
    say("hostile-scans.jpg", "hostile", "Limit", "more than 100 scans")
