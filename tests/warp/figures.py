"""Where NumPy and GDAL say that points come from, by control points and rational polynomials."""

import random
import sys

import numpy as np
from osgeo import gdal, osr

gdal.UseExceptions()
random.seed(3)
lines = []


def say(kind, given, at, expected):
    numbers = (" ".join(repr(float(n)) for n in part) for part in (given, at, expected))
    lines.append("\t".join([kind, *numbers]))


def terms(x, y, order):
    all_terms = [1, x, y, x * x, x * y, y * y, x**3, x * x * y, x * y * y, y**3]
    return all_terms[: (order + 1) * (order + 2) // 2]


# Output x and y, source x and y: far from 0, as maps are.
pairs = []
for n in range(40):
    x, y = random.uniform(0, 4000), random.uniform(0, 3000)
    u = 500000 + 1.2 * x - 0.1 * y + 2e-5 * x * y + random.uniform(-9, 9)
    v = 4.2e6 + 0.05 * x + 0.9 * y - 1e-5 * y * y + random.uniform(-9, 9)
    pairs.append((x, y, u, v))
pairs = np.array(pairs)
points = [(33.5, 21.25), (-70, 3100), (2000, 1500), (3999, 1)]

# NumPy in long numbers of small size: about a middle, as any careful fit does.
middle, reach = pairs.mean(axis=0), 4000
small = (pairs - middle) / reach
for order in 1, 2, 3:
    matrix = np.array([terms(x, y, order) for x, y in small[:, :2]])
    factors = np.linalg.lstsq(matrix, small[:, 2:], rcond=None)[0]
    for point in points:
        x, y = (np.array(point) - middle[:2]) / reach
        found = np.array(terms(x, y, order)) @ factors * reach + middle[2:]
        say(f"polynomial {order}", pairs.ravel(), point, found)

dataset = gdal.GetDriverByName("MEM").Create("", 10, 10, 1)
dataset.SetGCPs([gdal.GCP(u, v, 0, x, y) for x, y, u, v in pairs], "")
transformer = gdal.Transformer(dataset, None, ["METHOD=GCP_TPS"])
for point in points + [tuple(pairs[7, :2])]:
    _, (u, v, _) = transformer.TransformPoint(0, *point)
    say("spline", pairs.ravel(), point, (u, v))


def coefficients(size, **known):
    numbers = [round(random.uniform(-size, size), 6) for _ in range(20)]
    for place, value in known.items():
        numbers[int(place[1:])] = value
    return numbers


line_num, line_den = coefficients(0.01, _2=-1.01), coefficients(0.001, _0=1)
samp_num, samp_den = coefficients(0.01, _1=0.99), coefficients(0.001, _0=1)
offsets, scales = [750.5, 1000.25, 47.1, 179.95, 500], [760, 1010, 0.06, 0.09, 600]
names = ["LINE", "SAMP", "LAT", "LONG", "HEIGHT"]
texts = {f"{name}_OFF": str(value) for name, value in zip(names, offsets)}
texts |= {f"{name}_SCALE": str(value) for name, value in zip(names, scales)}
for name, numbers in [
    ("LINE_NUM", line_num),
    ("LINE_DEN", line_den),
    ("SAMP_NUM", samp_num),
    ("SAMP_DEN", samp_den),
]:
    texts[f"{name}_COEFF"] = " ".join(map(str, numbers))
dataset = gdal.GetDriverByName("MEM").Create("", 2000, 1500, 1)
dataset.SetMetadata(texts, "RPC")
transformer = gdal.Transformer(dataset, None, ["METHOD=RPC", "RPC_HEIGHT=320.5"])
numbers = [-1, -1, *offsets, *scales, *line_num, *line_den, *samp_num, *samp_den]
# The third is the other side of the antimeridian.
for point in [(179.95, 47.1), (180.01, 47.13), (-179.99, 47.06), (179.9, 47.05)]:
    _, (x, y, _) = transformer.TransformPoint(1, *point)
    say("rpc", numbers, point, (x, y))



# Heights with holes about the middle of the scene, which the third point lies beyond; told as a file.
def bilinear(x, y):
    """The height at a place in pixels; None beyond the raster and where one of the four pixels is none."""
    if not (0 <= x <= dem.shape[1] and 0 <= y <= dem.shape[0]):
        return None
    left, top = np.floor(x - 0.5), np.floor(y - 0.5)
    columns = np.clip([left, left + 1], 0, dem.shape[1] - 1).astype(int)
    rows = np.clip([top, top + 1], 0, dem.shape[0] - 1).astype(int)
    four = dem[np.ix_(rows, columns)].astype(float)
    if -9999 in four:
        return None
    s, t = x - 0.5 - left, y - 0.5 - top
    return np.array([1 - t, t]) @ four @ np.array([1 - s, s])


def seen(long, lat, height):
    """Where a point of the ground appears, by the terms of RPC00B."""
    p, l, h = ((value - offset) / scale for value, offset, scale in
               zip((lat, long, height), offsets[2:], scales[2:]))  # fmt: skip
    all_terms = np.array([1, l, p, h, l * p, l * h, p * h, l * l, p * p, h * h, p * l * h, l**3, l * p * p, l * h * h,
                          l * l * p, p**3, p * h * h, l * l * h, p * p * h, h**3])  # fmt: skip
    line = np.dot(line_num, all_terms) / np.dot(line_den, all_terms)
    samp = np.dot(samp_num, all_terms) / np.dot(samp_den, all_terms)
    return samp * scales[1] + offsets[1] + 0.5, line * scales[0] + offsets[0] + 0.5


place = (179.85, 0.004, 0, 47.16, 0, -0.005)
dem = np.array([[round(400 + 300 * np.sin(x / 3) * np.cos(y / 4)) for x in range(37)] for y in range(23)], np.int16)
dem[7:9, 20:23] = dem[15, 11] = -9999
path = f"{sys.argv[1]}/dem.tif"
ground = gdal.GetDriverByName("GTiff").Create(path, 37, 23, 1, gdal.GDT_Int16, ["TILED=YES", "BLOCKXSIZE=16", "BLOCKYSIZE=16"])
system = osr.SpatialReference()
system.ImportFromEPSG(4326)
ground.SetGeoTransform(place)
ground.SetProjection(system.ExportToWkt())
ground.GetRasterBand(1).WriteArray(dem)
ground.GetRasterBand(1).SetNoDataValue(-9999)
ground = None
places = [(x, y) for y in (0.75, 3.5, 7.25, 8.3, 14.9, 15.5, 22.4) for x in (0.6, 11.2, 11.75, 19.6, 21.5, 23.51, 36.2)]
places += [(-1.2, 5), (38.2, 5), (5, -1.2), (5, 24.2), (-40, 90)]
edges = [(-0.01, 5), (37.01, 5), (5, -0.01), (5, 23.01), (0.001, 0.001), (0.2, 5.1), (36.9, 22.8), (36.999, 22.999), (18.3, 0.1), (7, 22.95)]
for missing in None, 55.5:
    options = ["METHOD=RPC", f"RPC_DEM={path}", "RPC_HEIGHT=11.5", "RPC_HEIGHT_SCALE=0.75"]
    if missing is not None:
        options.append(f"RPC_DEM_MISSING_VALUE={missing}")
    transformer = gdal.Transformer(dataset, None, options)
    for x, y in places + edges:
        point = (place[0] + x * place[1], place[3] + y * place[5])
        found = bilinear(x, y)
        found = missing if found is None else found
        nowhere = (float("nan"),) * 2
        say(f"heights {missing}", numbers, point, nowhere if found is None else seen(*point, 11.5 + found * 0.75))
        if (x, y) in places:
            is_found, (x, y, _) = transformer.TransformPoint(1, *point)
            say(f"heights {missing}", numbers, point, (x, y) if is_found else nowhere)

with open(f"{sys.argv[1]}/manifest", "w") as manifest:
    manifest.write("\n".join(lines) + "\n")
