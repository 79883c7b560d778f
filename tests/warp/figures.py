"""Where NumPy and GDAL say that points come from, by control points and rational polynomials."""

import random
import sys

import numpy as np
from osgeo import gdal

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

with open(f"{sys.argv[1]}/manifest", "w") as manifest:
    manifest.write("\n".join(lines) + "\n")
