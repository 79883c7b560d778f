"""The measurements: which image, in which order, and which modes of which peers."""


def _keeping(reader):
    """Bounds that keep what they deliver, as the library does, in pages of either size."""
    return [f"{reader},bands,keeps", f"{reader},bands,keeps,huge"]


class Case:
    """One image read in one order by so many threads; `runs` are pairs of a peer and its mode."""

    def __init__(self, workload, variant, file, options, runs):
        self.workload, self.variant, self.file, self.options = workload, variant, file, options
        self.runs = [(peer, mode) for peer, modes in runs for mode in modes]

    @property
    def threads(self):
        return self.options.get("threads", 1)


def _strips():
    for layout in ("64_none", "64_deflate", "64_lzw", "1_none"):
        file = f"strips{layout}.tif"
        decoders = {"none": ["libtiff,bands", *_keeping("slices"), "mmap"], "deflate": ["libtiff,bands", "libdeflate,bands"]}
        floors = decoders.get(layout.split("_")[1], ["libtiff,bands"])
        views = ["bip,vmem"] if layout.endswith("none") else []
        yield Case("strips", f"{layout}, rows", file, {"order": "rows", "budget-mib": 64}, [
            ("gdal", ["handles"] + views), ("gdal newer", ["handles"]), ("openimageio", ["gettile"]), ("vips", ["seq"]),
            ("ours", ["", "stack"]), ("floor", floors)])
        yield Case("strips", f"{layout}, rows", file, {"order": "rows", "budget-mib": 512, "threads": 2}, [
            ("gdal", ["mt", "handles,rows"]), ("gdal newer", ["handles,rows", "safe,rows"]),
            ("openimageio", ["gettile,rows"]), ("vips", ["seq"]), ("ours", ["", "rows"]),
            ("floor", [mode + ",rows" for mode in floors])])
        if layout == "64_deflate":
            yield Case("strips", f"{layout}, two columns", file, {"order": "columns", "columns": 2, "budget-mib": 64}, [
                ("gdal", ["handles"]), ("openimageio", ["gettile"]), ("ours", ["", "stack"])])


def _mapped():
    """Files that are known not to change: views of them, or one step from there to the tile."""
    for layout, floors in (("64_one", ["mmap"]), ("64_apart", ["mmap"]), ("64_none", ["mmap", "libtiff,bands"]),
                           ("1_none", ["mmap", "libtiff,bands"])):
        for threads in (1, 2):
            rows = ",rows" if threads > 1 else ""
            views = ["bip,vmem"] if layout.endswith("none") and threads == 1 else []
            yield Case("mapped", f"{layout}, rows", f"strips{layout}.tif",
                       {"order": "rows", "budget-mib": 64, "threads": threads}, [
                ("gdal", ["handles" + rows] + views), ("ours", ["mapped" + rows, rows.strip(",")]),
                ("floor", [mode + rows for mode in floors])])
    for layout, tile in (("256_none", 1024), ("256_none", 1000), ("1024_none", 256)):
        yield Case("mapped", f"{layout} to {tile}", f"tiles{layout}.tif", {"order": "rows", "budget-mib": 64, "tile": tile}, [
            ("gdal", ["handles"]), ("ours", ["mapped", ""]), ("floor", ["libtiff,bands"])])


def _tiles():
    for layout, tiles in (("256_none", (1024, 1000)), ("256_deflate", (1024, 1000)), ("256_lzw", (1024, 1000)),
                          ("1024_none", (256,))):
        for tile in tiles:
            for threads in (1, 2):
                floors = ["libtiff,bands"] if tile != 1000 else []
                if floors and "deflate" in layout:
                    floors.append("libdeflate,bands")
                if floors and "none" in layout:
                    floors += _keeping("libtiff")
                shared = (["mt"], ["safe"]) if threads > 1 else ([], [])
                yield Case("tiles", f"{layout} to {tile}", f"tiles{layout}.tif",
                           {"order": "rows", "budget-mib": 64, "tile": tile, "threads": threads}, [
                    ("gdal", ["handles"] + shared[0]), ("gdal newer", ["handles"] + shared[1]), ("openimageio", [""]),
                    ("vips", [""]), ("ours", [""]), ("floor", floors)])


