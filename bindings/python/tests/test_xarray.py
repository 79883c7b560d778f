"""Images as datasets, and dask over them."""

import pickle

import numpy as np
import pytest
from conftest import Ramp, pixels

import tilecache

xr = pytest.importorskip("xarray")
dask = pytest.importorskip("dask")


def test_a_file_is_a_dataset(scene):
    with xr.open_dataset(scene, engine="tilecache") as dataset:
        data = dataset.band_data
        assert data.dims == ("band", "y", "x") and data.shape == (3, 400, 600) and data.dtype == np.uint16
        assert data.band.values.tolist() == [1, 2, 3]
        assert data.x.values[[0, 1]].tolist() == [500005, 500015] and data.y.values[0] == 4599995
        assert dataset.spatial_ref.attrs["crs_wkt"].startswith("PROJCRS")
        assert dataset.spatial_ref.attrs["GeoTransform"] == "500000.0 10.0 0.0 4600000.0 0.0 -10.0"
        assert np.array_equal(data.values, pixels(0, 0, 600, 400))
    assert xr.open_dataset(scene).band_data.shape == (3, 400, 600), "it is found by the name of the file"


EVERY = slice(None)


@pytest.mark.parametrize(
    "key",
    [
        (EVERY, 5, EVERY), (1, EVERY, EVERY), (1, 5, 7), (-1, -1, -1), (EVERY, slice(10, 50, 7), slice(3, 9)),
        (slice(None, None, -1), slice(50, 10, -3), slice(20, None, -1)), ([2, 0], [5, 1, 9], EVERY),
        ([0], slice(0, 0), EVERY), ([], EVERY, EVERY), (0, [3, 3, 1], slice(-5, None)),
    ],
)  # fmt: skip
def test_any_index_reads_just_that(key):
    ramp = Ramp()
    dataset = xr.open_dataset(ramp.provider, engine="tilecache")
    expected = pixels(0, 0, 300, 200)
    for axis, part in reversed(list(enumerate(key))):
        expected = expected[(EVERY,) * axis + (part,)]
    assert np.array_equal(dataset.band_data[key].values, expected)
    assert len(ramp.asked) <= 20


def test_places_and_points_are_selected(scene):
    data = xr.open_dataset(scene, engine="tilecache").band_data
    near = data.sel(x=500123, y=4599003, method="nearest")
    assert near.values.tolist() == pixels(12, 99, 1, 1)[:, 0, 0].tolist()
    points = data.isel(x=xr.DataArray([1, 5, 9], dims="point"), y=xr.DataArray([2, 4, 6], dims="point"))
    assert points.values.tolist() == [
        [pixels(x, y, 1, 1)[band, 0, 0] for x, y in ((1, 2), (5, 4), (9, 6))] for band in range(3)
    ]


def test_nodata_levels_and_providers(scene, cache):
    provider = tilecache.from_memory(np.arange(12, dtype=np.uint8).reshape(3, 4), nodata=5)
    data = xr.open_dataset(provider, engine="tilecache").band_data
    assert np.isnan(data.values[0, 1, 1]) and data.values[0, 1, 2] == 6
    raw = xr.open_dataset(provider, engine="tilecache", mask_and_scale=False).band_data
    assert raw.dtype == np.uint8 and raw.attrs["_FillValue"] == 5
    coarse = xr.open_dataset(scene, engine="tilecache", level=2, tile_cache=cache)
    assert coarse.band_data.shape == (3, 100, 150) and coarse.x.values[0] == 500020
    assert np.array_equal(coarse.band_data.values, tilecache.open(scene).read(level=2))
    assert cache.statistics().entries > 0
    assert "band_data" not in xr.open_dataset(scene, engine="tilecache", drop_variables="band_data")
    with pytest.raises(FileNotFoundError):
        xr.open_dataset("missing.tif", engine="tilecache")


@pytest.mark.parametrize("scheduler", ["threads", "processes", "synchronous"])
def test_dask_computes_over_blocks(scene, scheduler):
    data = xr.open_dataset(scene, engine="tilecache", chunks={}).band_data
    assert data.chunks == ((3,), (128, 128, 128, 16), (128, 128, 128, 128, 88))
    with dask.config.set(scheduler=scheduler, num_workers=2):
        mean = data.mean(("y", "x")).compute()
        ndvi = ((data[0] - data[1]) / (data[0] + data[1] + 1)).max().compute()
    whole = pixels(0, 0, 600, 400).astype(float)
    assert mean.values == pytest.approx(whole.mean((1, 2)))
    assert np.isfinite(float(ndvi))


@pytest.mark.filterwarnings("ignore:The specified chunks")
def test_each_block_is_decoded_once_under_dask():
    ramp = Ramp(600, 400, 100)
    data = xr.open_dataset(
        ramp.provider.cached(tilecache.Cache(16 << 20)), engine="tilecache", chunks={"x": 70, "y": 70}
    )
    with dask.config.set(scheduler="threads", num_workers=4):
        total = data.band_data.sum().compute()
    assert int(total) == int(pixels(0, 0, 600, 400).astype(np.int64).sum())
    assert len(ramp.asked) == len(set(ramp.asked)) == 24


def test_datasets_pickle(scene):
    dataset = pickle.loads(pickle.dumps(xr.open_dataset(scene, engine="tilecache", chunks={})))
    assert np.array_equal(dataset.band_data[:, :10, :10].compute().values, pixels(0, 0, 10, 10))
