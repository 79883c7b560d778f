"""GRASS reads the same of a raster and of its view, linked and imported: client_grass.py

In the directory are the rasters of make.py. Ends with 77 where there is no GRASS."""

import os
import shutil
import subprocess
import sys
import tempfile

from osgeo import gdal

gdal.UseExceptions()
RASTERS = {"tiles.tif": 3, "strips.tif": 3, "strip.tif": 1, "masked.tif": 3, "bands.tif": 2, "copy.jp2": 3}
# Over whatever place the location has; bands named by their numbers.
FLAGS = {"r.external": ["-o"], "r.in.gdal": ["-o", "-k"]}


def call(*words):
    run = subprocess.run(words, capture_output=True, text=True)
    assert run.returncode == 0, f"{' '.join(words)}: {run.stdout}\n{run.stderr}"


def read(name, kind, path, module, work):
    """All cells of all bands as GRASS has them, as they are and coarser."""
    bands, cells = RASTERS[name], b""
    to = f"{kind}_{module}_{name}".replace(".", "_")
    call(module, *FLAGS[module], f"input={path}", f"output={to}")
    for band in [to] if bands == 1 else [f"{to}.{number}" for number in range(1, bands + 1)]:
        for size in ("cols=1500", "cols=401"):
            call("g.region", f"raster={band}")
            call("g.region", "rows=1301" if size == "cols=1500" else "rows=293", size)
            call("r.out.bin", "-f", "--overwrite", f"input={band}", f"output={work}/cells", "bytes=4", "null=-1")
            with open(f"{work}/cells", "rb") as file:
                cells += file.read()
    assert len(cells) == bands * 4 * (1500 * 1301 + 401 * 293), (name, len(cells))
    return cells


def compare():
    wrong = []
    with tempfile.TemporaryDirectory() as work:
        for name in RASTERS:
            for module in FLAGS:
                # It takes names for files, so that a view needs one.
                view = f"{work}/{name}.vrt"
                gdal.Translate(view, f"TILECACHE:{os.getcwd()}/{name}?tile=300", format="VRT")
                plain = read(name, "plain", os.path.abspath(name), module, work)
                if read(name, "view", view, module, work) != plain:
                    wrong.append(f"{name} by {module}")
    assert not wrong, "\n".join(wrong)
    print(f"{len(RASTERS)} rasters and their views are alike")


if "GISRC" in os.environ:
    compare()
elif shutil.which("grass") is None:
    print("there is no GRASS: apt-get install grass-core")
    sys.exit(77)
else:
    call("grass", "--tmp-location", "XY", "--exec", "/usr/bin/python3", os.path.abspath(__file__))
