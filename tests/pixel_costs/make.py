"""Makes a picture and noise of 512 x 512 pixels of three bands in one block, by each compression that GDAL writes.

Usage: make.py DIRECTORY. A line of the manifest is a file and the name of its row in the table of docs/formats.md, and behind a colon
the word that its number has there, if that is not the first.
"""

import os
import struct
import sys
import zlib

import numpy as np
from osgeo import gdal

SIDE = 512
BLOCK = [f"BLOCKYSIZE={SIDE}"]
OF_TIFF = [
    ("none (TIFF, NITF)", "NONE", []),
    ("PackBits", "PACKBITS", []),
    ("Deflate, Zstd", "DEFLATE", []),
    ("Deflate, Zstd", "ZSTD", []),
    ("LZW", "LZW", []),
    ("LZW", "LZW", ["PREDICTOR=2"]),
    ("LZMA", "LZMA", []),
    ("LERC, also packed", "LERC", []),
    ("LERC, also packed: packed", "LERC_ZSTD", []),
    ("WebP: lossless", "WEBP", ["WEBP_LOSSLESS=YES"]),
    ("WebP", "WEBP", []),
    ("JPEG, baseline", "JPEG", ["PHOTOMETRIC=YCBCR"]),
]
OF_OTHERS = [
    ("JPEG, baseline", "JPEG", "jpg", []),
    ("JPEG, progressive", "JPEG", "progressive.jpg", ["PROGRESSIVE=YES"]),
    ("PNG", "PNG", "png", []),
    ("JPEG 2000", "JP2OpenJPEG", "jp2", ["QUALITY=100", "REVERSIBLE=YES", "BLOCKXSIZE=512", "BLOCKYSIZE=512"]),
    ("JPEG 2000", "JP2OpenJPEG", "lossy.jp2", ["QUALITY=20", "BLOCKXSIZE=512", "BLOCKYSIZE=512"]),
]


def picture():
    """Slopes with noise on them: neither compresses to nothing nor not at all."""
    y, x = np.mgrid[:SIDE, :SIDE]
    slopes = np.stack([x // 4, y // 4, (x + y) // 8])
    return (slopes + noise() % 24).astype("u1")


def noise():
    return np.random.default_rng(7).integers(0, 256, (3, SIDE, SIDE)).astype("u1")


def write(kind, data, lines):
    whole = gdal.GetDriverByName("MEM").Create("", SIDE, SIDE, 3)
    whole.WriteArray(data)
    for row, compression, options in OF_TIFF:
        name = "-".join([kind, compression, *options]).replace("=", "") + ".tif"
        options = [f"COMPRESS={compression}", "INTERLEAVE=PIXEL", *BLOCK, *options]
        gdal.GetDriverByName("GTiff").CreateCopy(name, whole, options=options)
        lines.append((name, row))
    for row, driver, extension, options in OF_OTHERS:
        name = f"{kind}.{extension}"
        gdal.GetDriverByName(driver).CreateCopy(name, whole, options=options)
        lines.append((name, row))
    one = gdal.GetDriverByName("GTiff").Create(
        f"{kind}-fax.tif", SIDE, SIDE, 1, options=["COMPRESS=CCITTFAX4", "NBITS=1", *BLOCK]
    )
    one.WriteArray(data[0] // 64 % 2)
    del one
    lines.append((f"{kind}-fax.tif", "CCITT"))


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(name, chunks):
    """A pixel behind some chunks."""
    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    pixel = zlib.compress(b"\0\0")
    with open(name, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(chunks))
        file.write(chunk(b"IDAT", pixel) + chunk(b"IEND", b""))


def packed():
    """Texts and profiles that take a thousand times their bytes."""
    text = zlib.compress(bytes(2_000_000), 9)
    png("packed-texts.png", [chunk(b"zTXt", b"k%d\0\0" % number + text) for number in range(60)])
    png("packed-profile.png", [chunk(b"iCCP", b"k\0\0" + zlib.compress(bytes(150_000_000), 9))])
    # A profile is told, also where it is packed well.
    png("profile.png", [chunk(b"iCCP", b"k\0\0" + zlib.compress(bytes(3_000_000), 9))])


def main():
    os.chdir(sys.argv[1])
    gdal.UseExceptions()
    lines = []
    write("picture", picture(), lines)
    write("noise", noise(), lines)
    # What PNG takes does not grow with the image.
    large = gdal.GetDriverByName("MEM").Create("", 3 * SIDE, SIDE, 3)
    large.WriteArray(np.tile(noise(), (1, 1, 3)))
    gdal.GetDriverByName("PNG").CreateCopy("large.png", large)
    lines.append(("large.png", "PNG"))
    packed()
    with open("manifest", "w") as manifest:
        manifest.writelines(f"{name}\t{row}\n" for name, row in lines)


main()
