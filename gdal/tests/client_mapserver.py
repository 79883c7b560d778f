"""MapServer draws the same of a raster and of its view: client_mapserver.py PLUGINS [SECONDS]

Two FastCGI processes of it serve eight clients, who ask for mixed layers, places, sizes and systems of coordinates,
for so many seconds, or for some requests. Every image is compared, and what the processes take of memory and
descriptors must not grow. In the directory are the rasters of make.py. Ends with 77 where there is no MapServer."""

import os
import random
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

RASTERS = ["tiles.tif", "strips.tif", "bands.tif", "masked.tif", "palette.tif", "copy.jp2", "copy.jpg", "copy.vrt"]
PROCESSES, CLIENTS, REQUESTS = 2, 8, 3
WEST, SOUTH, EAST, NORTH = 500000, 4986990, 515000, 5000000  # of the rasters, in EPSG:32632
WARM, GROWTH = 0.25, 48 << 10  # of the time; KiB by which a process may grow after it

LAYER = """
  LAYER
    NAME "{name}"
    TYPE RASTER
    STATUS OFF
    DATA "{data}"
    {processing}
    PROJECTION "init=epsg:32632" END
    EXTENT 500000 4986990 515000 5000000
    METADATA "wms_title" "{name}" END
  END"""
MAP = """MAP
  NAME test
  EXTENT 500000 4986990 515000 5000000
  SIZE 300 300
  IMAGETYPE PNG
  SHAPEPATH "{directory}"
  PROJECTION "init=epsg:32632" END
  WEB METADATA
    "wms_enable_request" "*"
    "wms_srs" "EPSG:32632 EPSG:4326 EPSG:3857"
    "wms_onlineresource" "http://localhost/"
  END END
{layers}
END
"""
# Where GDAL looks for drivers comes from here alone.
SETTINGS = """CONFIG
  ENV
    GDAL_DRIVER_PATH "{plugins}"
    GDAL_CACHEMAX "16"
    TILECACHE_CACHE "16MiB"
    MS_MAPFILE "{map}"
  END
END
"""


def write_map(directory):
    layers = ""
    for number, raster in enumerate(RASTERS):
        # Not where there are nodata: of those it scales what it has not written.
        processing = 'PROCESSING "SCALE=0,250" PROCESSING "BANDS=1"' if raster in ("bands.tif", "copy.vrt") else ""
        for kind, data in (("plain", raster), ("view", f"TILECACHE:{directory}/{raster}?tile=200")):
            layers += LAYER.format(name=f"{kind}{number}", data=data, processing=processing)
    return MAP.format(directory=directory, layers=layers)


class Server:
    """Processes of MapServer that take their requests from one socket."""

    def __init__(self, plugins, work):
        settings, map_file, path = (os.path.join(work, name) for name in ("settings", "test.map", "socket"))
        with open(map_file, "w") as file:
            file.write(write_map(os.getcwd()))
        with open(settings, "w") as file:
            file.write(SETTINGS.format(plugins=plugins, map=map_file))
        self.path = path
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(path)
        listening.listen(64)
        environment = {"PATH": os.environ["PATH"], "MAPSERVER_CONFIG_FILE": settings}
        self.processes = [subprocess.Popen(["mapserv"], stdin=listening, env=environment) for _ in range(PROCESSES)]
        listening.close()

    def ask(self, query):
        """The body of an answer, by the protocol of FastCGI."""
        def record(kind, content):
            return struct.pack(">BBHHBx", 1, kind, 1, len(content), 0) + content

        names = {"QUERY_STRING": query, "REQUEST_METHOD": "GET"}
        names = b"".join(struct.pack(">BI", len(name), len(text) | 0x80000000) + name.encode() + text.encode()
                         for name, text in names.items())
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(120)
            connection.connect(self.path)
            connection.sendall(record(1, struct.pack(">HB5x", 1, 0)) + record(4, names) + record(4, b"") +
                               record(5, b""))
            answer, stream = b"", connection.makefile("rb")
            while True:
                header = stream.read(8)
                assert len(header) == 8, "MapServer has ended"
                _, kind, _, length, pad = struct.unpack(">BBHHBx", header)
                content = stream.read(length + pad)[:length]
                if kind == 6:
                    answer += content
                if kind == 3:
                    break
        head, _, body = answer.partition(b"\r\n\r\n")
        assert b"image/png" in head, answer[:2000]
        return body

    def taken(self):
        """KiB of memory and descriptors of each process."""
        def of(process):
            assert process.poll() is None, f"MapServer has ended with {process.returncode}"
            with open(f"/proc/{process.pid}/status") as status:
                memory = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
            return memory, len(os.listdir(f"/proc/{process.pid}/fd"))

        return [of(process) for process in self.processes]

    def end(self):
        for process in self.processes:
            process.kill()  # it ends at a signal only once it has answered again
            process.wait()


