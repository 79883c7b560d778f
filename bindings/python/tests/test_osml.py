"""The names and defaults of the toolkit, and what it gets wrong."""

import inspect
import threading

import numpy as np
import pytest
from conftest import Ramp, pixels

import tilecache
from tilecache import osml
from tilecache.osml import (
    IO,
    CachedImageProvider,
    DisplayChainFactory,
    DownsampledImageProvider,
    ImageProvider,
    MappedImageProvider,
    PixelType,
    RetiledImageProvider,
    TileCache,
    WarpedImageProvider,
)


def source(*arguments, **options):
    ramp = Ramp(*arguments, **options)
    return ramp, ImageProvider(ramp.provider)


def test_the_example_of_the_toolkit_runs_with_one_changed_import(scene):
    cache = TileCache(max_bytes=512 * 1024 * 1024)
    with IO.open(str(scene), "r") as reader:
        asset = reader.get_asset(reader.get_asset_keys()[0])
        cached = CachedImageProvider(asset, cache=cache)
        tiles = RetiledImageProvider(cached, tile_width=256, tile_height=256, cache=cache)
        rows, cols = tiles.block_grid_size
        assert (rows, cols) == (2, 3)
        chain = DisplayChainFactory.build(tiles)
        for row in range(rows):
            for col in range(cols):
                if tiles.has_block(row, col):
                    picture = chain(tiles.get_block(row, col))
                    assert picture.dtype == np.uint8 and picture.shape[0] == 3
    assert 0 < cache.current_bytes <= cache.max_bytes


def test_defaults_are_those_of_the_toolkit():
    assert inspect.signature(TileCache).parameters["max_bytes"].default == 5 * 1024**3
    retiled = inspect.signature(RetiledImageProvider).parameters
    assert [(name, retiled[name].default) for name in list(retiled)[1:]] == [
        ("tile_width", 1024), ("tile_height", 1024), ("pad_edges", False), ("cache", None),
    ]  # fmt: skip
    assert list(inspect.signature(MappedImageProvider).parameters) == [
        "source", "func", "cache", "name", "num_bands", "pixel_value_type", "source_bands",
    ]  # fmt: skip
    downsampled = inspect.signature(DownsampledImageProvider).parameters
    assert list(downsampled) == ["source", "scale_factor", "resample_func", "tile_width", "tile_height", "cache"]
    assert downsampled["scale_factor"].default == 2 and downsampled["resample_func"].default is tilecache.Filter.SIPS
    built = inspect.signature(DisplayChainFactory.build).parameters
    assert [built[name].default for name in list(built)[1:5]] == [None, "dra", None, np.uint8]
    assert list(inspect.signature(ImageProvider.get_block).parameters)[1:] == [
        "block_row", "block_col", "resolution_level", "bands",
    ]  # fmt: skip
    assert set(osml.__all__) <= set(dir(osml))


def test_properties_have_their_names_and_shapes():
    _, provider = source(texts={"A": "b"}, bits=11, pad=7)
    assert (provider.num_rows, provider.num_columns, provider.num_bands) == (200, 300, 3)
    assert (provider.num_pixels_per_block_horizontal, provider.num_pixels_per_block_vertical) == (64, 64)
    assert provider.block_grid_size == (4, 5) and provider.num_resolution_levels == 1
    assert provider.image_shape == (3, 200, 300) and provider.block_shape == (3, 64, 64)
    assert provider.pixel_value_type is PixelType.UInt16
    assert provider.pixel_value_type.to_numpy_dtype() == "uint16" and provider.pixel_value_type.bytes_per_pixel() == 2
    assert (provider.num_bits_per_pixel, provider.actual_bits_per_pixel, provider.pad_pixel_value) == (16, 11, 7.0)
    assert provider.metadata == {"A": "b"}
    # Blocks at the edge are cut, those of a padded grid are not, and bands keep their order.
    assert provider.get_block(3, 4).shape == (3, 8, 44)
    padded = RetiledImageProvider(provider, 128, 128, pad_edges=True)
    assert padded.get_block(1, 2).shape == (3, 128, 128) and (padded.get_block(1, 2)[:, 100:] == 7).all()
    assert (padded.num_rows, padded.num_columns) == (200, 300), "what is padded is no image"
    assert np.array_equal(provider.get_block(0, 0, bands=(2, 0)), pixels(0, 0, 64, 64, [2, 0]))


def test_keys_name_what_they_stand_for():
    _, provider = source(key="mine")
    cache = TileCache(1 << 24)
    assert RetiledImageProvider(provider, 100, 50).key == f"{provider.key}:retiled:100x50"
    assert MappedImageProvider(provider, np.copy, name="copy").key.endswith(":mapped:copy")
    first, second = MappedImageProvider(provider, np.copy), MappedImageProvider(provider, np.copy)
    assert first.key != second.key
    nearest = DownsampledImageProvider(provider, resample_func="nearest", cache=cache)
    average = DownsampledImageProvider(provider, resample_func="average", cache=cache)
    assert not np.array_equal(nearest.get_block(0, 0), average.get_block(0, 0))


