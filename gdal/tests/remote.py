"""Files of a network, and in archives, opened twice: remote.py <plugin> <library>

Serves files of the current directory itself, and asks for them by GDAL's names, with GDAL_DRIVER_PATH set. How a
path begins says what the server tells of its files: /tag/ an ETag, /time/ an old time of change, /weak/ a weak ETag,
/now/ a time of this very second, /nothing/ nothing."""

import ctypes
import hashlib
import http.server
import re
import sys
import threading
import zipfile
from email.utils import formatdate

import numpy as np
from osgeo import gdal

gdal.UseExceptions()
gdal.SetConfigOption("GDAL_DISABLE_READDIR_ON_OPEN", "EMPTY_DIR")
asked = []


class Server(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self.serve(False)

    def do_GET(self):
        self.serve(True)

    def log_message(self, *_):
        pass

    def serve(self, body):
        asked.append((self.command, self.path))
        _, tells, name = self.path.split("/", 2)
        try:
            with open(name, "rb") as file:
                content = file.read()
        except OSError:
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        part = re.match(r"bytes=(\d+)-(\d+)$", self.headers.get("Range", ""))
        size, sent = len(content), content
        if part:
            first, last = int(part[1]), min(int(part[2]), size - 1)
            sent = content[first:last + 1]
        # Not send_response, which adds the time of the answer itself.
        self.send_response_only(206 if part else 200)
        self.send_header("Date", formatdate(1e9, usegmt=True))
        if part:
            self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
        tag = hashlib.md5(content).hexdigest()
        told = {"tag": ("ETag", f'"{tag}"'), "weak": ("ETag", f'W/"{tag}"'),
                "time": ("Last-Modified", formatdate(8e8 + int(tag[:4], 16), usegmt=True)),
                "now": ("Last-Modified", formatdate(1e9, usegmt=True))}
        if tells in told:
            self.send_header(*told[tells])
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        if body:
            self.wfile.write(sent)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
BASE = f"/vsicurl/http://127.0.0.1:{server.server_port}"


def make(name, value):
    raster = gdal.GetDriverByName("GTiff").Create(name, 600, 500, 1, options=["TILED=YES"])
    raster.SetGeoTransform((0, 1, 0, 0, 0, -1))
    raster.GetRasterBand(1).Fill(value)


class Error(ctypes.Structure):
    _fields_ = [("code", ctypes.c_int32), ("source_code", ctypes.c_int32), ("message", ctypes.c_char * 504)]


plugin, library = ctypes.CDLL(sys.argv[1]), ctypes.CDLL(sys.argv[2])
library.provider_key.restype = ctypes.c_char_p
library.provider_key.argtypes = library.provider_release.argtypes = [ctypes.c_void_p]


def key(path, way="open"):
    provider, error = ctypes.c_void_p(), Error()
    open_it = getattr(plugin, f"tilecache_gdal_{way}")
    assert open_it(path.encode(), None, ctypes.byref(provider), ctypes.byref(error)) == 0, error.message
    text = library.provider_key(provider)
    library.provider_release(provider)
    return text


def shares(path):
    """Whether what is opened twice has one key, by each way to open it."""
    by_gdal, by_us = ({key(path, way) for _ in range(2)} for way in ("open", "open_vsi"))
    assert len(by_gdal) == len(by_us), (path, by_gdal, by_us)
    assert not by_gdal & by_us, by_gdal
    return len(by_gdal) == 1


make("scene.tif", 3)
for tells, expected in {"tag": True, "time": True, "weak": False, "now": False, "nothing": False}.items():
    assert shares(f"{BASE}/{tells}/scene.tif") == expected, tells
assert key(f"{BASE}/tag/scene.tif") != key(f"{BASE}/time/scene.tif")

# The tiles of the second one come out of the cache, without a request for pixels.
url = f"{BASE}/tag/scene.tif"
for source in ("tilecache", "gdal"):
    assert (gdal.Open(f"TILECACHE:{url}?source={source}").ReadAsArray() == 3).all()
    gdal.VSICurlClearCache()
    again = gdal.Open(f"TILECACHE:{url}?source={source}")
    asked.clear()
    assert (again.ReadAsArray() == 3).all()
    assert not asked, asked
    del again

# A file that has changed is another one, and what GDAL still has of the old one is not shown.
before = key(url)
make("scene.tif", 9)
assert key(url) != before
for source in ("tilecache", "gdal"):
    assert (gdal.Open(f"TILECACHE:{url}?source={source}").ReadAsArray() == 9).all(), source

# Archives, here and there, and rasters of which a file of the network is a part; what is in memory is not told.
for name in ("all.zip", "same.zip"):
    with zipfile.ZipFile(name, "w") as archive:
        archive.write("scene.tif", "in/scene.tif")
assert shares("/vsizip/all.zip/in/scene.tif")
assert key("/vsizip/all.zip/in/scene.tif") != key("/vsizip/same.zip/in/scene.tif")
assert shares("/vsizip/{all.zip}/in/scene.tif")
assert shares("/vsisubfile/0_1000000,scene.tif")
assert shares(f"/vsizip/{BASE}/tag/all.zip/in/scene.tif")
assert not shares(f"/vsizip/{BASE}/nothing/all.zip/in/scene.tif")
gdal.FileFromMemBuffer("/vsimem/scene.tif", open("scene.tif", "rb").read())
assert not shares("/vsimem/scene.tif")


def mosaic(*names):
    gdal.BuildVRT("mosaic.vrt", [f"{BASE}/{name}" for name in names])
    return key("mosaic.vrt")


for number in range(20):
    make(f"part{number}.tif", number)
assert mosaic("tag/scene.tif", "time/part0.tif") == key("mosaic.vrt")
before = key("mosaic.vrt")
make("part0.tif", 77)
assert key("mosaic.vrt") != before
assert mosaic("tag/scene.tif", "nothing/part0.tif") != key("mosaic.vrt")
asked.clear()
assert mosaic(*(f"tag/part{number}.tif" for number in range(20))) != key("mosaic.vrt")
