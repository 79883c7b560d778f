"""Makes files that lie somewhere on the ground, and says where GDAL has them.

Usage: make.py DIRECTORY, which tests/support must be on the path for. Each line of `manifest` there says of one file
what GDAL says, in fields:
    file what value...
with "transform" and its six numbers, "point" and yes or no, "epsg" and "vertical" and a code or 0, "unit" and a text
that may be empty, "gcp" with name, pixel, line, x, y and z for each point, "rpc" and 92 numbers, and "end".
"""

import os
import struct

import numpy as np
from osgeo import gdal, osr
from rasters import manifest, random, say

MEMORY = gdal.GetDriverByName("MEM")
GTIFF = gdal.GetDriverByName("GTiff")
NORTH_UP = [440720.25, 60.5, 0, 3751320.125, 0, -59.75]
RPC = {
    "ERR_BIAS": "0.25", "ERR_RAND": "-1", "LINE_OFF": "15834.5", "SAMP_OFF": "13464.25", "LAT_OFF": "-0.4161",
    "LONG_OFF": "-77.3871", "HEIGHT_OFF": "2330", "LINE_SCALE": "15834", "SAMP_SCALE": "13464", "LAT_SCALE": "0.1",
    "LONG_SCALE": "0.2", "HEIGHT_SCALE": "3000",
}


# Of each projection that GeoTIFF has a code for one, some upon an ellipsoid, a meridian or in units of their own.
OWN = [
    "+proj=lcc +lat_1=30 +lat_2=40 +lon_0=10 +datum=WGS84", "+proj=tmerc +lon_0=7.5 +ellps=bessel +k=0.9996 +x_0=5",
    "+proj=longlat +ellps=clrk66 +pm=ferro", "+proj=longlat +R=6371000",
    "+proj=aea +lat_1=29.5 +lat_2=45.5 +lat_0=23 +lon_0=-96 +datum=NAD83 +units=us-ft",
    "+proj=sinu +R=6371007.181", "+proj=laea +lat_0=10 +lon_0=-3 +datum=WGS84 +x_0=7 +y_0=-9.25",
    "+proj=merc +lon_0=10 +k=0.9 +a=6378000 +b=6356000", "+proj=merc +lat_ts=20 +lon_0=10 +datum=NAD27",
    "+proj=lcc +lat_1=30 +lat_0=30 +lon_0=10 +k_0=0.99 +datum=NAD83", "+proj=aeqd +lat_0=10 +lon_0=20 +datum=WGS84",
    "+proj=eqdc +lat_1=10 +lat_2=20 +lat_0=5 +lon_0=7 +datum=WGS84", "+proj=eqc +lat_ts=30 +lon_0=7 +datum=WGS84",
    "+proj=stere +lat_0=10 +lon_0=20 +k=0.99 +datum=WGS84", "+proj=stere +lat_0=90 +lat_ts=71 +lon_0=-39 +datum=WGS84",
    "+proj=stere +lat_0=-90 +lat_ts=-75 +lon_0=3 +ellps=GRS80", "+proj=stere +lat_0=90 +lon_0=20 +k=0.994 +datum=WGS84",
    "+proj=sterea +lat_0=52 +lon_0=5 +k=0.9999 +ellps=bessel", "+proj=cass +lat_0=10 +lon_0=20 +datum=WGS84",
    "+proj=gnom +lat_0=10 +lon_0=20 +datum=WGS84", "+proj=mill +lon_0=20 +datum=WGS84",
    "+proj=ortho +lat_0=10 +lon_0=20 +datum=WGS84", "+proj=poly +lat_0=10 +lon_0=20 +datum=WGS84",
    "+proj=robin +lon_0=20 +datum=WGS84", "+proj=vandg +lon_0=20 +datum=WGS84",
    "+proj=nzmg +lat_0=-41 +lon_0=173 +x_0=2510000 +y_0=6023150 +ellps=intl", "+proj=cea +lat_ts=10 +lon_0=20 +datum=WGS84",
    "+proj=omerc +lat_0=10 +lonc=20 +alpha=30 +gamma=25 +k=0.99 +no_uoff +datum=WGS84",
    "+proj=tmerc +axis=wsu +lon_0=19 +datum=WGS84", "+proj=omerc +lat_0=10 +lonc=20 +alpha=30 +gamma=25 +datum=WGS84",
    "+proj=utm +zone=18 +ellps=WGS84", "+proj=utm +zone=19 +south +ellps=intl",
]


