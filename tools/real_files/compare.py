"""Reads all files of a directory through the library and through GDAL, and tells where they differ.

Usage: compare.py READ DIRECTORY, with READ the program of read.c; or compare.py --gdal FILE, which writes what GDAL
reads as READ does. Each file is read in a process of its own, within limits of time and memory.
"""

import collections
import os
import re
import resource
import subprocess
import sys
import time

import numpy as np

SECONDS, MEMORY = 60, 4 << 30
DRIVERS = ["GTiff", "JP2OpenJPEG", "NITF", "PNG", "JPEG"]
TYPES = {"u8": "u1", "i8": "i1", "u16": "u2", "i16": "i2", "u32": "u4", "i32": "i4", "u64": "u8", "i64": "i8",
         "f32": "f4", "f64": "f8", "ci16": "2i2", "ci32": "2i4", "cf32": "2f4", "cf64": "2f8"}
Reading = collections.namedtuple("Reading", "shape samples error seconds bytes")


def by_gdal(path):
    from osgeo import gdal

    gdal.UseExceptions()
    gdal.PushErrorHandler("CPLQuietErrorHandler")
    names = {gdal.GDT_Byte: "u8", gdal.GDT_UInt16: "u16", gdal.GDT_Int16: "i16", gdal.GDT_UInt32: "u32",
             gdal.GDT_Int32: "i32", gdal.GDT_UInt64: "u64", gdal.GDT_Int64: "i64", gdal.GDT_Float32: "f32",
             gdal.GDT_Float64: "f64", gdal.GDT_CInt16: "ci16", gdal.GDT_CInt32: "ci32", gdal.GDT_CFloat32: "cf32",
             gdal.GDT_CFloat64: "cf64"}
    try:
        dataset = gdal.OpenEx(path, gdal.OF_RASTER, allowed_drivers=DRIVERS)
        if dataset.RasterCount == 0 and dataset.GetSubDatasets():
            dataset = gdal.Open(dataset.GetSubDatasets()[0][0])
        bands = [dataset.GetRasterBand(i + 1) for i in range(dataset.RasterCount)]
        # As the library has it: the type of all bands.
        kind = bands[0].DataType
        for band in bands[1:]:
            kind = gdal.DataTypeUnion(kind, band.DataType)
        signed = bands[0].GetMetadataItem("PIXELTYPE", "IMAGE_STRUCTURE") == "SIGNEDBYTE"
        name = "i8" if signed else names.get(kind, "other")
        out = sys.stdout.buffer
        out.write(f"{dataset.RasterXSize} {dataset.RasterYSize} {len(bands)} {name} 1\n".encode())
        for band in bands:
            for y in range(0, band.YSize, 256):
                out.write(band.ReadRaster(0, y, band.XSize, min(256, band.YSize - y), buf_type=kind))
    except Exception as error:
        print(error, file=sys.stderr)
        sys.exit(2)


def limited():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))


def read(command):
    begin = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=limited)
    try:
        out, said = child.communicate(timeout=2 * SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
        return Reading(None, None, f"more than {SECONDS} s", time.monotonic() - begin, 0)
    seconds = time.monotonic() - begin
    if child.returncode:
        lines = said.decode(errors="replace").strip().splitlines()
        ended = f"more than {SECONDS} s" if child.returncode == -24 else f"ended by signal {-child.returncode}"
        error = ended if child.returncode < 0 else lines[-1] if lines else "no word"
        return Reading(None, None, error, seconds, 0)
    line, samples = out.split(b"\n", 1)
    return Reading(line.split()[:4], samples, None, seconds, len(samples))


def difference(ours, theirs):
    """In words; empty where there is none."""
    if ours.shape != theirs.shape:
        told = [" ".join(word.decode() for word in reading.shape) for reading in (ours, theirs)]
        return f"is {told[0]}, by GDAL {told[1]}"
    if ours.samples == theirs.samples:
        return ""
    name = ours.shape[3].decode()
    a, b = (np.frombuffer(reading.samples, TYPES[name].lstrip("2")) for reading in (ours, theirs))
    if len(a) != len(b):
        return f"has {len(a)} samples, by GDAL {len(b)}"
    same = (a == b) | ((a != a) & (b != b))
    if same.all():
        return ""
    apart = np.abs(a.astype(np.float64) - b.astype(np.float64))[~same]
    worst = np.inf if np.isnan(apart).any() else apart.max()
    return f"differs in {(~same).mean():.2%} of the samples, by up to {worst:g}"


def is_image(path):
    with open(path, "rb") as file:
        head = file.read(16)
    return head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"\x89PNG", b"\xff\xd8\xff", b"NITF", b"NSIF",
                            b"\xff\x4f\xff\x51")) or head[4:8] == b"jP  "


def main(program, directory):
    found = sorted(os.path.join(at, name) for at, _, names in os.walk(directory) for name in names)
    found = [path for path in found if os.path.isfile(path) and is_image(path)]
    rows, reasons = collections.defaultdict(list), collections.Counter()
    for path in found:
        ours, theirs = read([program, path]), read([sys.executable, __file__, "--gdal", path])
        if ours.error is None and theirs.error is None:
            told = difference(ours, theirs)
            slight = re.fullmatch(r"differs .* by up to [12]", told) is not None
            row = "equal" if not told else "within 2" if slight else "differs"
        else:
            row = {(True, True): "refused by both", (True, False): "refused here alone",
                   (False, True): "refused by GDAL alone"}[ours.error is not None, theirs.error is not None]
            told = ours.error or theirs.error
            if ours.error:
                reasons[row, re.sub(r"[0-9]+", "N", re.sub(r"^([A-Z_]+): [^:]*: ", r"\1: ", ours.error))] += 1
        rows[row].append((path, told))
        if ours.seconds > 1 and ours.seconds > 3 * theirs.seconds:
            rows["slow (also counted above)"].append((path, f"{ours.seconds:.1f} s, GDAL {theirs.seconds:.1f} s"))
        print(f"{row:22} {os.path.relpath(path, directory)} {told}", flush=True)
    print(f"\n{len(found)} files")
    for row, files in sorted(rows.items()):
        print(f"| {row} | {len(files)} |")
    for (row, reason), count in reasons.most_common():
        print(f"    {count} {row}: {reason}")


if sys.argv[1] == "--gdal":
    by_gdal(sys.argv[2])
else:
    main(*sys.argv[1:3])
