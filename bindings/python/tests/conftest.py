"""Images whose every pixel follows from its place."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

import tilecache


def pixels(x: int, y: int, width: int, height: int, bands=(0, 1, 2), dtype=np.uint16) -> np.ndarray:
    """What `ramp` has in a rectangle: 1000 b + 3 x + 7 y, modulo what the type holds."""
    rows, columns = np.mgrid[y : y + height, x : x + width]
    return np.stack([1000 * band + 3 * columns + 7 * rows for band in bands]).astype(dtype)


class Ramp:
    """A source that counts how often it is asked."""

    def __init__(self, width=300, height=200, block=64, bands=3, **options) -> None:
        self.asked = []
        self.provider = tilecache.from_source(
            self.read_block,
            width=width,
            height=height,
            dtype="uint16",
            bands=bands,
            block_width=block,
            block_height=block,
            **options,
        )

    def read_block(self, place: tilecache.Place) -> np.ndarray:
        self.asked.append((place.row, place.col))
        bands, height, width = place.shape
        return pixels(place.x, place.y, width, height, range(bands) if place.bands is None else place.bands)


@pytest.fixture
def ramp() -> Ramp:
    return Ramp()


@pytest.fixture
def cache() -> tilecache.Cache:
    return tilecache.Cache(64 << 20)


@pytest.fixture(scope="session")
def scene(tmp_path_factory) -> pathlib.Path:
    """A tiled GeoTIFF of three bands with its overviews, in UTM."""
    path = tmp_path_factory.mktemp("scene") / "scene.tif"
    georef = tilecache.Georef(transform=(500000.0, 10.0, 0.0, 4600000.0, 0.0, -10.0), epsg=32618)
    Ramp(600, 400).provider.with_georef(georef).build_pyramid(path, tile_width=128, tile_height=128)
    return path