def rpc():
    items = dict(RPC)
    for name in ["LINE_NUM", "LINE_DEN", "SAMP_NUM", "SAMP_DEN"]:
        items[name + "_COEFF"] = " ".join(repr(round(float(number), 9)) for number in random.normal(size=20))
    return items


def system(name):
    srs = osr.SpatialReference()
    srs.SetFromUserInput(name)
    srs.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    return srs


def create(name, srs=None, transform=None, gcps=None, metadata={}, options=[], driver=GTIFF, bands=1, rpcs=None):
    dataset = MEMORY.Create("", 45, 37, bands)
    for band in range(bands):
        dataset.GetRasterBand(band + 1).WriteArray(random.integers(0, 255, (37, 45)))
    dataset.SetMetadata(metadata)
    if gcps:
        dataset.SetGCPs(gcps, system(srs))
    elif srs:
        dataset.SetSpatialRef(system(srs))
    if transform:
        dataset.SetGeoTransform(transform)
    if rpcs:
        dataset.SetMetadata(rpcs, "RPC")
    driver.CreateCopy(name, dataset, options=options)


def number(value):
    return repr(float(value))


def code(srs, part):
    is_known = srs.GetAuthorityName(part) == "EPSG" and srs.GetAuthorityCode(part)
    return is_known or 0


def expect(name, with_values=False):
    """What GDAL says of a file, without what it may have left beside it, or with that."""
    for left in [name + ".aux.xml", name + ".msk"]:
        if os.path.exists(left) and not with_values:
            os.remove(left)
    dataset = gdal.Open(name)
    transform = dataset.GetGeoTransform(can_return_null=True)
    if transform:
        say(name, "transform", *map(number, transform))
    say(name, "point", "yes" if dataset.GetMetadataItem("AREA_OR_POINT") == "Point" else "no")
    srs = dataset.GetSpatialRef() or dataset.GetGCPSpatialRef()
    if srs:
        if name.endswith(".ntf"):
            srs = srs.Clone()
            srs.AutoIdentifyEPSG()
        own = code(srs, None)
        part = "PROJCS" if srs.IsProjected() else "GEOCCS" if srs.IsGeocentric() else "GEOGCS"
        say(name, "epsg", own if own and not srs.IsCompound() else code(srs, part))
        say(name, "vertical", code(srs, "VERT_CS") if srs.IsCompound() else 0)
    say(name, "unit", dataset.GetRasterBand(1).GetUnitType())
    for gcp in dataset.GetGCPs() or []:
        say(name, "gcp", gcp.Id, *map(number, [gcp.GCPPixel, gcp.GCPLine, gcp.GCPX, gcp.GCPY, gcp.GCPZ]))
    items = dataset.GetMetadata("RPC")
    if items:
        numbers = [items.get(name, -1) for name in RPC]
        for factors in ["LINE_NUM", "LINE_DEN", "SAMP_NUM", "SAMP_DEN"]:
            numbers += items[factors + "_COEFF"].split()
        say(name, "rpc", *map(number, numbers))
    say(name, "end")


def write(name, text):
    with open(name, "w") as out:
        out.write(text)


