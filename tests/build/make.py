"""Files whose place, colours and texts are to go into files that are built of them."""

import sys

import numpy as np
from osgeo import gdal, osr

gdal.UseExceptions()
folder = sys.argv[1]
manifest = open(f"{folder}/manifest", "w")


def create(name, bands=1, dtype=gdal.GDT_Byte, options=()):
    path = f"{folder}/{name}.tif"
    made = gdal.GetDriverByName("GTiff").Create(path, 40, 30, bands, dtype, list(options))
    for band in range(bands):
        made.GetRasterBand(band + 1).WriteArray(np.arange(1200).reshape(30, 40) % 101 + band)
    manifest.write(f"{name}.tif\n")
    return made


def system(code):
    made = osr.SpatialReference()
    made.ImportFromEPSG(code)
    return made


for code, transform in [
    (32632, (440720, 60, 0, 3751320, 0, -60)),
    (4326, (-10.5, 0.1, 0, 45.25, 0, -0.1)),
    (3857, (0, 7.5, 1.25, 100, -2, -3)),
    (27700, (5, 1, 0, 8, 0, 1)),
]:
    for point in ["Area", "Point"]:
        made = create(f"epsg{code}{point}")
        made.SetProjection(system(code).ExportToWkt())
        made.SetGeoTransform(transform)
        made.SetMetadataItem("AREA_OR_POINT", point)

# Systems that no code names.
for name, text in [
    ("laea", "+proj=laea +lat_0=12 +lon_0=34 +ellps=GRS80 +units=m"),
    ("tmerc", "+proj=tmerc +lat_0=1 +lon_0=9.5 +k=0.9996 +x_0=500 +ellps=bessel +units=us-ft"),
    ("lonlat", "+proj=longlat +a=6378000 +rf=300"),
]:
    own = osr.SpatialReference()
    own.ImportFromProj4(text)
    made = create(name)
    made.SetProjection(own.ExportToWkt())
    made.SetGeoTransform((1000, 2, 0, 5000, 0, -2))

both = osr.SpatialReference()
both.SetFromUserInput("EPSG:32632+5773")
made = create("compound", dtype=gdal.GDT_Float32)
made.SetProjection(both.ExportToWkt())
made.SetGeoTransform((440720, 60, 0, 3751320, 0, -60))

made = create("points")
gcps = [gdal.GCP(7.0 + x / 10, 50.0 - y / 10, 3.5, x, y) for x, y in [(0, 0), (39.5, 1), (3, 29), (20, 15)]]
made.SetGCPs(gcps, system(4326).ExportToWkt())

made = create("rpc")
polynomial = " ".join(["0.5", "1"] + ["0.001"] * 18)
rpc = {f"{side}_{part}_COEFF": polynomial for side in ["LINE", "SAMP"] for part in ["NUM", "DEN"]}
for name in ["LINE", "SAMP", "LAT", "LONG", "HEIGHT"]:
    rpc[f"{name}_OFF"] = "15.5"
    rpc[f"{name}_SCALE"] = "10"
made.SetMetadata({**rpc, "ERR_BIAS": "1.5", "ERR_RAND": "0.5"}, "RPC")

made = create("texts", 2, gdal.GDT_Int16)
made.SetMetadataItem("NAME", 'a < b & "c" > d; &amp; é')
made.SetMetadataItem("OTHER", "in a domain", "MINE")
made.SetMetadataItem("TIFFTAG_IMAGEDESCRIPTION", "what it shows")
for at in [1, 2]:
    band = made.GetRasterBand(at)
    band.SetScale(0.5 * at)
    band.SetOffset(-3)
    band.SetUnitType("m")
    band.SetDescription(f"band {at}")
    band.SetNoDataValue(-7)
    band.SetMetadataItem("OF_BAND", str(at))
    band.ComputeStatistics(False)

made = create("palette", 1)
table = gdal.ColorTable()
for index in range(256):
    table.SetColorEntry(index, (index, 255 - index, index // 2, 255))
made.GetRasterBand(1).SetColorTable(table)

create("white", 1, gdal.GDT_Byte, ["PHOTOMETRIC=MINISWHITE"])
create("rgba", 4, gdal.GDT_UInt16, ["PHOTOMETRIC=RGB", "ALPHA=YES"])
create("bits", 1, gdal.GDT_UInt16, ["NBITS=11"])
made = create("colours", 3)
for at, colour in enumerate([gdal.GCI_BlueBand, gdal.GCI_RedBand, gdal.GCI_AlphaBand]):
    made.GetRasterBand(at + 1).SetColorInterpretation(colour)
made = None
