//! A rectangle of a component at a level: just the coefficients that it needs, and the wavelets of just these.

use super::grid::{Area, Band};
use super::groups::{Groups, Kept, Part};
use super::tile::Tile;
use super::wavelet::{Irreversible, Reversible, Wavelet, inverse, under, with_margin};
use crate::bytes::Bytes;
use crate::error::Result;
use crate::source::jp2::helpers::Helpers;
use crate::source::scratch;
use crate::sync::atomic::AtomicU64;

/// Samples of a component before the components are told apart.
pub enum Samples {
    /// Of the wavelet of whole numbers.
    Whole(Vec<i32>),
    /// Of the other one.
    Fractions(Vec<f32>),
}

/// What a tile is read with.
pub struct Access<'a> {
    /// The file.
    pub bytes: &'a dyn Bytes,
    /// Where groups of code-blocks are kept, if anywhere.
    pub kept: Option<Kept<'a>>,
    /// The threads that may help.
    pub helpers: &'a Helpers,
    /// Counts the coefficients that are decoded.
    pub decoded: AtomicU64,
}

/// What a wavelet makes of what code-blocks hold.
trait Coefficients: Wavelet {
    /// A coefficient, which is kept twice as large as it is where the wavelet is not the one of whole numbers.
    fn coefficient(kept: i32, band: &Band) -> Self::Sample;
}

impl Coefficients for Reversible {
    #[inline(always)]
    fn coefficient(kept: i32, _: &Band) -> i32 {
        kept
    }
}

impl Coefficients for Irreversible {
    #[inline(always)]
    fn coefficient(kept: i32, band: &Band) -> f32 {
        kept as f32 * (0.5 * band.step)
    }
}

/// The samples of a component at a level, in an area of it, row by row.
pub fn read(
    tile: &Tile,
    component: usize,
    level: u32,
    area: &Area,
    access: &Access<'_>,
) -> Result<Samples> {
    match tile.grids[component].is_reversible {
        true => by::<Reversible>(tile, component, level, area, access).map(Samples::Whole),
        false => by::<Irreversible>(tile, component, level, area, access).map(Samples::Fractions),
    }
}

/// What has to be known of a resolution for an area of a higher one.
struct Step {
    resolution: usize,
    /// The part that is computed, and the part of it that is right.
    computed: Area,
    wanted: Area,
}

/// The parts of the resolutions that an area of a level needs, the highest first.
fn steps(tile: &Tile, component: usize, level: u32, area: &Area, margin: u64) -> Vec<Step> {
    let grid = &tile.grids[component];
    let top = grid.levels().saturating_sub(level) as usize;
    let mut wanted = area.clone();
    let mut steps = Vec::new();
    for resolution in (1..=top).rev() {
        let computed = with_margin(&wanted, &grid.resolutions[resolution].area, margin);
        let below = under(&computed, (false, false));
        steps.push(Step {
            resolution,
            computed,
            wanted: std::mem::replace(&mut wanted, below),
        });
    }
    steps.push(Step {
        resolution: 0,
        computed: wanted.clone(),
        wanted,
    });
    steps
}

fn by<W: Coefficients>(
    tile: &Tile,
    component: usize,
    level: u32,
    area: &Area,
    access: &Access<'_>,
) -> Result<Vec<W::Sample>> {
    let steps = steps(tile, component, level, area, W::MARGIN);
    let mut parts = Vec::new();
    for step in &steps {
        let mut part = |band: usize, area: Area| {
            parts.push(Part {
                resolution: step.resolution,
                band,
                area,
            });
        };
        match step.resolution {
            0 => part(0, step.computed.clone()),
            _ => [(true, false), (false, true), (true, true)]
                .into_iter()
                .enumerate()
                .for_each(|(band, high)| part(band, under(&step.computed, high))),
        }
    }
    let mut coefficients = parts
        .iter()
        .map(|part| zeroed::<W::Sample>(&part.area))
        .collect::<Result<Vec<_>>>()?;
    let bands = |part: &Part| &tile.grids[component].resolutions[part.resolution].bands[part.band];
    let groups = Groups::new(tile, component, access);
    groups.read(&parts, &mut |number, x, y, row| {
        let part = &parts[number];
        let to = &mut coefficients[number][y * part.area.width() + x..];
        match row {
            Row::Short(row) => convert::<W, _>(row, bands(part), to, i32::from),
            Row::Long(row) => convert::<W, _>(row, bands(part), to, |kept| kept),
        }
    })?;
    let mut below = coefficients.pop().unwrap_or_default();
    for step in steps.iter().rev().skip(1) {
        let high = coefficients.split_off(coefficients.len() - 3);
        let mut out = zeroed(&step.computed)?;
        inverse::<W>(
            &step.computed,
            [&below, &high[0], &high[1], &high[2]],
            &mut out,
        );
        below = out;
        crop(&mut below, &step.computed, &step.wanted);
    }
    Ok(below)
}

/// A row of coefficients of a code-block.
pub enum Row<'a> {
    /// In 16 bits.
    Short(&'a [i16]),
    /// In 32 bits.
    Long(&'a [i32]),
}

#[inline(always)]
fn convert<W: Coefficients, T: Copy>(
    row: &[T],
    band: &Band,
    to: &mut [W::Sample],
    widen: impl Fn(T) -> i32,
) {
    for (to, kept) in to.iter_mut().zip(row) {
        *to = W::coefficient(widen(*kept), band);
    }
}

fn zeroed<S: Copy + Default>(area: &Area) -> Result<Vec<S>> {
    let count = area.width().saturating_mul(area.height());
    let mut samples = Vec::new();
    scratch::reserve(&mut samples, count)?;
    samples.resize(count, S::default());
    Ok(samples)
}

/// Leaves only what lies in a part.
fn crop<S: Copy>(samples: &mut Vec<S>, all: &Area, part: &Area) {
    if all == part {
        return;
    }
    let (left, top) = (part.x.start - all.x.start, part.y.start - all.y.start);
    let (width, height) = (part.width(), part.height());
    for row in 0..height {
        let from = (row + top as usize) * all.width() + left as usize;
        samples.copy_within(from..from + width, row * width);
    }
    samples.truncate(width * height);
}