def systems():
    names = [4326, 4269, 4267, 4258, 4979, 4978, 3857, 2154, 27700, 31370, 28992, 21781, 2056, 31467, 25832, 2263, 3031,
             3413, 3035, 5070, 26711, 26918, 32601, 32660, 32701, 32760, 28355, 2193, 5041, 3395, 6933, 2326, 3994]
    for at, epsg in enumerate(names):
        for version, point in [("1.0", "Area"), ("1.1", "Point")]:
            name = f"epsg-{epsg}-{version}.tif"
            create(
                name, f"EPSG:{epsg}", NORTH_UP, metadata={"AREA_OR_POINT": point},
                options=[f"GEOTIFF_VERSION={version}", f"ENDIANNESS={['LITTLE', 'BIG'][at % 2]}",
                         f"BIGTIFF={['NO', 'YES'][at % 3 == 0]}"],
            )
            expect(name)
    # The user's own, known by no code.
    for at, text in enumerate(["ESRI:54009", "+proj=merc +lat_ts=20 +ellps=bessel +lon_0=5 +units=ft"] + OWN):
        name = f"own-{at}.tif"
        create(name, text, NORTH_UP)
        expect(name)
    # What cannot be told rightly is not told.
    for at, text in enumerate(['LOCAL_CS["hall",UNIT["metre",1]]', "+proj=tmerc +ellps=bessel +towgs84=1,2,3,4,5,6,7"]):
        name = f"untold-{at}.tif"
        create(name, text, NORTH_UP)
        expect(name)


def heights():
    """All vertical systems that the library may know the unit of; of deprecated ones GDAL tells others."""
    known = []
    for info in osr.GetCRSInfoListFromDatabase("EPSG"):
        if info.type == osr.OSR_CRS_TYPE_VERTICAL and int(info.code) < 32767 and not info.deprecated:
            known.append(info.code)
    assert len(known) > 200
    for vertical in known:
        name = f"heights-{vertical}.tif"
        create(name, f"EPSG:32632+{vertical}", NORTH_UP, options=["GEOTIFF_VERSION=1.1"])
        expect(name)


def transforms():
    choices = {
        "north": NORTH_UP,
        "south": [5, 0.1, 0, 50, 0, 0.3],
        "turned": [100, 1, 0.5, 50, -0.25, -2],
        "swapped": [100, 0, 3, 50, -4, 0],
        "far": [1e9 + 1 / 3, 1e-7 / 3, 0, -1e9, 0, -1e-7],
    }
    for name, transform in choices.items():
        for point in ["Area", "Point"]:
            file = f"transform-{name}-{point}.tif"
            create(file, "EPSG:32632", transform, metadata={"AREA_OR_POINT": point})
            expect(file)
    create("nowhere.tif")
    expect("nowhere.tif")
    create("system-alone.tif", "EPSG:32632")
    expect("system-alone.tif")


def points():
    for count in [1, 3, 4, 400]:
        for point in ["Area", "Point"]:
            gcps = [gdal.GCP(*map(float, random.normal(size=5) * 100), "", str(at + 1)) for at in range(count)]
            file = f"points-{count}-{point}.tif"
            create(file, "EPSG:4326", gcps=gcps, metadata={"AREA_OR_POINT": point})
            expect(file)
    create("rpc.tif", rpcs=rpc())
    expect("rpc.tif")
    create("rpc-and-transform.tif", "EPSG:4326", [1, 2, 0, 3, 0, -4], rpcs=rpc())
    expect("rpc-and-transform.tif")


def tiff(name, tags, keys):
    """A file with tags as no writer at hand has them: lists of doubles, and the numbers of the GeoKeys."""
    all_tags = [(256, 3, [1]), (257, 3, [1]), (258, 3, [8]), (259, 3, [1]), (262, 3, [1]), (273, 4, [8]), (277, 3, [1]),
                (278, 3, [1]), (279, 4, [1])]
    all_tags += [(tag, 12, values) for tag, values in tags.items()]
    if keys:
        flat = [number for key in keys for number in key]
        all_tags.append((34735, 3, [1, 1, 0, len(keys), *flat]))
    all_tags.sort()
    data = bytearray(struct.pack("<2sHI", b"II", 42, 16) + bytes(8))
    entries, behind = b"", 16 + 2 + 12 * len(all_tags) + 4
    values = b""
    for tag, kind, numbers in all_tags:
        packed = struct.pack(f"<{len(numbers)}{ {3: 'H', 4: 'I', 12: 'd'}[kind] }", *numbers)
        if len(packed) > 4:
            packed, inside = b"", packed
            entry = struct.pack("<I", behind + len(values))
            values += inside
        else:
            entry = packed.ljust(4, b"\0")
        entries += struct.pack("<HHI", tag, kind, len(numbers)) + entry
    with open(name, "wb") as out:
        out.write(data + struct.pack("<H", len(all_tags)) + entries + bytes(4) + values)


