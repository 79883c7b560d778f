"""What a cache tells as text."""

import json

import pytest
from conftest import Ramp

import tilecache


def test_statistics_as_json():
    cache = tilecache.Cache(1 << 20, observe=True)
    provider = Ramp(key="ramp ä").provider.cached(cache)
    for _ in range(3):
        provider.get_block(0, 0)
    told = json.loads(cache.statistics_json())
    assert told["cache"]["budget"] == 1 << 20 and told["cache"]["hits"] == cache.statistics().hits
    assert any("ramp ä" in each["key"] for each in told["providers"])
    assert "advice" in told and cache.statistics().observation > 0
    assert json.loads(provider.counters_json())["amplification"] == 1


def test_a_report_is_a_page():
    cache = tilecache.Cache(1 << 20)
    provider = Ramp(key="ramp ä <b>").provider.cached(cache)
    provider.get_block(0, 0)
    parts = []
    cache.report(parts.append)
    page = "".join(parts)
    assert page.lstrip().lower().startswith("<!doctype html>") and "ramp ä &lt;b&gt;" in page
    with pytest.raises(ZeroDivisionError):
        cache.report(lambda part: 1 / 0)
    with pytest.raises(tilecache.ClosedError):
        cache.close(), cache.report(parts.append)
