"""What a cache and an opening tell."""

import logging
import sys
import time

import numpy as np
import pytest
from test_callbacks import png

import tilecache
from tilecache import Log, LogEvent, LogLevel, _callbacks


def slow(place):
    time.sleep(0.01)
    if place.col:
        raise ValueError("no pixels")
    return np.zeros(place.shape, np.uint8)


def test_a_cache_tells_a_function():
    said = []
    log = Log(lambda *told: said.append(told), "info", slow_ms=5)
    source = tilecache.from_source(slow, width=16, height=8, dtype="uint8", block_width=8, key="mine")
    provider = source.cached(tilecache.Cache(1 << 20, log=log))
    provider.get_block(0, 0)
    with pytest.raises(ValueError):
        provider.get_block(0, 1)
    slows = [told for told in said if told[1] is LogEvent.SLOW]
    assert slows and slows[0][0] is LogLevel.WARNING and "mine" in slows[0][2]
    assert any(told[1] is LogEvent.FAILED and "no pixels" in told[3] for told in said)


def test_an_opening_tells_a_logger(tmp_path, caplog):
    path = tmp_path / "a.png"
    path.write_bytes(png())
    (tmp_path / "a.png.aux.xml").write_text("<PAMDataset><unclosed>")
    logger = logging.getLogger("tilecache.test")
    with caplog.at_level(logging.WARNING, logger.name):
        tilecache.open(path, log=logger)
    assert any("a.png" in record.message and record.event == LogEvent.DAMAGE for record in caplog.records)


def test_what_a_log_raises_goes_where_python_tells_such_things(monkeypatch):
    told = []
    monkeypatch.setattr(sys, "unraisablehook", lambda raised: told.append(raised.exc_type))
    cache = tilecache.Cache(1 << 20, log=Log(lambda *told: 1 / 0, slow_ms=1))
    provider = tilecache.from_source(slow, width=8, height=8, dtype="uint8").cached(cache)
    assert provider.get_block(0, 0).shape == (1, 8, 8)
    assert told and set(told) == {ZeroDivisionError}


def test_a_log_is_let_go_of():
    before = _callbacks.entered()
    cache = tilecache.Cache(1 << 20, log=print)
    tilecache.open(png(), log=print).close()
    for refused in (
        lambda: tilecache.Cache(1 << 20, unread_percent=101, log=print),
        lambda: tilecache.open(b"no image", log=print),
        lambda: tilecache.open(png(), image=-1, log=print),
        lambda: tilecache.Cache(1 << 20, log=Log(print, "loud")),
        lambda: tilecache.open("missing.tif", log=7),
    ):
        with pytest.raises((ValueError, TypeError, tilecache.Error)):
            refused()
    assert _callbacks.entered() == before + 1
    cache.close()
    assert _callbacks.entered() == before