def place(chance):
    system = chance.choice(["EPSG:32632", "EPSG:32632", "EPSG:4326", "EPSG:3857"])
    if system == "EPSG:32632":
        west, south, east, north = WEST, SOUTH, EAST, NORTH
    elif system == "EPSG:4326":
        west, south, east, north = 9.0, 45.03, 9.19, 45.15
    else:
        west, south, east, north = 1001900, 5624000, 1023000, 5643000
    size = chance.choice([1, 0.5, 0.2, 0.05])
    x, y = chance.uniform(0, 1.1 - size), chance.uniform(0, 1.1 - size)
    box = (west + (east - west) * x, south + (north - south) * y, west + (east - west) * (x + size),
           south + (north - south) * (y + size))
    return system, ",".join(f"{number:.9g}" for number in box)


def client(server, number, until, counts, errors):
    chance = random.Random(number)
    try:
        while not errors and (counts[number] < REQUESTS if until is None else time.time() < until):
            layers = chance.sample(range(len(RASTERS)), chance.randint(1, 3))
            system, box = place(chance)
            width, height = chance.randint(100, 400), chance.randint(100, 400)
            images = []
            for kind in ("plain", "view"):
                names = ",".join(f"{kind}{layer}" for layer in layers)
                images.append(server.ask(f"SERVICE=WMS&VERSION=1.1.1&REQUEST=GetMap&STYLES=&FORMAT=image/png&"
                                         f"LAYERS={names}&SRS={system}&BBOX={box}&WIDTH={width}&HEIGHT={height}"))
            rasters = [RASTERS[layer] for layer in layers]
            assert images[0] == images[1], f"{rasters} at {box} of {system}, {width} x {height}: images differ"
            counts[number] += 1
    except Exception as error:  # the other clients end too
        errors.append(error)


def main():
    if shutil.which("mapserv") is None:
        print("there is no MapServer: apt-get install cgi-mapserver")
        sys.exit(77)
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 0
    begin, errors, counts, warm = time.time(), [], [0] * CLIENTS, None
    with tempfile.TemporaryDirectory() as work:
        server = Server(sys.argv[1], work)
        until = begin + seconds if seconds else None
        threads = [threading.Thread(target=client, args=(server, number, until, counts, errors))
                   for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        try:
            while any(thread.is_alive() for thread in threads):
                time.sleep(0.2 if until is None else 5)
                taken = server.taken()
                if warm is None and until is not None and time.time() > begin + seconds * WARM:
                    warm = taken
                    print(f"after {time.time() - begin:.0f} s: {sum(counts)} pairs of images, KiB and descriptors {taken}")
        finally:
            for thread in threads:
                thread.join()
            server.end()
        if errors:
            raise errors[0]
    print(f"{sum(counts)} pairs of images are equal; KiB and descriptors at the end: {taken}")
    for before, after in zip(warm or taken, taken):
        assert after[0] <= before[0] + GROWTH and after[1] <= before[1] + 8, (before, after)


main()
