"""What a user does with the page of the tile server, and what must be seen: see run."""

import io
import json
import math
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy
from PIL import Image

from devtools import Browser, until

WIDTH, HEIGHT = 1100, 750
SIDE = 256
HALF = math.pi * 6378137.0

program, made, pictures, *files = sys.argv[1:]
made, pictures = Path(made), Path(pictures)
folder = made / "files"
folder.mkdir()


def ran(*words):
    subprocess.run([str(word) for word in words], check=True, stdout=subprocess.DEVNULL)


def make_layers():
    """A smooth image on the map, in which a seam would be seen, and one that is nowhere."""
    y, x = numpy.mgrid[0:1500, 0:2000].astype(float)
    smooth = numpy.stack([120 + 100 * numpy.sin(x / 300), 120 + 100 * numpy.cos(y / 250), 120 + 80 * numpy.sin((x + y) / 400)], -1)
    Image.fromarray(smooth.round().astype("u1")).save(made / "smooth.png")
    ran("gdal_translate", "-q", "-a_srs", "EPSG:4326", "-a_ullr", 10, 48, 14, 45, "-co", "TILED=YES", made / "smooth.png", folder / "smooth.tif")
    sharp = numpy.stack([x * 7 + y * 3, x * 5 + y * 11, x * y / 50], -1).astype(int) % 256
    Image.fromarray(sharp.astype("u1")[:900, :1300]).save(folder / "flat.png")
    (folder / "0 damaged.tif").write_bytes(b"II*\0damaged")
    for file in files:
        shutil.copy(file, folder)


def fetched(path):
    with urllib.request.urlopen(address + path, timeout=60) as reply:
        return reply.read()


def tile_at(path):
    return numpy.asarray(Image.open(io.BytesIO(fetched(path))).convert("RGBA")).astype(int)


def metric(name):
    return float(next(line.split()[1] for line in fetched("/metrics").decode().splitlines() if line.startswith(name + " ")))


def settled(layer):
    """Waits until all tiles in sight are loaded, of this layer alone; which they are, and where."""
    script = """(() => {
      const shown = [...document.querySelectorAll("img.leaflet-tile")];
      if (typeof map === "undefined" || !map?.getZoom || map._animatingZoom || !shown.length || !shown.every(i => i.complete && i.classList.contains("leaflet-tile-loaded"))) return null;
      return JSON.stringify(shown.map(i => { const r = i.getBoundingClientRect(); return [new URL(i.src).pathname, r.x, r.y, r.width, i.naturalWidth,
        +getComputedStyle(i).opacity]; }));
    })()"""
    found = []

    def done():
        before = list(found)
        text = browser.evaluate(script)
        found[:] = json.loads(text) if text else []
        time.sleep(0.3)  # in which the map may ask for more
        return found and found == before and all(entry[0].startswith(f"/tiles/{layer}/") and entry[5] == 1 for entry in found)

    until(done, f"the tiles of {layer} are seen", 120)
    browser.evaluate("""Promise.all([...document.querySelectorAll("img.leaflet-tile")].map(image => image.decode()))
      .then(() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done()))))""")
    return found


def no_seams(seen):
    """Neither at the edges of tiles nor elsewhere does a smooth picture jump."""
    inside = seen[60:-60, 60:-160]
    steps = [numpy.abs(numpy.diff(inside, axis=axis)).max() for axis in (0, 1)]
    assert max(steps) <= 8, f"the picture jumps by {steps}"
    return max(steps)


def as_seen(seen, tiles):
    """The browser shows the pixels of the tiles that it was given."""
    compared = 0
    for path, x, y, size, *_ in tiles:
        x, y = round(x), round(y)
        if size != SIDE or x < 60 or y < 60 or x + SIDE > WIDTH - 160 or y + SIDE > HEIGHT - 60:
            continue
        tile = tile_at(path)
        opaque = tile[..., 3] == 255
        worst = numpy.abs(seen[y:y + SIDE, x:x + SIDE] - tile[..., :3])[opaque].max(initial=0)
        assert worst <= 1, f"{path} is seen with colours {worst} off"
        compared += 1
    assert compared, "no tile is wholly in sight"
    return compared