def test_two_files_with_the_same_asset_key_do_not_share_tiles(cache):
    both = TileCache(1 << 24)
    a, b = Ramp(64, 64), Ramp(64, 64)
    first = CachedImageProvider(ImageProvider(a.provider), both)
    second = CachedImageProvider(ImageProvider(b.provider.map(lambda place, block: block + 1)), both)
    assert not np.array_equal(first.get_block(0, 0), second.get_block(0, 0))


def test_a_block_is_decoded_once_for_eight_threads():
    ramp, provider = source()
    cached = CachedImageProvider(provider, TileCache(1 << 24))
    threads = [threading.Thread(target=cached.get_block, args=(0, 0)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ramp.asked == [(0, 0)]


def test_arrays_are_read_only_whatever_the_budget():
    for size in (0, 1000, 1 << 24):
        _, provider = source()
        array = CachedImageProvider(provider, TileCache(size)).get_block(0, 0)
        with pytest.raises(ValueError):
            array.flags.writeable = True


def test_what_is_not_there_is_an_error():
    _, provider = source()
    for place in ((-1, 0), (4, 0), (0, 5)):
        with pytest.raises(IndexError):
            RetiledImageProvider(provider, 64, 64).get_block(*place)
    with pytest.raises(ValueError):
        provider.get_block(0, 0, 1)
    with pytest.raises(IndexError):
        provider.get_block(0, 0, bands=[3])
    for width in (0, -5):
        with pytest.raises(ValueError):
            RetiledImageProvider(provider, width, 64)
    with pytest.raises(ValueError, match="power of two"):
        DownsampledImageProvider(provider, 3)
    with pytest.raises(ValueError):
        TileCache(-1)
    with pytest.raises(ValueError, match="range_adjustment"):
        DisplayChainFactory.build(provider, range_adjustment="auto")
    assert not provider.has_block(0, 99)


def test_the_pyramid_of_sips_is_that_of_the_whole_image():
    _, provider = source()
    half = DownsampledImageProvider(provider)
    assert (half.num_rows, half.num_columns) == (100, 150) and half.block_shape == (3, 32, 32)
    whole = tilecache.from_memory(pixels(0, 0, 300, 200)).downsample(filter="sips").read()
    tiled = np.concatenate(
        [np.concatenate([half.get_block(row, col) for col in range(half.block_grid_size[1])], 2)
         for row in range(half.block_grid_size[0])], 1)  # fmt: skip
    assert np.array_equal(tiled, whole)


def test_maps_downsamples_and_warps():
    _, provider = source()
    halved = MappedImageProvider(
        provider, lambda block: (block[:1] / 2).astype(np.float32), num_bands=1, pixel_value_type=PixelType.Float32
    )
    assert halved.pixel_value_type is PixelType.Float32
    assert np.array_equal(halved.get_block(0, 0)[0], pixels(0, 0, 64, 64)[0] / np.float32(2))
    shifted = WarpedImageProvider(provider, tilecache.Transform.affine([5, 1, 0, 0, 0, 1]), 100, 100)
    assert shifted.block_grid_size == (1, 1) and shifted.get_block(0, 0)[0, 0, 0] == 15
    chain = DisplayChainFactory.build(provider, range_adjustment="minmax", band_selection=[2])
    assert chain(provider.get_block(0, 0)).shape == (1, 64, 64)
    assert DisplayChainFactory.build(provider, output_dtype="uint16")(provider.get_block(0, 0)).dtype == np.uint16


def test_a_signed_image_is_stretched_over_its_values():
    array = np.linspace(-1000, 1000, 64 * 64).reshape(1, 64, 64).astype(np.int16)
    provider = ImageProvider(tilecache.from_memory(array))
    picture = DisplayChainFactory.build(provider)(array)
    assert picture[0, 0, 0] < 20 and picture[0, -1, -1] > 230 and picture[0, 32, 32] in range(100, 156)


def test_a_cache_is_a_dictionary_of_arrays():
    cache = TileCache(1 << 20)
    key = ("mine", 0, 1, 0, None)
    assert cache.get(key) is None
    array = np.arange(12, dtype=np.uint8).reshape(1, 3, 4)
    cache.put(key, array)
    array[...] = 0
    assert cache.get(key)[0, 2, 3] == 11
    cache.clear()
    assert cache.get(key) is None


def test_readers(scene):
    reader = IO.open(scene)
    assert reader.get_asset_keys() == ["image:0"]
    asset = reader.get_asset("image:0")
    for key in ("image:1", "elevation", "image:x"):
        with pytest.raises(KeyError):
            reader.get_asset(key)
    reader.close()
    assert asset.get_block(0, 0).shape == (3, 128, 128), "what it gave stays usable"
    with pytest.raises(OSError):
        reader.get_asset("image:0")
    with pytest.raises(OSError):
        IO.open("missing.tif")
    with pytest.raises(ValueError, match="mode"):
        IO.open(scene, "w")
