"""Operators, statistics, chains, places on the ground and files."""

import io
import pathlib
import struct

import numpy as np
import pytest
from conftest import Ramp, pixels
from test_callbacks import png

import tilecache


def test_statistics_are_those_of_numpy(ramp):
    heard = []
    stats = ramp.provider.pixel_stats(threads=2, progress=heard.append)
    whole = pixels(0, 0, 300, 200).astype(float)
    assert len(stats) == 3 and stats.level == 0 and not stats.windows and not stats.stored
    for band, numbers in enumerate(stats[band] for band in range(3)):
        assert (numbers.count, numbers.valid, numbers.nan, numbers.infinite) == (60000, 60000, 0, 0)
        assert (numbers.minimum, numbers.maximum) == (whole[band].min(), whole[band].max())
        assert numbers.mean == pytest.approx(whole[band].mean(), rel=1e-15)
        assert numbers.deviation == pytest.approx(whole[band].std(), rel=1e-12)
    assert stats.percentile(1, 30) == np.percentile(whole[1], 30, method="inverted_cdf")
    assert stats.percentile_interval(1, 30)[1:] == (stats.percentile(1, 30),) * 2
    assert np.array_equal(stats.histogram(0, 10), np.histogram(whole[0], 10)[0])
    assert stats.histogram(0, 4, 0, 4).tolist() == [1, 0, 0, 1]
    assert heard == sorted(heard) and heard[-1] == 1 and stats.table_bytes > 0
    with pytest.raises(tilecache.RangeError):
        stats[3]
    with pytest.raises(tilecache.RangeError):
        stats.histogram(0, 0)
    with pytest.raises(tilecache.CancelledError):
        ramp.provider.pixel_stats(progress=lambda done: False)
    exact = ramp.provider.display("f32").pixel_stats(exact=[12.5], windows=True)
    assert exact.windows and exact.percentile_interval(0, 12.5)[1] == exact.percentile(0, 12.5)


def test_chains(ramp, cache):
    chain = tilecache.Chain("bands=2,0|stretch=0..1000|u8")
    assert chain.info.resolved and chain.info.bands == 2 and chain.info.dtype == np.uint8
    picture = ramp.provider.display(chain, cache=cache)
    expected = np.floor(np.clip(pixels(0, 0, 64, 64, [2, 0]) / 1000, 0, 1) * 255 + 0.5)
    assert np.array_equal(picture.get_block(0, 0).array, expected)
    assert np.array_equal(chain.apply(pixels(0, 0, 64, 64)), expected)
    masked = chain.apply(pixels(0, 0, 4, 4), np.eye(4, dtype=bool))
    assert (masked[:, ~np.eye(4, dtype=bool)] == 0).all()
    assert picture.metadata()["TC:CHAIN"] == chain.text == "bands=2,0|stretch=0..1000|u8"
    joined = tilecache.Chain("bands=1") | "stretch=0..1|u8"
    assert joined.text == "bands=1|stretch=0..1|u8" and repr(joined) == f"Chain('{joined.text}')"
    unresolved = tilecache.Chain("stretch=2..98%|u8")
    assert unresolved.info.needs_stats and not unresolved.info.resolved
    with ramp.provider.pixel_stats() as stats:
        assert "stretch=" in unresolved.resolve(ramp.provider, stats).text
        assert ramp.provider.display(unresolved, stats=stats).dtype == np.uint8
    assert ramp.provider.display("minmax|u8").dtype == np.uint8
    automatic = ramp.provider.auto_chain()
    assert "stretch" in automatic.why and automatic.info.resolved
    assert ramp.provider.display().dtype == np.uint8
    with pytest.raises(tilecache.ArgumentError, match="byte 0"):
        tilecache.Chain("sharpen")
    with pytest.raises(tilecache.ArgumentError):
        unresolved.apply(pixels(0, 0, 4, 4))
    with pytest.raises(tilecache.ArgumentError, match="step"):
        ramp.provider.display("bands=7|u8")


def test_conversion_palettes_and_masks(ramp):
    converted = ramp.provider.convert(low=100, high=1100, bands=[0], gamma=2, invert=True)
    assert converted.shape == (1, 200, 300) and converted.dtype == np.uint8
    with ramp.provider.pixel_stats() as stats:
        assert ramp.provider.convert("uint16", low_percent=2, high_percent=98, common=True, stats=stats).bands == 3
    with pytest.raises(tilecache.ArgumentError):
        ramp.provider.convert(low_percent=2, high_percent=98)
    assert ramp.provider.palette() is None
    indices = tilecache.from_source(
        lambda place: np.zeros(place.shape, np.uint8), width=4, height=4, dtype="uint8",
        band_infos=[tilecache.BandInfo(tilecache.Colour.PALETTE, nodata=3)],
    )  # fmt: skip
    assert indices.band_info(0) == tilecache.BandInfo(tilecache.Colour.PALETTE, 3)
    mask = tilecache.from_memory(np.eye(200, 300, dtype=np.uint8) * 255)
    with_mask = Ramp(mask=mask).provider
    assert with_mask.info.flags & tilecache.ImageFlags.HAS_MASK
    assert np.array_equal(with_mask.mask().read(0), np.eye(200, 300) * 255)
    assert np.array_equal(with_mask.read(0, masked=True).mask, np.eye(200, 300) == 0)