def odd_tags():
    scale, tie, matrix = 33550, 33922, 34264
    turned = [2, 3, 0, 500, 4, 5, 0, 600, 0, 0, 0, 0, 0, 0, 0, 1]
    area, point = [(1024, 0, 1, 1), (1025, 0, 1, 1), (3072, 0, 1, 32632)], [(1025, 0, 1, 2), (2048, 0, 1, 4326)]
    files = {
        "scale-below-0": ({scale: [2, -3, 0], tie: [0, 0, 0, 100, 200, 0]}, area),
        "tied-inside": ({scale: [2, 3, 0], tie: [7.5, 9.25, 0, 100, 200, 0]}, point),
        "tied-twice": ({scale: [2, 3, 0], tie: [0, 0, 0, 100, 200, 0, 1, 1, 0, 103, 197, 0]}, area),
        "scale-alone": ({scale: [2, 3, 0]}, area),
        "scale-0": ({scale: [0, 0, 0], tie: [0, 0, 0, 100, 200, 0]}, area),
        "scale-0-matrix": ({scale: [0, 0, 0], matrix: turned}, area),
        "matrix": ({matrix: turned}, point),
        "matrix-short": ({matrix: turned[:12]}, area),
        "matrix-and-scale": ({matrix: turned, scale: [2, 3, 0], tie: [0, 0, 0, 100, 200, 0]}, area),
        "matrix-and-ties": ({matrix: turned, tie: [0, 0, 0, 100, 200, 0] * 4}, area),
        "ties-short": ({tie: [0, 0, 0, 100, 200, 0, 5, 5]}, area),
        "no-keys": ({scale: [2, 3, 0], tie: [0, 0, 0, 100, 200, 0]}, []),
    }
    for name, keys in {
        "unsaid-geographic": {2048: 4269}, "unsaid-projected": {3072: 32632}, "other-geographic": {1024: 32767, 2048: 4326},
        "both": {1024: 1, 2048: 4267, 3072: 32632}, "both-geographic": {1024: 2, 2048: 4267, 3072: 32632},
        "geographic-as-projected": {1024: 1, 2048: 4326}, "own-heights": {1024: 1, 3072: 32632, 4096: 32767, 4099: 9002},
        "unit-alone": {1024: 1, 3072: 32632, 4099: 9003},
        "ellipsoidal-1": {1024: 2, 2048: 4326, 4096: 5030}, "ellipsoidal-2": {1024: 2, 2048: 4326, 4096: 4979},
        "ellipsoidal-other": {1024: 2, 2048: 4269, 4096: 4979},
    }.items():
        flat = [(id, 0, 1, value) for id, value in keys.items()]
        files["keys-" + name] = ({scale: [2, 3, 0], tie: [0, 0, 0, 100, 200, 0]}, flat)
    for name, (tags, keys) in files.items():
        tiff(name + ".tif", tags, keys)
        expect(name + ".tif")


WORLD = "2.5\n0.25\n-0.125\n-3.5\n1000.75\n2000.5\n"


