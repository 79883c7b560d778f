"""Asks servers of the same tiles for them, and tells how they compare: see run."""

import atexit
import concurrent.futures
import http.client
import json
import math
import os
import random
import statistics
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

made, file = Path(sys.argv[1]), Path(sys.argv[2])
seconds, rounds = int(os.environ.get("SECONDS_WARM", 10)), int(os.environ.get("ROUNDS", 3))
form, budget = os.environ.get("FORMAT", "png"), int(os.environ.get("CACHE_MIB", 512))
CONNECTIONS, REPLIES = 64, 64
workers, most = int(os.environ.get("WORKERS", os.cpu_count())), int(os.environ.get("TILES", 2000))
# What titiler's manual advises for local files, and as much memory for GDAL's blocks as we have; all servers have it.
alike = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "GDAL_CACHEMAX": str(budget), "GOMAXPROCS": str(workers)}
name = urllib.parse.quote(file.stem)
escaped = name.replace("%", "%%")  # where numbers are put in


class Server:
    def __init__(self, title, port, path, *command):
        self.title, self.port, self.path, self.command = title, port, path, [str(word) for word in command]
        self.cold, self.warm, self.resident, self.size = [], [], 0, 0

    def start(self):
        self.log = open(made / f"{self.port}.log", "w")
        self.process = subprocess.Popen(self.command, stdout=self.log, stderr=self.log, env=os.environ | alike)
        for _ in range(600):
            if self.process.poll() is not None:  # for somebody else has the port, for example
                break
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5).read()
                return
            except urllib.error.HTTPError:
                return
            except OSError:
                time.sleep(0.1)
        raise SystemExit(f"{self.title} does not start: {Path(self.log.name).read_text()}")

    def stop(self):
        self.resident = max(self.resident, sum(high_water(process) for process in family(self.process.pid)))
        self.end()

    def end(self):
        self.process.terminate()
        self.process.wait(60)

    def paths(self, tiles):
        return [self.path % tile for tile in tiles]

    def ask_cold(self, tiles):
        """Each tile once."""
        kept = threading.local()

        def get(path):
            if not hasattr(kept, "connection"):
                kept.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
            begin = time.perf_counter()
            kept.connection.request("GET", path)
            reply = kept.connection.getresponse()
            body = reply.read()
            return time.perf_counter() - begin, len(body), reply.status != 200

        begin = time.perf_counter()
        with concurrent.futures.ThreadPoolExecutor(CONNECTIONS) as pool:
            asked = list(pool.map(get, self.paths(tiles)))
        took = sorted(one[0] for one in asked)
        self.size = sum(one[1] for one in asked) // len(asked)
        self.cold.append((len(asked) / (time.perf_counter() - begin), took[len(took) // 2] * 1000, took[len(took) * 99 // 100] * 1000,
                          sum(one[2] for one in asked)))

    def ask_warm(self, tiles):
        listed = made / f"{self.port}.txt"
        listed.write_text("\n".join(self.paths(tiles)) + "\n")
        said = subprocess.run(["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "60s", "-s", Path(__file__).parent / "ask.lua",
                               f"http://127.0.0.1:{self.port}", "--", listed], check=True, capture_output=True, text=True).stdout
        line = next(line for line in said.splitlines() if line.startswith("RESULT"))
        self.warm.append(tuple(float(word) for word in line.split()[1:]))

    def rate(self, kind):
        return statistics.median(one[0] for one in kind)

    def tell(self):
        for what, kind in ("cold", self.cold), ("warm", self.warm):
            median = [statistics.median(one[i] for one in kind) for i in range(4)]
            print(f"{self.title:<12}{what:<6}{median[0]:9.1f} tiles/s, median {median[1]:8.1f} ms, 99 % {median[2]:8.1f} ms, "
                  f"errors {sum(one[3] for one in kind):.0f}, {self.size} bytes a tile, at most {self.resident:.0f} MiB resident")


def family(process):
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [process] + [one for child in children for one in family(int(child))]


def high_water(process):
    text = Path(f"/proc/{process}/status").read_text()
    return int(text.split("VmHWM:")[1].split()[0]) / 1024


own = Server("tilecache", 18081, f"/tiles/{escaped}/%d/%d/%d.{form}", made / "server", "-listen", "127.0.0.1:18081", "-per-client", 1024,
             "-cache-mib", budget, "-replies-mib", REPLIES, file.parent)
plain = Server("plain GDAL", 18082, own.path, made / "plain", "-listen", "127.0.0.1:18082", file)
servers = [own, plain]
if not os.environ.get("NO_TITILER"):
    servers.append(Server("titiler", 18083, f"/cog/tiles/WebMercatorQuad/%d/%d/%d.{form}?tilesize=256&resampling=bilinear&url={urllib.parse.quote(str(file)).replace('%', '%%')}", "uvicorn",
                          "titiler.application.main:app", "--host", "127.0.0.1", "--port", 18083, "--workers", workers, "--log-level", "error"))

atexit.register(lambda: [server.end() for server in servers if hasattr(server, "process")])
own.start()
with urllib.request.urlopen(f"http://127.0.0.1:18081/tiles/{name}.json") as reply:
    layer = json.load(reply)
own.stop()
west, south, east, north = layer["bounds"]
top = layer["maxzoom"] - 2
tiles = []
for zoom in range(max(top - 4, 0), top + 1):
    n = 2 ** zoom
    column = lambda lon: min(max(int((lon + 180) / 360 * n), 0), n - 1)
    row = lambda lat: min(max(int((1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * n), 0), n - 1)
    tiles += [(zoom, x, y) for x in range(column(west), column(east) + 1) for y in range(row(north), row(south) + 1)]
random.seed(1)
random.shuffle(tiles)
tiles = tiles[:most]
asked = random.choices(tiles, [1 / (i + 1) for i in range(len(tiles))], k=20000)
print(f"{len(tiles)} tiles of {name}, zooms {max(top - 4, 0)} to {top}, 256 x 256, {form}; {CONNECTIONS} connections, {workers} workers; "
      f"budget {budget} MiB and {REPLIES} MiB of replies; medians of {rounds} rounds", flush=True)
for _ in range(rounds):
    for server in servers:
        server.start()
        server.ask_cold(tiles)
        server.ask_warm(asked)
        server.stop()
for server in servers:
    server.tell()
for rival, bars in (servers[1], {"cold": 1, "warm": 1.5}), *((other, {"warm": 5}) for other in servers[2:]):
    for kind, bar in bars.items():
        ratio = own.rate(getattr(own, kind)) / rival.rate(getattr(rival, kind))
        print(f"{kind}: {ratio:.2f} times {rival.title}; asked for: {bar}; {'met' if ratio >= bar else 'MISSED'}")
over = own.resident - budget - REPLIES
print(f"memory: {over:+.0f} MiB beside the budgets; asked for: 64; {'met' if over <= 64 else 'MISSED'}")