def _jpeg2000():
    for threads in (1, 2):
        codec, ours = (["mt"], ["codec", ""]) if threads > 1 else ([""], [""])
        views = {"budget-mib": 512, "threads": threads}
        yield Case("jpeg2000", "all tiles", "one_tile.jp2", dict(views, order="rows"), [
            ("gdal", codec), ("gdal newer", codec), ("ours", ours), ("floor", ["openjpeg"])])
        yield Case("jpeg2000", "40 windows", "one_tile.jp2", dict(views, order="windows", trace="viewports.i32"), [
            ("gdal", codec + ["handles"] * (threads > 1)), ("gdal newer", codec + ["handles"] * (threads > 1)), ("ours", ours)])
    yield Case("jpeg2000", "level 3", "one_tile.jp2", {"order": "rows", "level": 3, "budget-mib": 512}, [
        ("gdal", [""]), ("gdal newer", [""]), ("vips", [""]), ("ours", [""])])


def _viewer():
    yield Case("viewer", "four viewers", "levels.tif",
               {"order": "walkers", "trace": "walks.i32", "threads": 4, "budget-mib": 307}, [
        ("gdal", ["handles", "lock"]), ("gdal newer", ["handles", "safe"]), ("openimageio", [""]), ("vips", ["tiled,small"]),
        ("ours", ["blocks", ""]), ("floor", ["libdeflate,bands,blocks", "libdeflate,bands,blocks,huge"])])


def _opening():
    yield Case("opening", "a million tiles", "million.tif", {"order": "open", "tile": 256}, [
        ("gdal", [""]), ("gdal newer", [""]), ("openimageio", [""]), ("vips", [""]), ("ours", [""])])
    pages = [("gdal", [""]), ("gdal newer", [""]), ("ours", [""])]
    for page in (1, 100):
        yield Case("opening", f"100 pages, number {page}", "pages.tif", {"order": "open", "tile": 256, "page": page}, pages)
    yield Case("opening", "a NITF", "scene.ntf", {"order": "open", "tile": 256}, pages)
    small = {"order": "files", "tile": 256, "budget-mib": 64}
    yield Case("opening", "10,000 small files", "small", small, pages)
    yield Case("opening", "10,000 small files, and what is beside them", "small", small, [
        (peer, ["beside"]) for peer, _ in pages])


def _late():
    """One thread gets what is there while others get what is not."""
    for threads in (2, 4):
        yield Case("late", f"64 tiles that are there, beside {threads - 1} that miss", "tiles256_deflate.tif",
                   {"order": "late", "tile": 256, "budget-mib": 64, "threads": threads}, [
            ("gdal", ["handles", "lock"]), ("gdal newer", ["handles", "safe"]), ("openimageio", ["gettile"]), ("ours", [""])])


def _bands():
    for name, band in (("all", 0), ("one", 101)):
        yield Case("bands", f"224 bands, {name}", "bands224.tif", {"order": "rows", "tile": 256, "budget-mib": 256, "band": band}, [
            ("gdal", ["handles"]), ("gdal newer", ["handles"]), ("ours", [""])])


def counts():
    """What is counted of each tile: on a file whose tiles do not all fit into the budget, or do."""
    misses, hits = 8, 64
    for variant, layout, tile, budget, ours in (
            ("a hit", "256_none", 256, hits, ""),
            ("a hit, a window that is copied", "256_none", 256, hits, "blocks"),
            ("a miss: a block", "256_none", 256, misses, ""),
            ("a miss: a deflated block", "256_deflate", 256, misses, ""),
            ("a miss: strips of 64 rows", "64_none", 512, misses, ""),
            ("a miss: deflated strips of 64 rows", "64_deflate", 512, misses, ""),
            ("a miss: four resident blocks", "256_none", 512, hits, "passing"),
            ("a miss: four blocks", "256_none", 512, misses, ""),
            ("a miss: four deflated blocks", "256_deflate", 512, misses, "")):
        yield Case("counts", variant, f"counts{layout}", {"order": "counted", "tile": tile, "budget-mib": budget}, [
            ("gdal", ["handles"]), ("ours", [ours])])


WORKLOADS = {"strips": _strips, "mapped": _mapped, "tiles": _tiles, "jpeg2000": _jpeg2000, "viewer": _viewer, "opening": _opening,
             "late": _late, "bands": _bands}

# Beside these, `limits` measures the memory of the machine, `growth` the library alone as work grows, and `stitch` its tiles of
# resident blocks beside a plain copy: threads, bits, bands, and the sides of blocks and tiles.
STITCH = [(threads, bits, bands, block, tile) for block, tile in ((256, 1024), (256, 1000), (1024, 256)) for bits in (8, 16)
          for bands in (1, 3, 4) for threads in (1, 2)]
GROWTH = [("entries", 10**n) for n in range(3, 8)] + [("pixels", 10**n) for n in range(3, 7)] + [
    ("threads", n) for n in (1, 2, 3, 4)]
