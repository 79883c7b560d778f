"""What a binding is like, step by step: docs/bindings.md shows it beside the same program in other languages."""

import sys

import numpy as np

import tilecache

# Open.
cache = tilecache.Cache(64 << 20)
file = tilecache.open(sys.argv[1])
print(f"open: {file.format}, {file.width} x {file.height}, {file.bands} bands")

# Pyramid.
pyramid = file.pyramid(filter="average", levels=3, tile_width=128, tile_height=128, cache=cache)
print(f"pyramid: {pyramid.levels} levels")

# Display.
chain = tilecache.Chain("bands=2,1,0|stretch=0..1000|u8").resolve(pyramid)
picture = pyramid.display(chain, cache=cache)
print(f"display: {chain.text}")

# Three windows.
for level in range(3):
    samples = picture.read_window(80 >> level, 40 >> level, 64, 48, level)
    print(f"window at level {level}: {samples.sum()}")


# A provider of one's own.
def read_block(place):
    """Sample (x, y) is (x + 2 y) mod 251. In block (1, 1) it cancels the reader, if there is one."""
    bands, height, width = place.shape
    rows, columns = np.ogrid[place.y : place.y + height, place.x : place.x + width]
    if (place.row, place.col) == (1, 1) and reader is not None:
        reader.cancel()
        print("wanted after the cancel:", "no" if tilecache.Load.current().is_cancelled() else "yes")
        raise tilecache.CancelledError("nobody wants this block")
    return ((columns + 2 * rows) % 251).astype(np.uint8)


reader = None
own = tilecache.from_source(read_block, width=1000, height=600, dtype="uint8", block_width=256, block_height=256)
print("own:", *own.read_window(254, 255, 3, 2).flat)

# An error.
try:
    own.read_window(0, 0, 3, 2, level=9)
except tilecache.RangeError as error:
    print(f"error: {error}")

# A cancel.
reader = own.reader()
try:
    reader.read_window(300, 300, 3, 2)
except tilecache.CancelledError as error:
    print(f"cancel: {tilecache.status_name(error.status)}")
# End.