def worlds():
    png, jpeg = gdal.GetDriverByName("PNG"), gdal.GetDriverByName("JPEG")
    for driver, name, world in [
        (GTIFF, "world-1.tif", "world-1.tfw"), (GTIFF, "world-2.tif", "world-2.tifw"),
        (GTIFF, "world-3.tif", "world-3.wld"), (GTIFF, "world-4.tiff", "world-4.TFW"),
        (png, "world-5.png", "world-5.pgw"), (png, "world-6.png", "world-6.wld"),
        (jpeg, "world-7.jpg", "world-7.jgw"), (jpeg, "world-8.jpeg", "world-8.jpegw"),
        (png, "world-9.png", "world-9.PNGW"),
    ]:
        create(name, driver=driver)
        write(world, WORLD)
        expect(name)
    for at, text in enumerate(["", "1\n2\n3\n", "0\n0\n0\n0\n0\n0\n", "\n\n" + WORLD.replace("\n", "\r\n\n"),
                               "  1e1 \n0\n0\n-1e1\n+7\n8 is the north\n", "x\n" * 6, WORLD + "9\n9\n"]):
        name = f"world-text-{at}.png"
        create(name, driver=png)
        write(f"world-text-{at}.pgw", text)
        expect(name)
    # What the file says itself goes before, and ground control points after.
    create("world-and-own.tif", "EPSG:32632", NORTH_UP)
    write("world-and-own.tfw", WORLD)
    expect("world-and-own.tif")
    create("world-and-system.tif", "EPSG:32632", metadata={"AREA_OR_POINT": "Point"})
    write("world-and-system.tfw", WORLD)
    expect("world-and-system.tif")
    gcps = [gdal.GCP(1, 2, 3, 4, 5, "", str(at + 1)) for at in range(4)]
    create("world-and-points.tif", "EPSG:4326", gcps=gcps)
    write("world-and-points.tfw", WORLD)
    expect("world-and-points.tif")


def values_beside():
    """What GDAL keeps in `.aux.xml`: all of it of formats that have no place for it, or beside what the file says."""
    gcps = [gdal.GCP(10 + at, 2 + at * at, 3, at + 0.5, 4.25 * at, "by the church", f"p{at}") for at in range(4)]
    drivers = {"png": "PNG", "jpg": "JPEG", "tif": "GTiff", "jp2": "JP2OpenJPEG", "ntf": "NITF"}
    pam = '<PAMDataset>{}</PAMDataset>'
    wkt = system("EPSG:32633").ExportToWkt().replace('"', "&quot;")
    place = "<GeoTransform> 7, 0.5, 0.25, 8.0e0, -0.125, -2</GeoTransform>"
    srs = f'<SRS dataAxisToSRSAxisMapping="1,2">{wkt}</SRS>'
    own_srs = f"<SRS>{system(OWN[0]).ExportToWkt()}</SRS>"
    points = f'<GCPList Projection="{wkt}">' + "".join(
        f'<GCP Id="{at}" Info="" Pixel="{at}.5" Line="{at * at}" X="{at}" Y="2" Z="3"/>' for at in range(4)) + "</GCPList>"
    is_point = '<Metadata><MDI key="AREA_OR_POINT">Point</MDI></Metadata>'
    texts = {"place": place, "srs": srs, "both": place + srs, "own": place + own_srs, "point": is_point + place,
             "points": points, "bad": "<GeoTransform>1,2,3</GeoTransform>",
             "utm": place + f"<SRS>{system('EPSG:32632+5773').ExportToWkt()}</SRS>"}
    for end, driver in drivers.items():
        driver = gdal.GetDriverByName(driver)
        for name, text in texts.items():
            for own in [None, "EPSG:32632"]:
                # GDAL tells points and a transform, or looks for no points.
                if (end, name) in [("jp2", "points"), ("ntf", "points")]:
                    continue
                file = f"values-{name}-{'own' if own else 'none'}.{end}"
                create(file, own, [500000, 10, 0, 5000000, 0, -10] if own else None, driver=driver)
                write(file + ".aux.xml", pam.format(text))
                expect(file, with_values=True)
    for end in ["png", "jpg"]:
        driver = gdal.GetDriverByName(drivers[end])
        create(f"kept.{end}", "EPSG:32632", NORTH_UP, metadata={"AREA_OR_POINT": "Point"}, driver=driver, rpcs=rpc())
        expect(f"kept.{end}", with_values=True)
        create(f"kept-points.{end}", "EPSG:4326", gcps=gcps, driver=driver)
        expect(f"kept-points.{end}", with_values=True)
        # Before a world file.
        create(f"kept-world.{end}", "EPSG:32632", NORTH_UP, driver=driver)
        write(f"kept-world.{end}w", WORLD)
        expect(f"kept-world.{end}", with_values=True)


