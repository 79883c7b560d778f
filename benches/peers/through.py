"""GDAL's own programs over files, directly and through the driver plugin, with equal memory."""
import json
import os
import re
import subprocess
import threading
import time

WARP = "gdalwarp -t_srs EPSG:3857 -wm 16 -co TILED=YES"
ADD = "gdaladdo -ro -r average --config GDAL_TIFF_OVR_BLOCKSIZE 512"
COMPRESSED = "--config COMPRESS_OVERVIEW DEFLATE --config PREDICTOR_OVERVIEW 2 --config INTERLEAVE_OVERVIEW PIXEL"
# Of each work its words before the names of files, those behind them, and what it may keep, in MiB.
PROGRAMS = {
    "gdal_translate": ("gdal_translate -co TILED=YES", "", 64),
    "gdal_translate, deflate": ("gdal_translate -co TILED=YES -co COMPRESS=DEFLATE -co ZLEVEL=1", "", 64),
    "gdal_translate, window": ("gdal_translate -co TILED=YES -srcwin 1000 1000 4000 4000", "", 64),
    "gdal_translate, 25 %": ("gdal_translate -co TILED=YES -outsize 25% 25%", "", 64),
    "gdal_translate, 25 %, average": ("gdal_translate -co TILED=YES -outsize 25% 25% -r average", "", 64),
    "gdalwarp, bilinear": (WARP + " -r bilinear", "", 64),
    "gdalwarp, cubic": (WARP + " -r cubic", "", 64),
    "gdalwarp, two threads": (WARP + " -r bilinear -multi -wo NUM_THREADS=2", "", 64),
    "gdalwarp, 16 MiB": (WARP + " -r bilinear", "", 16),
    "gdaladdo": (ADD, "2 4 8 16", 64),
    "gdaladdo, deflate": (f"{ADD} {COMPRESSED}", "2 4 8 16", 64),
}
FILES = ("1_none", "1_deflate", "16_none", "16_deflate", "_cog")
# Tiles of another size, by threads with a dataset each.
HANDLES = (1, 4)
# Of what the run through us may keep, GDAL gets a quarter.
OURS = 0.75


def _memory(mib, through):
    """How both caches are set up; in the direct run there is one, in the other they are as large together."""
    if not through:
        return {"GDAL_CACHEMAX": f"{mib}MB"}
    return {"GDAL_CACHEMAX": f"{mib * (1 - OURS):.0f}MB", "TILECACHE_CACHE": f"{mib * OURS:.0f}MiB"}


def _run(words, environment, limit):
    """Runs a program: its output, its errors, the time that it took, and what the system says of it."""
    begin = time.monotonic()
    process = subprocess.Popen(words, env=dict(os.environ, **environment), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    watch = threading.Timer(limit, process.kill)
    watch.start()
    said = [None, None]
    # Both at once, so that neither waits for the other.
    readers = [threading.Thread(target=lambda i=i, of=of: said.__setitem__(i, of.read()))
               for i, of in enumerate((process.stdout, process.stderr))]
    for reader in readers:
        reader.start()
    _, status, used = os.wait4(process.pid, 0)
    took = time.monotonic() - begin
    watch.cancel()
    for reader in readers:
        reader.join()
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, said[0], said[1], took, used


def _decodes(errors):
    """Of the library that counts calls of libtiff, and of each view that was closed."""
    counts = re.findall(r'"blocks_decoded":([0-9.]+)', errors) + re.findall(r"^decodes (\d+)$", errors, re.MULTILINE)
    return round(sum(map(float, counts)))


def _checksum(path):
    """Of all bands and overviews of a file."""
    told = subprocess.run(["gdalinfo", "-checksum", path], capture_output=True, text=True, check=True).stdout
    return "-".join(re.findall(r"Checksum=(\d+)", told))


class Through:
    """`plugin` is the folder of the driver, `preload` counts decodes of libtiff, `handles` is the program over GDAL."""

    def __init__(self, plugin, preload, handles, limit):
        self.plugin, self.preload, self.handles, self.limit = plugin, preload, handles, limit
        self.version = subprocess.run(["gdalinfo", "--version"], capture_output=True, text=True, check=True).stdout.split(",")[0]

    def _environment(self, mib, through):
        more = {"GDAL_DRIVER_PATH": self.plugin, "CPL_DEBUG": "TILECACHE"} if through else {"LD_PRELOAD": self.preload}
        return {"GDAL_PAM_ENABLED": "NO", **_memory(mib, through), **more}

    def program(self, work, path, out, through):
        """One run of a program: the members of its result."""
        before, behind, mib = PROGRAMS[work]
        adds = before.startswith("gdaladdo")
        made = path + ".ovr" if adds else out
        for old in (path + ".ovr", out):
            if os.path.exists(old):
                os.remove(old)
        source = "TILECACHE:" + path if through else path
        words = [*before.split(), "-q", source, *behind.split(), *([] if adds else [out])]
        status, _, errors, took, used = _run(words, self._environment(mib, through), self.limit)
        if status:
            return {"failed": errors.strip()[-200:] or f"status {status}"}
        result = {"version": self.version} if not through else {}
        result.update(seconds=took, cpu=used.ru_utime + used.ru_stime, late=0, decodes=_decodes(errors), faults=used.ru_minflt,
                      peak_mib=used.ru_maxrss / 1024, checksum=_checksum(made))
        os.remove(made)
        return result

    def in_process(self, path, threads, through):
        """All tiles of 1024 x 1024 by threads with a dataset each."""
        options = {"workload": "through", "file": path, "order": "rows", "mode": "handles" + ",through" * through,
                   "threads": threads, "budget-mib": 64}
        words = [*self.handles.command, *(word for key, value in options.items() for word in ("--" + key, str(value)))]
        environment = self._environment(64, through)
        # Its budget is that of GDAL's cache, which it sets itself, and it counts calls of libtiff itself.
        words[words.index("--budget-mib") + 1] = environment["GDAL_CACHEMAX"].removesuffix("MB")
        environment.pop("LD_PRELOAD", None)
        status, output, errors, _, _ = _run(words, environment, self.limit)
        if status:
            return {"failed": errors.strip()[-200:] or f"status {status}"}
        result = json.loads(output)
        if through:
            result["decodes"] = _decodes(errors)
            del result["version"]
        return result

    def each(self, stage, out, wants):
        """Runs all: what each is about, and a function that measures it."""
        for file in FILES:
            for work in PROGRAMS:
                variant = f"{file.strip('_')}, {work}"
                # GDAL adds no overviews to a file that has some.
                if variant.startswith("cog, gdaladdo") or not wants(variant):
                    continue
                for through in (False, True):
                    yield (variant, 2 if "two threads" in work else 1, through,
                           lambda file=file, work=work, through=through: self.program(work, stage(f"through{file}.tif"), out, through))
            for threads in HANDLES:
                variant = f"{file.strip('_')}, a dataset for each thread"
                if wants(variant):
                    for through in (False, True):
                        yield (variant, threads, through,
                               lambda file=file, threads=threads, through=through: self.in_process(
                                   stage(f"through{file}.tif"), threads, through))
