"""Windows, as users of rasterio write them."""

import numpy as np
import pytest
from conftest import Ramp, pixels

import tilecache
from tilecache import Window


def test_a_window_is_read_into_an_array_of_ones_own(ramp):
    provider = ramp.provider
    array = provider.read_window(10, 20, 100, 90)
    assert np.array_equal(array, pixels(10, 20, 100, 90))
    assert array.flags.writeable
    assert np.array_equal(provider.read_window(-5, -5, 10, 10)[:, 5:, 5:], pixels(0, 0, 5, 5))
    assert (provider.read_window(-5, -5, 10, 10)[:, :5] == 0).all()
    assert provider.read_window(0, 0, 3, 3, bands=[2, 2]).shape == (2, 3, 3)
    with pytest.raises(TypeError):
        provider.read_window(0, 0, 3, 3, bands=[1.5])
    out = np.zeros((90, 100, 3), np.float64)
    provider.read_window(10, 20, out=out.transpose(2, 0, 1))
    assert np.array_equal(out.transpose(2, 0, 1), pixels(10, 20, 100, 90))


def test_read_is_that_of_rasterio(ramp):
    provider = ramp.provider
    assert np.array_equal(provider.read(), pixels(0, 0, 300, 200))
    assert np.array_equal(provider.read(1), pixels(0, 0, 300, 200)[1])
    assert np.array_equal(provider.read(indexes=1), pixels(0, 0, 300, 200)[0])
    assert np.array_equal(provider.read(indexes=[3, 1]), pixels(0, 0, 300, 200, [2, 0]))
    assert np.array_equal(provider.read([2, 0]), pixels(0, 0, 300, 200, [2, 0]))
    for window in (
        Window(40, 30, 20, 10),
        ((30, 40), (40, 60)),
        (slice(30, 40), slice(40, 60)),
        [[30, 40], [40, 60]],
    ):
        assert np.array_equal(provider.read(window=window), pixels(40, 30, 20, 10))
    assert np.array_equal(provider.read(window=((None, None), (290, None))), pixels(290, 0, 10, 200))
    assert provider.read(0, Window(0, 0, 4, 4), out_dtype="float32").dtype == np.float32
    out = np.zeros((1, 10, 20), np.int32)
    assert provider.read([1], Window(40, 30, 20, 10), out=out) is out
    assert np.array_equal(out, pixels(40, 30, 20, 10, [1]))
    flat = np.zeros((10, 20), np.int32)
    provider.read(1, Window(40, 30, 20, 10), out=flat)
    assert np.array_equal(flat, out[0])


def test_a_window_of_rasterio_is_a_window(ramp):
    class Theirs:
        col_off, row_off, width, height = 40, 30, 20, 10

    assert np.array_equal(ramp.provider.read(window=Theirs()), pixels(40, 30, 20, 10))


def test_windows_are_cut_at_the_edge_unless_they_are_boundless(ramp):
    provider = ramp.provider
    assert provider.read(window=Window(290, 190, 20, 30)).shape == (3, 10, 10)
    whole = provider.read(window=Window(290, 190, 20, 30), boundless=True)
    assert whole.shape == (3, 30, 20)
    assert (whole[:, 10:] == 0).all()
    filled = provider.read(window=Window(-2, -2, 4, 4), boundless=True, fill_value=99)
    assert (filled[:, :2] == 99).all() and np.array_equal(filled[:, 2:, 2:], pixels(0, 0, 2, 2))
    with pytest.raises(ValueError, match="lies outside the image of 300 x 200"):
        provider.read(window=Window(300, 0, 10, 10))


def test_windows_are_resampled_to_any_shape(ramp, cache):
    provider = ramp.provider.cached(cache)
    # The means of 4 x 4 pixels of a plane, rounded.
    averaged = provider.read(window=Window(40, 20, 80, 40), out_shape=(10, 20), resampling="average")
    exact = pixels(40, 20, 80, 40).astype(float).reshape(3, 10, 4, 20, 4).mean((2, 4))
    assert averaged.shape == (3, 10, 20)
    assert np.array_equal(averaged, np.floor(exact + 0.5))
    nearest = provider.read(0, Window(40, 20, 81, 41), out_shape=(41, 27))
    assert np.array_equal(nearest, pixels(40, 20, 81, 41, [0])[0][:, 1::3])
    smooth = provider.read(
        0, Window(40, 20, 40, 20), out_shape=(80, 160), resampling=tilecache.Filter.CUBIC, out_dtype="float64"
    )
    at = np.arange(160) / 4 + 39.625
    rows = np.arange(80) / 4 + 19.625
    assert abs(smooth - (3 * at + 7 * rows[:, None])).max() <= 0.5
    out = np.zeros((3, 10, 20), np.float32)
    provider.read(window=Window(40, 20, 80, 40), out=out, resampling="average")
    assert np.array_equal(out, averaged)
    # Between pixels.
    half = provider.read(0, Window(40.5, 20, 10, 10), out_shape=(10, 10), resampling="bilinear")
    assert np.array_equal(half, np.floor(pixels(40, 20, 10, 10, [0])[0] + 1.5 + 0.5))

    class Theirs:
        name = "med"

    from tilecache.window import filter_of

    assert filter_of(Theirs()) == tilecache.Filter.MEDIAN and filter_of("GAUSS") == tilecache.Filter.GAUSS