def jpeg2000():
    """By the box that is a GeoTIFF file; JPEG 2000 has no place for the names of points, nor for units of heights."""
    driver = gdal.GetDriverByName("JP2OpenJPEG")
    for at, epsg in enumerate([4326, 32632, 2154, 27700, 3857, 5041]):
        for point in ["Area", "Point"]:
            for gml in ["YES", "NO"]:
                name = f"box-{epsg}-{point}-{gml}.jp2"
                # Of a turned transform of points GDAL reads another one from this box than it wrote, and than from TIFF.
                is_turned = at % 2 == 0 and point == "Area"
                transform = [100, 1, 0.5, 50, -0.25, -2] if is_turned else NORTH_UP
                create(name, f"EPSG:{epsg}", transform, metadata={"AREA_OR_POINT": point}, driver=driver,
                       options=["QUALITY=100", "REVERSIBLE=YES", f"GMLJP2={gml}"])
                expect(name)
    gcps = [gdal.GCP(*map(float, random.normal(size=5) * 100), "", str(at + 1)) for at in range(6)]
    # By GML alone.
    for epsg in [4326, 32632, 2154, 27700, 3857, 5041, 3035, 2193, 3031]:
        name = f"gml-{epsg}.jp2"
        transform = [5, 0.1, 0.01, 50, 0.02, -0.3] if epsg == 4326 else NORTH_UP
        create(name, f"EPSG:{epsg}", transform, driver=driver, options=["GeoJP2=NO", "GMLJP2=YES"])
        expect(name)
    create("box-points.jp2", "EPSG:4326", gcps=gcps, driver=driver)
    expect("box-points.jp2")
    create("box-rpc.jp2", driver=driver, rpcs=rpc())
    expect("box-rpc.jp2")
    create("box-none.jp2", driver=driver)
    expect("box-none.jp2")
    for name, own in [("box-world.jp2", None), ("box-and-world.jp2", "EPSG:32632")]:
        create(name, own, NORTH_UP if own else None, driver=driver)
        write(name.replace("jp2", "j2w"), WORLD)
        expect(name)


