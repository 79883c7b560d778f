"""Nothing that the C API has is missing."""

import dataclasses
import enum
import inspect
import pathlib
import pickle
import re

import pytest

import tilecache
from tilecache import _raw, constants, errors

PACKAGE = pathlib.Path(tilecache.__file__).parent
SOURCES = {path.name: path.read_text() for path in PACKAGE.glob("*.py") if path.name != "constants.py"}
TEXT = "\n".join(SOURCES.values())
# What calls of the library the tiles in C are linked to.
IN_C = next(PACKAGE.glob("_tiles*.so")).read_bytes().split(b"\0")

# A reference of Python is a reference: objects are shared by using them in two places.
NOT_NEEDED = {
    "tc_retain", "tc_tile_retain", "tc_chain_retain", "tc_transform_retain", "tc_pixel_stats_retain", "tc_load_retain",
}  # fmt: skip
# A tier is written in C, and a cache of Python is given its table.
FOR_TIERS = {
    "tc_tier_room", "tc_tier_answer", "tc_tier_is_wanted", "tc_tier_taken", "tc_tier_changed", "tc_tier_confirmed", "tc_tier_link_release",
}  # fmt: skip
# What Python's own memory does not need to put off, and what `Tile.absent` tells, which is C.
NOT_NEEDED_VALUES = {"TC_PIXELS_DEFER_RELEASE", "TC_IMAGE_DEFER_RELEASE", "TC_PIXELS_ABSENT"}


def functions():
    return [name for name in dir(_raw.lib) if re.match(r"(tc|provider)_[a-z]", name)]


def test_every_function_is_used():
    assert len(functions()) > 80
    unused = [
        name
        for name in functions()
        if name not in NOT_NEEDED | FOR_TIERS and not re.search(rf"\blib\.{name}\b", TEXT) and name.encode() not in IN_C
    ]
    assert unused == []
    assert all(hasattr(_raw.lib, name) for name in NOT_NEEDED | FOR_TIERS)


def test_every_option_can_be_given():
    for name in _raw.ffi.list_types()[0] + _raw.ffi.list_types()[1]:
        if not name.startswith("tc_") or not name.endswith("_options"):
            continue
        for member, _ in _raw.ffi.typeof(name).fields:
            if member in ("struct_size", "reserved", "user"):
                continue
            assert re.search(rf"\.{member}\b|\"{member}\"", TEXT), f"{name}.{member}"


def test_every_flag_can_be_given_or_is_told():
    flags = [
        f"TC_{prefix}_{value.name}"
        for kind, prefix in (
            (constants.ReaderFlags, "READ"), (constants.CacheFlags, "CACHE"), (constants.MapFlags, "MAP"),
            (constants.InputFlags, "INPUT"), (constants.ComputeFlags, "COMPUTE"), (constants.MosaicFlags, "MOSAIC"),
            (constants.LevelFlags, "LEVEL"), (constants.WarpFlags, "WARP"), (constants.GeorefFlags, "GEOREF"),
            (constants.SampleFlags, "SAMPLE"), (constants.ChainFlags, "CHAIN"), (constants.ConvertFlags, "CONVERT"),
            (constants.BuildFlags, "BUILD"), (constants.OpenFlags, "OPEN"), (constants.SourceFlags, "SOURCE"),
            (constants.PixelsFlags, "PIXELS"), (constants.BandFlags, "BAND"),
        )
        for value in kind
    ]  # fmt: skip
    assert all(hasattr(_raw.lib, flag) for flag in flags)
    assert [flag for flag in flags if flag not in TEXT and flag not in NOT_NEEDED_VALUES] == []


def test_every_status_has_its_exception():
    for status in constants.Status:
        if status:
            assert errors._CLASSES[status].status == status
    error = tilecache.RangeError("level 9", 0)
    assert str(error) == "TC_E_RANGE: level 9" and error.message == "level 9"
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is tilecache.RangeError and str(again) == str(error)
    for kind, builtin in (
        (tilecache.ArgumentError, ValueError), (tilecache.RangeError, IndexError), (tilecache.IoError, OSError),
        (tilecache.NoMemoryError, MemoryError), (tilecache.NoSuchFileError, FileNotFoundError),
    ):  # fmt: skip
        assert issubclass(kind, builtin) and issubclass(kind, tilecache.Error)
        assert str(kind("why")).endswith(": why")


def test_an_unknown_status_is_an_error():
    error = _raw.ffi.new("tc_error *")
    error.code, error.message = 77, b"from later"
    failed = errors.failure(error)
    assert type(failed) is tilecache.Error and failed.status == 77 and "from later" in str(failed)


def test_a_library_that_does_not_fit_is_refused():
    from tilecache._version import check

    check(0x000105, 0x000107)
    check(0x010105, 0x010203)
    with pytest.raises(ImportError, match="0.1.5 .* 0.2.0"):
        check(0x000105, 0x000200)
    with pytest.raises(ImportError, match="1.1.0 .* 2.0.0"):
        check(0x010100, 0x020000)


def test_everything_public_is_described_and_typed():
    for name in tilecache.__all__:
        thing = getattr(tilecache, name)
        if (
            isinstance(thing, type)
            and not issubclass(thing, (enum.Enum, tuple))
            and not dataclasses.is_dataclass(thing)
        ):
            assert thing.__doc__, name
            for attribute, member in vars(thing).items():
                if not attribute.startswith("_") and (inspect.isfunction(member) or isinstance(member, property)):
                    assert inspect.getdoc(member), f"{name}.{attribute}"
        elif inspect.isfunction(thing):
            assert thing.__doc__, name
            assert inspect.signature(thing).return_annotation is not inspect.Signature.empty, name
    assert (PACKAGE / "py.typed").exists()