def test_levels_are_read(scene):
    with tilecache.open(scene) as provider:
        assert provider.levels == 4
        assert [provider.level_shape(level) for level in range(4)] == [(400, 600), (200, 300), (100, 150), (50, 75)]
        coarse = provider.read(level=2, window=Window(10, 10, 20, 20))
        assert np.array_equal(coarse, provider.level(2).read(window=Window(10, 10, 20, 20)))
        filled = provider.read(0, Window(-1, 0, 2, 1), level=1, boundless=True, fill_value=5)
        assert filled[0, 0] == 5
        small = provider.read(level=1, out_shape=(50, 75), resampling="average")
        assert np.array_equal(small, provider.level(1).read(out_shape=(50, 75), resampling="average"))
        with pytest.raises(tilecache.RangeError, match="level"):
            provider.read(level=4)


def test_masked_arrays_are_masked_where_there_is_no_data():
    array = np.arange(48, dtype=np.uint8).reshape(2, 4, 6)
    provider = tilecache.from_memory(array, nodata=5)
    masked = provider.read(masked=True)
    assert isinstance(masked, np.ma.MaskedArray)
    assert np.argwhere(masked.mask).tolist() == [[0, 0, 5]]
    one = provider.read(0, Window(4, 0, 2, 2), masked=True)
    assert one.shape == (2, 2) and one.mask.tolist() == [[False, True], [False, False]]
    beyond = provider.read(1, Window(5, 3, 2, 2), boundless=True, masked=True)
    assert beyond.mask.tolist() == [[False, True], [True, True]]
    floats = np.array([[[np.nan, 1.0]]], np.float32)
    assert tilecache.from_memory(floats, nodata=np.nan).read(0, masked=True).mask.tolist() == [[True, False]]


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"bands": 3}, tilecache.RangeError, "band"),
        ({"bands": []}, ValueError, "empty"),
        ({"indexes": 0}, IndexError, "count from 1"),
        ({"bands": 1, "indexes": 1}, TypeError, "one of them"),
        ({"window": ((0, 0), (0, 10))}, ValueError, "empty"),
        ({"window": ((0, 10, 2), (0, 10))}, ValueError, "too many values"),
        ({"window": (slice(0, 10, 2), slice(0, 10))}, ValueError, "step"),
        ({"window": "all"}, TypeError, "no window"),
        ({"window": Window(0.5, 0, 10, 10)}, ValueError, "within pixels"),
        ({"fill_value": 3}, ValueError, "boundless"),
        ({"fill_value": 70000, "boundless": True, "window": Window(-1, 0, 2, 2)}, ValueError, "70000, .* no uint16"),
        ({"out_shape": (10,)}, ValueError, "rows and columns"),
        ({"out_shape": (2, 10, 10)}, ValueError, "3 bands"),
        ({"out_shape": (0, 10)}, ValueError, "empty"),
        ({"out_shape": (10, 10), "resampling": "cubic_spline"}, ValueError, "cubic_spline"),
        ({"out": np.zeros((3, 10, 10)), "out_dtype": "uint8"}, TypeError, "of its own"),
        ({"out": np.zeros((2, 200, 300))}, ValueError, "3 bands"),
        ({"level": 1}, tilecache.RangeError, "level"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused(ramp, options, error, says):
    with pytest.raises(error, match=says):
        ramp.provider.read(**options)


@pytest.mark.parametrize(
    ("place", "error"),
    [
        ((-1, 0), tilecache.RangeError),
        ((0, 5), tilecache.RangeError),
        ((0, 0, 1), tilecache.RangeError),
        ((0, 0, 0, [3]), tilecache.RangeError),
        ((0, 0, 0, []), ValueError),
        (("a", 0), TypeError),
        ((0.5, 0), TypeError),
        ((2**63, 0), OverflowError),
    ],
)
def test_blocks_that_do_not_exist_are_refused(ramp, place, error):
    provider = ramp.provider.cached(tilecache.Cache(1 << 20))
    for function in (provider.get_block, provider.try_block, provider.peek_block, provider.request_block):
        with pytest.raises(error):
            function(*place)
    assert ramp.asked == []


def test_try_and_peek_never_load(ramp, cache):
    provider = ramp.provider.cached(cache)
    assert provider.try_block(0, 0) is None and provider.peek_block(0, 0, 0, [1]) is None
    tile = provider.get_block(0, 0)
    assert provider.try_block(0, 0).address == provider.peek_block(0, 0).address == tile.address
    assert np.array_equal(provider.try_block(0, 0, bands=[1]).array[0], tile.array[1])
    assert ramp.asked == [(0, 0)]


def test_numpy_integers_are_numbers(ramp):
    row, col = np.unravel_index(7, (4, 5))
    assert ramp.provider.get_block(row, col).shape == (3, 64, 64)
    assert ramp.provider.read(np.uint8(1)).shape == (200, 300)


def test_what_the_image_is(scene):
    with tilecache.open(scene) as provider:
        info = provider.info
        assert (info.width, info.height, info.bands, info.levels) == (600, 400, 3, 4)
        assert provider.shape == info.shape == (3, 400, 600)
        assert provider.block_shape == (128, 128) and provider.grid_shape == (4, 5)
        assert provider.format == "TIFF" and provider.key.endswith(":image:0")
        assert info.flags & tilecache.ImageFlags.HAS_NODATA == 0 and info.nodata is None
        assert provider.metadata()["TIFFTAG_IMAGEWIDTH"] == "600"
        assert "600 x 400" in repr(provider)
    assert Ramp().provider.format is None