def test_smaller_images(ramp, cache):
    half = ramp.provider.downsample(cache=cache)
    assert half.shape == (3, 100, 150)
    means = pixels(0, 0, 300, 200).astype(float).reshape(3, 100, 2, 150, 2).mean((2, 4))
    assert np.array_equal(half.read(), np.floor(means + 0.5))
    assert ramp.provider.downsample(width=70, height=50, filter="lanczos").shape == (3, 50, 70)
    nearest = ramp.provider.downsample(4, filter=tilecache.Filter.NEAREST)
    assert np.array_equal(nearest.read(0), pixels(0, 0, 300, 200)[0, ::4, ::4])
    pyramid = ramp.provider.pyramid(tile_width=64, tile_height=64, cache=cache)
    assert pyramid.levels == 4 and np.array_equal(pyramid.read(level=1), half.read())
    with pytest.raises(tilecache.RangeError):
        ramp.provider.downsample(3)


def test_warps(ramp):
    ties = [(0, 0, 10, 20), (100, 0, 110, 20), (0, 50, 10, 70), (100, 50, 110, 70)]
    expected = pixels(10, 20, 100, 50)
    for transform in (
        tilecache.Transform.affine([10, 1, 0, 20, 0, 1]),
        tilecache.Transform.polynomial(ties),
        tilecache.Transform.spline(ties),
    ):
        x, y = transform.points([5.0], [6.0])
        assert (x[0], y[0]) == pytest.approx((15, 26))
        warped = ramp.provider.warp(transform, width=100, height=50, filter="nearest", tile_width=64, tile_height=64)
        assert np.array_equal(warped.read(), expected)
    with pytest.raises(ValueError, match="6, in GDAL's order"):
        tilecache.Transform.affine([1, 2, 3])
    with pytest.raises(ValueError, match="source_x"):
        tilecache.Transform.polynomial([(1, 2, 3)])
    with pytest.raises(tilecache.ArgumentError):
        tilecache.Transform.spline([(i, i, i, i) for i in range(4)])
    with pytest.raises(tilecache.RangeError):
        ramp.provider.warp(tilecache.Transform.affine([0, 1, 0, 0, 0, 1]), width=0, height=5)


def test_where_an_image_lies(ramp):
    assert ramp.provider.georef() == tilecache.Georef()
    with pytest.raises(tilecache.NotFoundError):
        ramp.provider.place_of([(0, 0)])
    rpc = tilecache.Rpc(
        *(float(number) for number in range(1, 13)),
        *(tuple(float(term) for term in range(20)),) * 4,
    )
    georef = tilecache.Georef(
        transform=(100.0, 2.0, 0.0, 50.0, 0.0, -2.0), wkt='LOCAL_CS["mine"]', vertical_unit="metre",
        gcps=(tilecache.Gcp(0.5, 1.5, 10, 20, 30, "a", "first"),), rpc=rpc, pixel_is_point=True,
    )  # fmt: skip
    placed = ramp.provider.with_georef(georef)
    assert placed.georef() == georef
    assert placed.key == ramp.provider.key
    assert placed.place_of([[0, 0], [10, 5]]).tolist() == [[100, 50], [120, 40]]
    assert placed.pixel_of((120, 40)).tolist() == [10, 5]
    assert (
        tilecache.from_memory(np.zeros((4, 4))).with_georef(tilecache.Georef(epsg=4326)).georef().wkt.startswith("GEOG")
    )
    assert placed.with_georef(None).georef() == tilecache.Georef()
    with pytest.raises(tilecache.ArgumentError):
        ramp.provider.with_georef(tilecache.Georef(transform=(0.0,) * 6))
    with pytest.raises(ValueError, match="pairs"):
        placed.place_of([1, 2, 3])
    ground = tilecache.Transform.rpc(rpc, [8, 1, 0, 7, 0, 1], 5.0)
    assert ground.points([0.0], [0.0])[0].shape == (1,)