def as_gdalwarp(name, file, tiles, bound):
    """Colours beside those of gdalwarp. Which kernels are used differs where the pixels of the file are finer than the tile's."""
    offs = []
    for path, *_ in tiles:
        zoom, col, row = (int(part) for part in path.removesuffix(".png").split("/")[-3:])
        size = 2 * HALF / 2 ** zoom
        west, north = col * size - HALF, HALF - row * size
        out = made / "warped.tif"
        ran("gdalwarp", "-q", "-overwrite", "-t_srs", "EPSG:3857", "-r", "bilinear", "-et", 0, "-dstalpha", "-te", west, north - size, west + size, north,
            "-ts", SIDE, SIDE, folder / file, out)
        theirs, ours = numpy.asarray(Image.open(out)).astype(int), tile_at(path)
        both = (theirs[..., -1] == 255) & (ours[..., 3] == 255)
        apart = (theirs[..., -1] == 255) != (ours[..., 3] == 255)
        assert apart.mean() < 0.02, f"{path}: {apart.mean():.1%} of the pixels are data to one alone"
        if both.any():
            offs.append(numpy.abs(theirs[..., :3] - ours[..., :3])[both].mean())
    assert offs and max(offs) <= bound, f"{name}: off by {max(offs, default=0):.2f} in the mean of a tile"
    return f"{len(offs)} tiles beside gdalwarp, at worst {max(offs):.2f} off in the mean"


def failures():
    """What the browser complains of since the last call: exceptions, and replies that are errors."""
    bad = []
    for event in browser.taken("Runtime.exceptionThrown", "Network.responseReceived", "Network.loadingFailed"):
        if "exceptionDetails" in event:
            bad.append(event["exceptionDetails"].get("exception", {}).get("description", "exception"))
        elif "response" in event and event["response"]["status"] >= 400:
            bad.append(f"{event['response']['status']} {event['response']['url']}")
        elif "errorText" in event and not event.get("canceled"):
            bad.append(event["errorText"])
    return bad


def go_to(layer):
    browser.evaluate(f"(() => {{ const c = document.getElementById('layers'); c.value = {layer!r}; c.dispatchEvent(new Event('change')); }})()")


def begin():
    """The page begins with the first layer that can be shown; those that cannot are grey, with the reason."""
    first_shown = json.loads(fetched("/layers.json"))[1]
    browser.call("Page.navigate", url=f"{address}/")
    tiles = settled(first_shown)
    browser.picture(pictures / "0-begin.png")
    first = json.loads(browser.evaluate("""JSON.stringify((() => { const o = document.getElementById("layers").options[0];
      return [o.value, o.disabled, o.title]; })())"""))
    assert first[:2] == ["0 damaged", True] and "damaged.tif" in first[2], first
    assert browser.evaluate("document.getElementById('layers').value") == first_shown
    go_to("all")
    settled("all")
    browser.picture(pictures / "0-mosaic.png")
    assert "left out: flat: it does not say where it lies" in browser.evaluate("document.getElementById('say').textContent")
    assert not (bad := failures()), bad
    say(f"begins with a layer that can be shown: {len(tiles)} tiles; the one that cannot is grey")


def look():
    browser.call("Page.navigate", url=f"{address}/#smooth")
    tiles = settled("smooth")
    browser.picture(pictures / "1-first.png")
    say(f"first sight: {len(tiles)} tiles, {as_gdalwarp('smooth', 'smooth.tif', tiles, 2.5)}")

    zoom = browser.evaluate("map.getZoom()")
    for _ in range(3):
        browser.mouse("mouseWheel", 500, 375, deltaX=0, deltaY=-120)
        until(lambda: not browser.evaluate("map._animatingZoom"), "the zoom ends")
        settled("smooth")
    assert browser.evaluate("map.getZoom()") > zoom, "the wheel does not zoom"
    tiles = settled("smooth")
    seen = browser.picture(pictures / "2-zoomed.png")
    say(f"zoomed to {browser.evaluate('map.getZoom()')}: steps of at most {no_seams(seen)}, {as_seen(seen, tiles)} tiles as they were sent, "
        + as_gdalwarp("smooth", "smooth.tif", tiles, 1.0))

    before = browser.evaluate("map.getCenter().lng")
    browser.drag(600, 400, -300, 120)
    tiles = settled("smooth")
    assert browser.evaluate("map.getCenter().lng") > before, "dragging does not pan"
    seen = browser.picture(pictures / "3-panned.png")
    say(f"panned: steps of at most {no_seams(seen)}, {as_seen(seen, tiles)} tiles as they were sent")
    assert not (bad := failures()), bad