def nitf():
    driver = gdal.GetDriverByName("NITF")
    degrees = {"whole": [11, 1 / 60, 0, 47, 0, -1 / 60], "west": [-77.5, 0.25, 0, -3, 0, -0.5],
               "turned": [11, 0.25, 0.125, 47, 0.0625, -0.5]}
    for kind in ["G", "D"]:
        for name, transform in degrees.items():
            file = f"corners-{kind}-{name}.ntf"
            create(file, "EPSG:4326", transform, driver=driver, options=[f"ICORDS={kind}"])
            expect(file)
    # Told more precisely beside that, for all lines and in two ways, or not to be used.
    precise = {"FRLC": "+47.987654+010.246913", "LRLC": "+47.888889+010.246913", "LRFC": "+47.888889+010.123456",
               "FRFC": "+47.987654+010.123456"}
    seconds = {"FRLC": "S475915.55W0100724.44", "LRLC": "S475320.00W0100724.44", "LRFC": "S475320.00W0101448.88",
               "FRFC": "S475915.55W0101448.88"}
    for name, lines, corners in [("decimal", "00037", precise), ("seconds", "   37", seconds), ("part", "00020", precise),
                                 ("blank", "00037", {**precise, "LRFC": " " * 21}),
                                 ("turned", "00037", {**precise, "FRLC": "+47.997654+010.246913"})]:
        file = f"blocka-{name}.ntf"
        options = ["BLOCKA_BLOCK_COUNT=01", "BLOCKA_BLOCK_INSTANCE_01=01", f"BLOCKA_L_LINES_01={lines}", "ICORDS=G"]
        options += [f"BLOCKA_{corner}_LOC_01={place}" for corner, place in corners.items()]
        create(file, "EPSG:4326", [10, 0.01, 0, 48, 0, -0.01], driver=driver, options=options)
        expect(file)
    for epsg, kind in [(32632, "N"), (32601, "N"), (32733, "S"), (32760, "S")]:
        for name, transform in {"whole": [440720, 60, 0, 3751320, 0, -60], "turned": [440720, 60, 8, 3751320, 4, -60]}.items():
            file = f"corners-{epsg}-{name}.ntf"
            create(file, f"EPSG:{epsg}", transform, driver=driver, options=[f"ICORDS={kind}"])
            expect(file)
    create("corners-none.ntf", driver=driver)
    expect("corners-none.ntf")
    # Corners as no writer at hand has them.
    with open("corners-D-west.ntf", "rb") as file:
        data = file.read()
    at = data.index(b"D-03.") + 1
    for name, kind, field in [
        ("bent", "D", "+10.000+010.000+10.000+020.000+00.000+024.000+00.000+010.000"),
        ("near", "D", "+10.000+010.000+10.000+020.000+00.000+020.100+00.000+010.000"),
        ("zero", "D", "+00.000+000.000" * 4),
        ("flat", "D", "+10.000+010.000" * 4),
        ("swapped", "D", "+10.000+010.000+10.000+020.000+00.000+010.000+00.000+020.000"),
        ("swapped-bent", "D", "+10.000+010.000+10.000+020.000+00.000+008.000+00.000+025.000"),
        ("crossed", "D", "+10.000+010.000+00.000+020.000+10.000+020.000+00.000+010.000"),
        ("other-hand", "D", "+10.000+020.000+10.000+010.000+00.000+010.000+00.000+020.000"),
        ("on-side", "D", "+10.000+010.000+00.000+010.000+00.000+020.000+10.000+020.000"),
        ("lower", "G", "100000n0100000e100000n0200000e000000s0200000e000000s0100000w"),
    ]:
        file = f"corners-{name}.ntf"
        with open(file, "wb") as out:
            out.write(data[: at - 1] + kind.encode() + field.encode() + data[at + 60 :])
        expect(file)
    offsets = "1" + "1234.56" + "0000.25" + "015834" + "13464" + "-00.4161" + "-077.3871" + "-0330"
    scales = "015834" + "13464" + "+00.1000" + "+000.2000" + "+3000"
    factors = "".join(f"{float(number):+.6E}"[:-2] + str(at % 10) for at, number in enumerate(random.normal(size=80)))
    for name, options in {
        "rpc-raw.ntf": [], "rpc-jpeg2000.ntf": ["IC=C8"], "rpc-old.ntf": ["TRE=RPC00A=" + offsets + scales + factors],
        "rpc-failed.ntf": ["TRE=RPC00B=0" + offsets[1:] + scales + factors],
    }.items():
        if name not in ["rpc-failed.ntf", "rpc-old.ntf"]:
            options = options + ["TRE=RPC00B=" + offsets + scales + factors]
        create(name, "EPSG:4326", degrees["west"], driver=driver, options=options)
        expect(name)
    # Which is a part of a larger image; GDAL has polynomials of that.
    part = ["TRE=RPC00B=" + offsets + scales + factors, "TRE=ICHIPB=" + "0" * 224]
    create("part.ntf", "EPSG:4326", degrees["west"], driver=driver, options=part)


def levels():
    for name, options in [("levels-1.tif", {}), ("levels-2.tif", {"GDAL_TIFF_INTERNAL_MASK": "YES"})]:
        for key, value in options.items():
            gdal.SetConfigOption(key, value)
        dataset = GTIFF.Create(name, 203, 117, 3, options=["TILED=YES", "BLOCKXSIZE=32", "BLOCKYSIZE=32"])
        dataset.SetSpatialRef(system("EPSG:32632"))
        dataset.SetGeoTransform(NORTH_UP)
        dataset.WriteArray(random.integers(0, 255, (3, 117, 203)))
        if options:
            dataset.CreateMaskBand(gdal.GMF_PER_DATASET)
            dataset.GetRasterBand(1).GetMaskBand().WriteArray(np.full((117, 203), 255))
        # Level 2 is left out in the first.
        dataset.BuildOverviews("NEAREST", [2, 8] if not options else [2, 4])
        dataset = None
        expect(name)


for make in [systems, heights, transforms, points, odd_tags, worlds, values_beside, jpeg2000, nitf, levels]:
    make()
manifest.close()