def test_ground_that_is_not_level(cache):
    terms = [(0.0,) * 20 for _ in range(4)]
    terms[0], terms[1] = (0.0, 0.0, 1.0) + (0.0,) * 17, (1.0,) + (0.0,) * 19
    terms[2], terms[3] = (0.0, 1.0, 0.0, 1.0) + (0.0,) * 16, terms[1]
    rpc = tilecache.Rpc(-1.0, -1.0, *(0.0,) * 5, *(1.0,) * 5, *terms)
    same, heights = [0, 1, 0, 0, 0, 1], tilecache.from_memory(np.full((4, 6), 5.0))
    level = tilecache.Transform.rpc(rpc, same, 7.5).points([1, 2], [2, 3])
    options = dict(place=same, scale=1.5, cache=cache)
    over = tilecache.Transform.rpc_heights(rpc, same, heights, **options)
    assert np.array_equal(over.points([1, 2], [2, 3]), level)
    assert np.isnan(over.points([99], [2])).all()
    filled = tilecache.Transform.rpc_heights(rpc, same, heights, missing=0, **options)
    assert filled.points([99], [2]) == tilecache.Transform.rpc(rpc, same).points([99], [2])
    with pytest.raises(tilecache.RangeError, match="band 1 of an image with 1 bands"):
        tilecache.Transform.rpc_heights(rpc, same, heights, band=1, place=same)
    with pytest.raises(tilecache.ArgumentError, match="does not say where it lies"):
        tilecache.Transform.rpc_heights(rpc, same, heights)


def test_a_file_is_built_and_opened(ramp, tmp_path, cache):
    heard = []
    path = tmp_path / "built.tif"
    ramp.provider.build_pyramid(
        path, "cog", compression="zstd", effort=3, tile_width=128, tile_height=128, threads=2, cache=cache,
        progress=heard.append,
    )  # fmt: skip
    assert heard[-1] == 1
    with tilecache.open(path) as built:
        assert built.levels == 3 and np.array_equal(built.read(), pixels(0, 0, 300, 200))
    with pytest.raises(tilecache.CancelledError):
        ramp.provider.build_pyramid(tmp_path / "none.tif", progress=lambda done: False)
    with pytest.raises(ValueError, match="compression is 'brotli'; it may be deflate"):
        ramp.provider.build_pyramid(tmp_path / "none.tif", compression="brotli")
    with pytest.raises(tilecache.NotFoundError):
        ramp.provider.build_pyramid(tmp_path / "no" / "none.tif")
    with pytest.raises(tilecache.RangeError):
        ramp.provider.build_pyramid(tmp_path / "none.tif", tile_width=17)
    assert [found.name for found in tmp_path.iterdir()] == ["built.tif"]


def test_files_are_opened_by_path_bytes_and_functions(scene):
    data = scene.read_bytes()
    reads = []

    def read_at(offset, size):
        reads.append((offset, size))
        return data[offset : offset + size]

    expected = tilecache.open(scene).read(window=((100, 150), (200, 260)))
    assert np.array_equal(expected, pixels(200, 100, 60, 50))
    with scene.open("rb") as file:
        for given in (
            str(scene),
            pathlib.Path(scene),
            data,
            bytearray(data),
            io.BytesIO(data),
            file,
            (read_at, len(data)),
        ):
            with tilecache.open(given) as provider:
                assert np.array_equal(provider.read(window=((100, 150), (200, 260))), expected)
            assert tilecache.image_count(given) == 1
    assert reads
    assert tilecache.open(data, key="mine").key.startswith("mine:image:0")
    with pytest.raises(EOFError, match="bytes came of"):
        tilecache.open((lambda offset, size: data[offset : offset + size - 1], len(data)))


