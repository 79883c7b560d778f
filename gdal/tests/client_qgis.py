"""QGIS draws the same of a raster and of its view, also while its provider is closed: client_qgis.py

In the directory are the rasters of make.py. Ends with 77 where there is no QGIS."""

import math
import os
import sys
import threading

try:
    from qgis.core import QgsApplication, QgsMapRendererParallelJob, QgsMapSettings, QgsPointXY, QgsRasterLayer
    from qgis.PyQt.QtCore import QSize
except ImportError:
    print("there is no QGIS: apt-get install python3-qgis")
    sys.exit(77)

RASTERS = ["tiles.tif", "strips.tif", "bands.tif", "masked.tif", "palette.tif", "copy.jp2", "copy.vrt"]
THREADS, ROUNDS = 4, 3


def image(layer, factor):
    """A picture of a part of the layer, drawn by the threads of QGIS."""
    extent = layer.extent()
    extent.scale(factor)
    settings = QgsMapSettings()
    settings.setLayers([layer])
    settings.setExtent(extent)
    settings.setOutputSize(QSize(200, 150))
    settings.setDestinationCrs(layer.crs())
    job = QgsMapRendererParallelJob(settings)
    job.start()
    job.waitForFinished()
    drawn = job.renderedImage()
    bits = drawn.constBits()
    bits.setsize(drawn.sizeInBytes())
    return bytes(bits)


def blocks(provider, extent):
    read = [provider.block(band, extent, 150, 120) for band in range(1, provider.bandCount() + 1)]
    return [bytes(block.data()) for block in read]


def in_threads(work):
    """Runs `work` with the number of each thread; what it returns, in order."""
    results = [None] * THREADS

    def run(number):
        try:
            results[number] = work(number)
        except Exception as error:
            results[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def compare(raster):
    layers = [QgsRasterLayer(path, "a layer", "gdal") for path in (raster, f"TILECACHE:{os.getcwd()}/{raster}?tile=200")]
    assert all(layer.isValid() for layer in layers), f"{raster}: {[layer.error().message() for layer in layers]}"
    # How much contrast is stretched is told by the pixels of some blocks, which are others.
    layers[1].setRenderer(layers[0].renderer().clone())
    plain, view = (layer.dataProvider() for layer in layers)
    assert (plain.xSize(), plain.ySize(), plain.bandCount()) == (view.xSize(), view.ySize(), view.bandCount())
    statistics = [provider.bandStatistics(1) for provider in (plain, view)]
    colours = [[(entry.value, entry.color.rgba()) for entry in provider.colorTable(1)] for provider in (plain, view)]
    assert colours[0] == colours[1], f"{raster}: colours differ"
    for what in ("mean", "stdDev", "minimumValue", "maximumValue"):  # summed block by block
        of = [getattr(one, what) for one in statistics]
        assert math.isclose(*of, rel_tol=1e-9), f"{raster}: {what} {of}"
    assert plain.histogram(1, 64).histogramVector == view.histogram(1, 64).histogramVector, raster
    for factor in (1, 0.3, 0.05):
        assert image(layers[0], factor) == image(layers[1], factor), f"{raster}: images of {factor} differ"
    want = blocks(plain, layers[0].extent())
    # Each thread has a clone, as the threads that draw have.
    clones = [view.clone() for _ in range(THREADS)]
    extent = layers[1].extent()
    for got in in_threads(lambda number: [blocks(clones[number], extent) for _ in range(ROUNDS)]):
        assert got == [want] * ROUNDS, f"{raster}: {got if isinstance(got, Exception) else 'blocks differ'}"
    clones[0].sample(QgsPointXY(510000, 4990000), 1)
    return clones


def close_while_drawn(raster):
    """Layers go while jobs over them are under way."""
    for _ in range(ROUNDS):
        layer = QgsRasterLayer(f"TILECACHE:{os.getcwd()}/{raster}?tile=100", "a layer", "gdal")
        settings = QgsMapSettings()
        settings.setLayers([layer])
        settings.setExtent(layer.extent())
        settings.setOutputSize(QSize(1200, 900))
        jobs = [QgsMapRendererParallelJob(settings) for _ in range(THREADS)]
        for job in jobs:
            job.start()
        layer.dataProvider().reloadData()
        del layer
        for job in jobs[::2]:
            job.cancel()
        for job in jobs[1::2]:
            job.waitForFinished()


def main():
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    QgsApplication.setPrefixPath("/usr", True)
    application = QgsApplication([], False)
    application.initQgis()
    kept = [compare(raster) for raster in RASTERS]
    close_while_drawn("tiles.tif")
    # Some clones are still there when QGIS ends, and with it GDAL.
    application.exitQgis()
    print(f"QGIS draws {len(kept)} rasters and their views alike")


main()
