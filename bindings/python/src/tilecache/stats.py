"""Statistics of the pixels of an image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from ._callbacks import Progress
from ._handles import Held
from ._raw import ffi, lib
from .errors import call


@dataclass(frozen=True)
class BandStats:
    """The numbers of a band: `tc_band_stats`."""

    count: int
    """Pixels that were looked at."""
    valid: int
    """Those that are data and finite. All that follows speaks of them."""
    nan: int
    infinite: int
    minimum: float
    maximum: float
    mean: float
    deviation: float
    """The population standard deviation."""


class PixelStats(Held):
    """Statistics of all bands, which never change; see `provider_pixel_stats` in the header."""

    __slots__ = ()
    _what = "set of statistics"

    def _about(self) -> Any:
        about = ffi.new("tc_pixel_stats_about *")
        call(lib.tc_pixel_stats_info, self._open, about)
        return about

    @property
    def level(self) -> int:
        """The level whose pixels were looked at."""
        return int(self._about().level)

    @property
    def windows(self) -> bool:
        """Whether only windows at fixed places were looked at."""
        return bool(self._about().flags & lib.TC_SAMPLE_WINDOWS)

    @property
    def stored(self) -> bool:
        """Whether they stood in the file, and no pixel was looked at."""
        return bool(self._about().flags & lib.TC_SAMPLE_STORED)

    @property
    def table_bytes(self) -> int:
        """The bytes of their counters."""
        return int(self._about().table_bytes)

    def __len__(self) -> int:
        return int(self._about().bands)

    def __getitem__(self, band: int) -> BandStats:
        numbers = ffi.new("tc_band_stats *")
        call(lib.tc_pixel_stats_band, self._open, band, numbers)
        return BandStats(*(getattr(numbers, field.name) for field in fields(BandStats)))

    def percentile(self, band: int, percent: float) -> float:
        """A percentile of a band, or the middle of the interval in which it is known to be."""
        return self.percentile_interval(band, percent)[0]

    def percentile_interval(self, band: int, percent: float) -> tuple[float, float, float]:
        """A percentile, and the interval in which it is known to be: both ends are it where it is exact."""
        value, low, high = (ffi.new("double *") for _ in range(3))
        call(lib.tc_pixel_stats_percentile, self._open, band, percent, value, low, high)
        return value[0], low[0], high[0]

    def histogram(self, band: int, bins: int = 256, low: float = 0.0, high: float = 0.0) -> npt.NDArray[np.int64]:
        """Valid pixels of a band in bins of equal width from `low` to `high`; both 0 are its minimum and maximum."""
        counts = np.zeros(max(bins, 1), np.int64)
        call(
            lib.tc_pixel_stats_histogram, self._open, band, low, high, ffi.from_buffer("int64_t[]", counts), bins,
            ffi.NULL,
        )  # fmt: skip
        return counts

    def __repr__(self) -> str:
        return "<tilecache.PixelStats, closed>" if self.closed else f"<tilecache.PixelStats of {len(self)} bands>"


def sample_options(
    progress: Progress,
    held: list[Any],
    *,
    level: int = 0,
    threads: int = 0,
    windows: bool = False,
    exact: bool | Sequence[float] = False,
    power: bool = False,
    stored: bool = False,
) -> Any:
    """A tc_sample_options. `exact` may be the percentiles that are to be."""
    options = ffi.new("tc_sample_options *")
    options.struct_size = ffi.sizeof("tc_sample_options")
    for wanted, flag in (
        (windows, lib.TC_SAMPLE_WINDOWS),
        (exact is not False, lib.TC_SAMPLE_EXACT),
        (power, lib.TC_SAMPLE_POWER),
        (stored, lib.TC_SAMPLE_STORED),
    ):
        options.flags |= flag if wanted else 0
    options.threads, options.level = threads, level
    if not isinstance(exact, bool):
        percents = ffi.new("double[]", [float(percent) for percent in exact])
        held.append(percents)
        options.percents, options.n_percents = percents, len(percents)
    progress.put(options)
    return options


ProgressFunction = Callable[[float], Any]