def switch():
    go_to("flat")
    settled("flat")
    browser.evaluate("void map.setZoom(map.getMaxZoom(), {animate: false})")
    tiles = settled("flat")
    seen = browser.picture(pictures / "4-flat.png")
    count = as_seen(seen, tiles)
    for path, *_ in tiles:
        col, row = (int(part) for part in path.removesuffix(".png").split("/")[-2:])
        width, height = min(SIDE, 1300 - col * SIDE), min(SIDE, 900 - row * SIDE)
        ran("gdal_translate", "-q", "-srcwin", col * SIDE, row * SIDE, width, height, folder / "flat.png", made / "part.tif")
        theirs = numpy.asarray(Image.open(made / "part.tif")).astype(int)
        assert (tile_at(path)[:height, :width, :3] == theirs).all(), f"{path} has other pixels than gdal_translate"
    say(f"another layer, not on the map: {count} tiles as they were sent, {len(tiles)} the pixels of gdal_translate")
    for file in files:
        name = Path(file).stem
        go_to(name)
        tiles = settled(name)
        browser.picture(pictures / f"5-{name}.png")
        if not json.loads(fetched(f"/tiles/{name}.json"))["flat"]:
            browser.evaluate("void map.setZoom(map.getMaxZoom() - 1, {animate: false})")
            tiles = settled(name)
            browser.picture(pictures / f"5-{name}-near.png")
        say(f"layer {name}: {len(tiles)} tiles")
    assert not (bad := failures()), bad


def reload():
    go_to("smooth")
    settled("smooth")
    rendered = metric("tileserver_rendered_total")
    failures()
    browser.call("Page.reload")
    tiles = settled("smooth")
    replies = [event["response"] for event in browser.taken("Network.responseReceived") if "/tiles/" in event["response"]["url"]]
    kept = sum(reply["fromDiskCache"] or reply["status"] == 304 for reply in replies)
    assert metric("tileserver_rendered_total") == rendered, "a reload has tiles made again"
    say(f"reloaded: {len(tiles)} tiles, {kept} of {len(replies)} replies from the browser's cache or unchanged, none made again")


def picture_of_the_cache():
    x, y = browser.evaluate("(() => { const r = document.getElementById('cache').getBoundingClientRect(); return [r.x + 5, r.y + 5]; })()")
    browser.click(x, y)
    text = "document.getElementById('picture').contentDocument.body.innerText"
    until(lambda: "provider" in (browser.evaluate(text) or "").lower(), "the picture of the cache is seen")
    first = browser.evaluate(text)
    for zoom in range(3):
        browser.evaluate(f"void map.setZoom({zoom + 6}, {{animate: false}})")
        settled("smooth")
    until(lambda: browser.evaluate(text) != first, "the picture of the cache changes")
    browser.picture(pictures / "6-cache.png")
    browser.click(x, y)
    assert browser.evaluate("document.getElementById('picture').hidden"), "the picture does not go away"
    assert not (bad := failures()), bad
    say("the picture of the cache lives")


def errors():
    browser.evaluate("location.hash = 'nothing'")
    until(lambda: "404" in browser.evaluate("document.getElementById('say').textContent"), "the page says that there is no such layer")
    assert all("404" in bad for bad in failures())
    go_to("flat")
    settled("flat")
    (folder / "flat.png").unlink()
    until(lambda: "flat" not in fetched("/layers.json").decode(), "the server sees that a file is gone")
    browser.evaluate("void map.setZoom(0, {animate: false})")
    until(lambda: any("404" in bad for bad in failures()), "tiles of a file that is gone are not found")
    until(lambda: "404" in browser.evaluate("document.getElementById('say').textContent"), "the page says that the file is gone")
    browser.picture(pictures / "7-gone.png")
    go_to("smooth")
    settled("smooth")
    for path, status in ("/tiles/smooth/99/0/0.png", 404), ("/tiles/..%2f..%2fetc%2fpasswd/0/0/0.png", 404), ("/tiles/smooth/1/9/9.png", 404):
        try:
            fetched(path)
            raise AssertionError(f"{path} is there")
        except urllib.error.HTTPError as error:
            assert error.code == status and str(folder) not in error.read().decode(), f"{path}: {error.code}"
    say("errors: a layer that is none, a file that goes while it is seen, paths that lead nowhere; the page goes on")


def say(text):
    print(text, flush=True)


make_layers()
server = subprocess.Popen([made / "server", "-listen", "127.0.0.1:0", "-cache-mib", "256", "-mosaic", "all", "-observe", folder],
                          stderr=subprocess.PIPE, text=True)
browser = None
try:
    address = server.stderr.readline().split("address=")[1].split()[0]
    browser = Browser(program, made / "profile", WIDTH, HEIGHT)
    begin()
    look()
    switch()
    reload()
    picture_of_the_cache()
    errors()
    say(f"pictures are in {pictures}")
finally:
    if browser:
        browser.close()
    server.send_signal(signal.SIGTERM)
    server.wait(30)
assert server.returncode == 0, f"the server ended with {server.returncode}"
