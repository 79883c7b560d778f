"""The driver and the symbols of the plugin, as a program uses them: use.py <plugin> <library>

In a directory that make.py has filled, with GDAL_DRIVER_PATH set."""

import ctypes
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from osgeo import gdal

gdal.UseExceptions()
said = []
gdal.PushErrorHandler(lambda kind, number, text: said.append((kind, text)))


def refused(what, text, flags=gdal.OF_RASTER):
    try:
        gdal.OpenEx(what, flags | gdal.OF_VERBOSE_ERROR)
    except RuntimeError as error:
        assert text in str(error), error
    else:
        raise AssertionError(f"{what} was opened")


# What is read without resampling, converted or not, leaves nothing in GDAL's cache.
direct = gdal.Open("tiles.tif").ReadAsArray()
before = gdal.GetCacheUsed()
view = gdal.OpenEx("TILECACHE:tiles.tif", open_options=["TILE=256x100", "PAD=YES", "CACHE=64MiB"])
assert view.GetRasterBand(1).GetBlockSize() == [256, 100]
assert np.array_equal(view.ReadAsArray(), direct)
assert np.array_equal(view.ReadAsArray(13, 17, 1001, 999), direct[:, 17:1016, 13:1014])
assert np.array_equal(view.ReadAsArray(buf_type=gdal.GDT_Float64), direct.astype(float))
assert np.array_equal(view.GetRasterBand(3).ReadAsArray(), direct[2])
assert gdal.GetCacheUsed() == before, gdal.GetCacheUsed()

# Interleaved memory and resampled reads are as GDAL's own.
plain = gdal.Open("tiles.tif")
for arguments in (dict(buf_xsize=700, buf_ysize=600), dict(buf_xsize=101, buf_ysize=77, buf_type=gdal.GDT_Int16),
                  dict(xoff=10, yoff=20, xsize=400, ysize=300, buf_xsize=900, buf_ysize=800)):
    assert view.ReadRaster(**arguments) == plain.ReadRaster(**arguments), arguments
packed = dict(buf_pixel_space=3, buf_line_space=3 * 1500, buf_band_space=1)
assert view.ReadRaster(**packed) == plain.ReadRaster(**packed)

# Blocks are tiles.
block = view.GetRasterBand(2).ReadBlock(1, 2)
assert np.array_equal(np.frombuffer(block, np.uint8).reshape(100, 256), direct[1, 200:300, 256:512])

# Complex samples, as they are and as real ones.
signal, signals = gdal.Open("complex.tif"), gdal.Open("TILECACHE:complex.tif")
assert np.array_equal(signals.ReadAsArray(), signal.ReadAsArray())
assert np.array_equal(signals.ReadAsArray(buf_type=gdal.GDT_Float32), signal.ReadAsArray(buf_type=gdal.GDT_Float32))

# One cache: the first dataset decides, and who asks for another one is told.
assert not said, said
again = gdal.Open("TILECACHE:strips.tif?cache=1GiB")
assert [kind for kind, text in said if "cache=1073741824 is ignored" in text] == [gdal.CE_Warning], said

# Fewer quality layers, of what the library reads itself.
memory = gdal.GetDriverByName("MEM").Create("", 256, 200, 1)
memory.WriteArray(np.random.default_rng(5).integers(0, 255, (200, 256), np.uint8))
gdal.GetDriverByName("JP2OpenJPEG").CreateCopy("layers.jp2", memory, options=["QUALITY=2,60"])
full, all_layers = gdal.Open("layers.jp2").ReadAsArray(), gdal.Open("TILECACHE:layers.jp2?layers=9").ReadAsArray()
assert np.array_equal(all_layers, full)
few = gdal.Open("TILECACHE:layers.jp2?layers=1").ReadAsArray()
assert few.shape == full.shape and (few != full).mean() > 0.5
refused("TILECACHE:layers.jp2?layers=1&source=gdal", "layers=1 is not for layers.jp2")
refused("TILECACHE:layers.jp2?layers=-1", "layers=-1 is not understood")

# A question mark that begins no options belongs to the name, where that may have one.
refused("TILECACHE:nowhere.tif?token=7", "nowhere.tif?token=7")
refused("TILECACHE:nowhere.tif?token=7&tile=256", "unknown option token")
refused("TILECACHE:nowhere.tif?tile=256", "nowhere.tif:")
refused("TILECACHE:tiles.tif?tile=0", "tile=0")
refused("TILECACHE:tiles.tif?cache=much", "cache=much")
refused("TILECACHE:tiles.tif?source=none", "source=none")
refused("TILECACHE:", "names no raster")
refused("TILECACHE:copy.vrt?source=tilecache", "copy.vrt: is not TIFF")
refused("TILECACHE:tiles.tif", "", gdal.OF_UPDATE)


# Threads, each with datasets of its own over the same tiles.
def read(number):
    source = ("AUTO", "GDAL")[number % 2]
    own = gdal.Open(f"TILECACHE:tiles.tif?tile=100&source={source}")
    return np.array_equal(own.ReadAsArray(), direct)


with ThreadPoolExecutor(8) as pool:
    assert all(pool.map(read, range(24)))


# The bridge as a symbol.
class Error(ctypes.Structure):
    _fields_ = [("code", ctypes.c_int32), ("source_code", ctypes.c_int32), ("message", ctypes.c_char * 504)]


plugin, library = ctypes.CDLL(sys.argv[1]), ctypes.CDLL(sys.argv[2])
library.provider_key.restype = ctypes.c_char_p
library.provider_key.argtypes = library.provider_release.argtypes = [ctypes.c_void_p]
provider, error = ctypes.c_void_p(), Error()
assert plugin.tilecache_gdal_open(b"copy.jp2", None, ctypes.byref(provider), ctypes.byref(error)) == 0, error.message
assert library.provider_key(provider).startswith(b"gdal-JP2OpenJPEG-"), library.provider_key(provider)
library.provider_release(provider)
assert plugin.tilecache_gdal_open(b"nowhere", None, ctypes.byref(provider), ctypes.byref(error)) == 13
assert b"nowhere" in error.message and error.source_code == 4
gdal.FileFromMemBuffer("/vsimem/own.tif", open("tiles.tif", "rb").read())
assert plugin.tilecache_gdal_open_vsi(b"/vsimem/own.tif", None, ctypes.byref(provider), ctypes.byref(error)) == 0, error.message
library.provider_release(provider)