def test_files_beside_are_found(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(png())
    (tmp_path / "a.pgw").write_text("2\n0\n0\n-2\n101\n49\n")
    with tilecache.open(path) as provider:
        assert provider.georef().transform == (100, 2, 0, 50, 0, -2)
    with tilecache.open(path, alone=True) as provider:
        assert provider.georef().transform is None
    asked = []

    def beside(suffix):
        asked.append(suffix)
        return (tmp_path / "a.pgw").read_bytes() if suffix == "*.pgw" else None

    with tilecache.open(png(), beside=beside) as provider:
        assert provider.georef().transform == (100, 2, 0, 50, 0, -2)
    assert "*.pgw" in asked


def test_files_that_cannot_be_opened(tmp_path, scene):
    with pytest.raises(FileNotFoundError, match="missing.tif") as caught:
        tilecache.open(tmp_path / "missing.tif")
    assert isinstance(caught.value, tilecache.NotFoundError) and caught.value.status == tilecache.Status.E_NOT_FOUND
    with pytest.raises(FileNotFoundError):
        tilecache.image_count(tmp_path / "missing.tif")
    with pytest.raises(tilecache.NotFoundError) as caught:
        tilecache.open(scene, image=5)
    assert not isinstance(caught.value, FileNotFoundError)
    (tmp_path / "text.tif").write_text("no image")
    with pytest.raises(tilecache.UnsupportedError):
        tilecache.open(tmp_path / "text.tif")
    with pytest.raises(tilecache.ArgumentError, match="JPX"):
        tilecache.open(scene, format="JPX")
    with pytest.raises(tilecache.UnsupportedError):
        tilecache.open(scene, format="PNG")
    (tmp_path / "cut.tif").write_bytes(scene.read_bytes()[:1000])
    with pytest.raises(tilecache.CorruptError):
        tilecache.open(tmp_path / "cut.tif").read()
    for nothing in (None, 7, object()):
        with pytest.raises(TypeError, match="cannot be read from"):
            tilecache.open(nothing)
    with pytest.raises(tilecache.UnsupportedError, match="not a regular file"):
        tilecache.open(tmp_path)


def test_a_file_that_changes_is_noticed(tmp_path, scene):
    path = tmp_path / "changing.tif"
    path.write_bytes(scene.read_bytes())
    provider = tilecache.open(path)
    provider.get_block(0, 0)
    path.write_bytes(scene.read_bytes() + b"more")
    with pytest.raises(tilecache.ChangedError):
        provider.get_block(1, 1)


def test_texts_and_bands_of_sources():
    ramp = Ramp(
        texts={"NAME": "whole"}, nodata=9, bits=11,
        band_infos=[tilecache.BandInfo(tilecache.Colour.RED, 1), tilecache.BandInfo(), tilecache.BandInfo(nodata=2)],
        georef=tilecache.Georef(epsg=4326), inputs=[tilecache.from_memory(np.zeros((2, 2)), key="below")], key="own",
    )  # fmt: skip
    provider = ramp.provider
    assert provider.metadata() == {"NAME": "whole"} and provider.info.bits == 11
    assert [provider.band_info(band).nodata for band in range(3)] == [1, None, 2]
    assert provider.key.startswith("compute:own(below:image:0)")
    assert provider.georef().epsg == 4326
    texts = Ramp(texts=[(1, "DESCRIPTION", "near infrared"), (-1, "NAME", "")]).provider
    assert texts.metadata(1) == {"DESCRIPTION": "near infrared"} and texts.metadata() == {"NAME": ""}
    for options, error in (
        ({"band_infos": [tilecache.BandInfo()]}, ValueError),
        ({"nodata": -1}, ValueError),
        ({"nodata": 1.5}, ValueError),
        ({"pad": "x"}, ValueError),
        ({"threading": "many"}, ValueError),
        ({"bits": 99}, tilecache.RangeError),
        ({"threading": "sessions"}, tilecache.ArgumentError),
    ):
        with pytest.raises(error):
            Ramp(**options)


def test_inks_are_shown_as_rgb_by_option(tmp_path):
    """A TIFF of 2 x 1 pixels of four inks."""
    entries = ((256, 2), (257, 1), (258, 8), (259, 1), (262, 5), (273, 110), (277, 4), (279, 8))
    file = b"II*\0" + struct.pack("<IH", 8, 8)
    file += b"".join(struct.pack("<HHIHH", tag, 3, 1, value, 0) for tag, value in entries) + struct.pack("<I", 0)
    path = tmp_path / "inks.tif"
    path.write_bytes(file + bytes([0, 100, 200, 0, 255, 10, 20, 55]))
    with tilecache.open(path) as stored, tilecache.open(path, rgb=True) as shown:
        assert stored.bands == 4 and shown.bands == 3
        assert [shown.band_info(band).colour for band in range(3)] == [
            tilecache.Colour.RED,
            tilecache.Colour.GREEN,
            tilecache.Colour.BLUE,
        ]
        assert shown.get_block(0, 0).array[:, 0].tolist() == [[255, 0], [155, 192], [55, 184]]
        assert shown.key != stored.key and shown.metadata()["SOURCE_COLOR_SPACE"] == "CMYK"


def test_images_have_names_on_all_machines(scene):
    """Without another tier they are of no use, and nothing hears of a change."""
    digested = tilecache.open(scene, fleet_digest=True)
    named = tilecache.open(scene.read_bytes(), fleet_id="scene/1")
    for provider in (digested, named, Ramp(fleet_id="ramp/1").provider):
        assert provider.read(0, ((0, 1), (0, 2))).tolist() == [[0, 3]]
        with pytest.raises(tilecache.UnsupportedError):
            provider.invalidate_fleet()
    with pytest.raises(tilecache.ArgumentError, match="fleet identity"):
        tilecache.open(scene, fleet_id="another")
    with pytest.raises(ValueError, match="NUL"):
        tilecache.open(scene, fleet_id="a\0b")
