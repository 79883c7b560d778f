//! Which samples of which tiles a rectangle of a level is made of.

use super::size::Axis;
use std::ops::Range;

/// The pixels of one axis at one level and the samples of one component under them.
///
/// A pixel at `p` of the level lies at `p * unit * 2^level` on the reference grid, a sample at
/// `s * step * 2^level`. Where samples lie farther apart than pixels, each stands for the pixels up
/// to the next.
#[derive(Clone, Copy, Debug)]
pub struct Samples {
    unit: u64,
    step: u64,
    level: u32,
    first: u64,
    last: u64,
}

/// The places of the pixels of an axis at a level.
pub fn pixels(axis: &Axis, unit: u64, level: u32) -> Range<u64> {
    let all = axis.samples(unit);
    halved(&all, level)
}

fn halved(range: &Range<u64>, level: u32) -> Range<u64> {
    range.start.div_ceil(1 << level)..range.end.div_ceil(1 << level)
}

impl Samples {
    /// Those of a component with samples `step` apart in an image with pixels `unit` apart; `None`
    /// if it has none at this level.
    pub fn new(axis: &Axis, unit: u64, step: u64, level: u32) -> Option<Self> {
        let all = halved(&axis.samples(step), level);
        (!all.is_empty()).then(|| Self {
            unit,
            step,
            level,
            first: all.start,
            last: all.end - 1,
        })
    }

    /// Whether every pixel has a sample of its own.
    pub fn is_direct(&self) -> bool {
        self.unit == self.step
    }

    /// The sample under a pixel.
    pub fn under(&self, pixel: u64) -> u64 {
        (pixel * self.unit / self.step).clamp(self.first, self.last)
    }

    /// The samples under some pixels.
    pub fn under_all(&self, pixels: &Range<u64>) -> Range<u64> {
        self.under(pixels.start)..self.under(pixels.end - 1) + 1
    }

    /// Those of the pixels that lie over some samples.
    pub fn over(&self, samples: &Range<u64>, pixels: &Range<u64>) -> Range<u64> {
        let before = |sample: u64| {
            let (mut low, mut high) = (pixels.start, pixels.end);
            while low < high {
                let middle = low + (high - low) / 2;
                match self.under(middle) < sample {
                    true => low = middle + 1,
                    false => high = middle,
                }
            }
            low
        };
        before(samples.start)..before(samples.end)
    }

    fn spacing(&self) -> u64 {
        self.step << self.level
    }

    /// Where a sample lies on the reference grid.
    pub fn place(&self, sample: u64) -> u64 {
        sample * self.spacing()
    }

    /// The samples in a range of the reference grid.
    pub fn within(&self, range: &Range<u64>) -> Range<u64> {
        range.start.div_ceil(self.spacing())..range.end.div_ceil(self.spacing())
    }

    /// The part of a tile that gives just these samples of it; all of the tile for all of them.
    pub fn reach(&self, samples: &Range<u64>, tile: &Range<u64>) -> Range<u64> {
        let all = self.within(tile);
        let start = match samples.start <= all.start {
            true => tile.start,
            false => self.place(samples.start),
        };
        start..self.place(samples.end).min(tile.end)
    }
}

/// The samples in both ranges.
pub fn shared(a: &Range<u64>, b: &Range<u64>) -> Range<u64> {
    let start = a.start.max(b.start);
    start..a.end.min(b.end).max(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pixel_has_one_sample_in_one_tile() {
        for (start, end, tile_start, tile, unit, step) in [
            (0, 100, 0, 100, 1, 1),
            (0, 1000, 0, 37, 1, 2),
            (17, 999, 3, 128, 1, 3),
            (5, 640, 5, 300, 2, 4),
            (5, 640, 1, 50, 2, 3),
        ] {
            let axis = Axis {
                start,
                end,
                tile_start,
                tile,
            };
            for level in 0..4 {
                let samples = Samples::new(&axis, unit, step, level).expect("samples");
                let pixels = pixels(&axis, unit, level);
                let need = samples.under_all(&pixels);
                let mut next = pixels.start;
                for index in 0..axis.tiles() {
                    let tile = axis.tile_range(index);
                    let part = shared(&need, &samples.within(&tile));
                    if part.is_empty() {
                        continue;
                    }
                    assert_eq!(axis.tile_at(samples.place(part.start)), index);
                    let reach = samples.reach(&part, &tile);
                    assert_eq!(samples.within(&reach), part);
                    let over = samples.over(&part, &pixels);
                    assert_eq!(over.start, next);
                    next = over.end;
                }
                assert_eq!(next, pixels.end, "{axis:?} level {level}");
            }
        }
    }
}
