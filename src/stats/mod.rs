//! Statistics of pixels: counts, ends, mean, deviation, percentiles and histograms of each band.
//!
//! All sums are exact and all counters are whole numbers, so that the same pixels give the same bits, whatever
//! the blocks, threads and caches through which they come.

mod count;
mod data;
mod exact;
mod extent;
mod histogram;
mod key;
mod percentile;
pub(crate) mod reading;
mod refine;
mod samples;
mod stored;
mod table;
mod tally;
mod walk;

pub use histogram::{Histogram, MAX_BINS};
pub use percentile::Percentile;
pub use table::MAX_BYTES;
pub use walk::Progress;

use crate::error::{Error, Kind, Result};
use crate::load::Cancel;
use crate::provider::{Provider, check_cancelled};
use count::{Source, gather};
use extent::Extent;
use percentile::{Known, at_rank, rank};
use reading::Reading;
use refine::Refinement;
use std::sync::Arc;
use tally::Tally;
use walk::Walk;

/// The most threads that take part.
pub const MAX_THREADS: u32 = 1024;

/// The most percentiles that are made exact.
pub const MAX_PERCENTS: usize = 1000;

/// Percentiles that a further pass makes exact if no others are named.
pub const PERCENTS: [f64; 17] = [
    0.1, 0.5, 1.0, 2.0, 2.5, 5.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 97.5, 98.0, 99.0, 99.5, 99.9,
];

/// How statistics are taken.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The level that is looked at.
    pub level: u32,
    /// Only windows of 256 x 256 pixels, in the middle of each of 8 x 8 parts of the level.
    pub is_sampled: bool,
    /// Makes percentiles exact by further passes, where types are wider than 16 bits.
    pub is_exact: bool,
    /// Complex samples by power, else by magnitude.
    pub is_power: bool,
    /// Takes what stands in the file or beside it, if that is complete.
    pub takes_stored: bool,
    /// Threads; 0 and 1 are the caller's alone.
    pub threads: u32,
    /// Percentiles that further passes make exact; [`PERCENTS`] if there are none.
    pub percents: Vec<f64>,
}

/// The numbers of a band.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BandStats {
    /// Pixels that were looked at.
    pub count: u64,
    /// Those that are data and finite, of which all the rest speaks.
    pub valid: u64,
    /// Data that is NaN.
    pub nan: u64,
    /// Data that is infinite.
    pub infinite: u64,
    /// The smallest value; NaN, as all that follows, if there is none.
    pub minimum: f64,
    /// The largest value.
    pub maximum: f64,
    /// The mean, the exact one rounded once.
    pub mean: f64,
    /// The population standard deviation, the root of the exact variance rounded once.
    pub deviation: f64,
}

impl Default for BandStats {
    fn default() -> Self {
        Self {
            count: 0,
            valid: 0,
            nan: 0,
            infinite: 0,
            minimum: f64::NAN,
            maximum: f64::NAN,
            mean: f64::NAN,
            deviation: f64::NAN,
        }
    }
}

/// Statistics of the bands of an image. They never change, and know the image no more.
pub struct PixelStats {
    bands: Vec<BandStats>,
    /// What was counted of each band; nothing of statistics that stood in the file.
    counted: Vec<(Tally, Known)>,
    level: u32,
    is_sampled: bool,
    is_power: bool,
}

impl PixelStats {
    /// The statistics of an image.
    pub fn of(provider: Arc<dyn Provider>, options: &Options) -> Result<Self> {
        Self::with_progress(provider, options, &mut |_| true)
    }

    /// [`PixelStats::of`], which tells of its progress and can be ended by that: then it fails with
    /// [`Kind::Cancelled`].
    pub fn with_progress(
        provider: Arc<dyn Provider>,
        options: &Options,
        progress: &mut Progress<'_>,
    ) -> Result<Self> {
        let image = provider.image();
        image.check_level(options.level)?;
        if options.threads > MAX_THREADS {
            return Err(Error::range(format!(
                "{} threads; there may be at most {MAX_THREADS}",
                options.threads
            )));
        }
        if options.percents.len() > MAX_PERCENTS {
            return Err(Error::range(format!(
                "{} percents; there may be at most {MAX_PERCENTS}",
                options.percents.len()
            )));
        }
        options
            .percents
            .iter()
            .try_for_each(|percent| rank(1, *percent).map(drop))?;
        check_cancelled(&*provider)?;
        if options.takes_stored
            && let Some(bands) = stored::stored(image, options)
        {
            return Ok(Self {
                bands,
                counted: Vec::new(),
                level: 0,
                is_sampled: false,
                is_power: options.is_power,
            });
        }
        let size = image.levels[options.level as usize];
        let extent = match options.is_sampled {
            true => Extent::sample(size),
            false => Extent::whole(size),
        };
        let source = Source::new(image, options.is_power);
        let cancel = Arc::<Cancel>::default();
        let reading = Reading::new(provider, options.level, &cancel, reading::MASK_BYTES)?;
        let walk = Walk {
            reading: &reading,
            extent: &extent,
            cancel: &cancel,
        };
        let mut passes = Passes {
            walk,
            threads: options.threads.max(1) as usize,
            is_refined: options.is_exact && !source.kind().is_narrow(),
            progress,
        };
        let (tallies, known) = passes.run(&source, options)?;
        Ok(Self {
            bands: tallies.iter().map(numbers).collect(),
            counted: tallies.into_iter().zip(known).collect(),
            level: options.level,
            is_sampled: options.is_sampled,
            is_power: options.is_power,
        })
    }

    /// How many bands there are.
    pub fn band_count(&self) -> u32 {
        self.bands.len() as u32
    }

    /// The level whose pixels were looked at.
    pub fn level(&self) -> u32 {
        self.level
    }

    /// Whether only windows of it were looked at.
    pub fn is_sampled(&self) -> bool {
        self.is_sampled
    }

    /// Whether they are those that stood in the file or beside it, so that no pixel was looked at.
    pub fn is_stored(&self) -> bool {
        self.counted.is_empty()
    }

    /// The memory that the tables of counters take, in bytes.
    pub fn table_bytes(&self) -> u64 {
        self.counted.iter().map(|(tally, _)| tally.bytes()).sum()
    }

    /// The numbers of a band.
    pub fn band(&self, band: u32) -> Result<&BandStats> {
        self.bands
            .get(band as usize)
            .ok_or_else(|| self.no_band(band))
    }

    /// A percentile of a band: the smallest value with so many percent of the valid ones at or below it. Exact for types
    /// of up to 16 bits and for the ends, else an interval of which the wider end is at most 2^-11 larger, unless a
    /// further pass made it exact. NaN if no pixel is valid.
    pub fn percentile(&self, band: u32, percent: f64) -> Result<Percentile> {
        let (tally, known) = self.counted(band)?;
        Ok(at_rank(tally, known, rank(tally.valid, percent)?))
    }

    /// The value of a rank, from 1 for the smallest, as [`PixelStats::percentile`] gives it.
    pub fn ranked(&self, band: u32, rank: u64) -> Result<Percentile> {
        let (tally, known) = self.counted(band)?;
        Ok(at_rank(tally, known, rank))
    }

    /// Whether complex samples were taken by their power, and not by their magnitude.
    pub fn is_power(&self) -> bool {
        self.is_power
    }

    /// The histogram of a band in so many equal bins, from its smallest to its largest value.
    pub fn histogram(&self, band: u32, bins: usize) -> Result<Histogram> {
        let BandStats {
            minimum, maximum, ..
        } = *self.band(band)?;
        // Without a valid pixel there is no such range, and nothing in it.
        let or_zero = |end: f64| if end.is_nan() { 0.0 } else { end };
        self.histogram_between(band, or_zero(minimum), or_zero(maximum), bins)
    }

    /// The histogram of a band in so many equal bins from one value to another.
    pub fn histogram_between(
        &self,
        band: u32,
        low: f64,
        high: f64,
        bins: usize,
    ) -> Result<Histogram> {
        histogram::histogram(&self.counted(band)?.0, low, high, bins)
    }

    fn counted(&self, band: u32) -> Result<&(Tally, Known)> {
        self.band(band)?;
        self.counted.get(band as usize).ok_or_else(|| {
            Error::new(
                Kind::NotFound,
                "statistics that stand in the file have neither percentiles nor a histogram",
            )
        })
    }

    fn no_band(&self, band: u32) -> Error {
        Error::range(format!(
            "band {band} of statistics of {} bands",
            self.bands.len()
        ))
    }
}

/// The numbers that follow from what was counted.
fn numbers(tally: &Tally) -> BandStats {
    let kind = tally.kind();
    let (low, high) = match tally.ends() {
        Some((low, high)) => (kind.value(low), kind.value(high)),
        None => (f64::NAN, f64::NAN),
    };
    let sums = tally.sums();
    BandStats {
        count: tally.seen,
        valid: tally.valid,
        nan: tally.nan,
        infinite: tally.infinite,
        minimum: low,
        maximum: high,
        mean: sums.mean(),
        deviation: sums.deviation(),
    }
}

/// The passes over the pixels, one or more.
struct Passes<'a, 'b> {
    walk: Walk<'a>,
    threads: usize,
    is_refined: bool,
    progress: &'a mut Progress<'b>,
}

impl Passes<'_, '_> {
    fn run(&mut self, source: &Source, options: &Options) -> Result<(Vec<Tally>, Vec<Known>)> {
        let (walk, progress) = (&self.walk, &mut *self.progress);
        // How much was done before a pass; nobody knows how many there will be after the second.
        let mut before = 0.0;
        let share = |before: f64| {
            if self.is_refined {
                (1.0 - before) / 2.0
            } else {
                1.0
            }
        };
        let mut part = |done: f64| progress(done * share(0.0));
        let tallies = gather(walk.run(source.counters(self.threads), &mut part)?)?;
        if !self.is_refined {
            let known = vec![Known::new(); tallies.len()];
            return Ok((tallies, known));
        }
        let percents = match &options.percents[..] {
            [] => &PERCENTS[..],
            percents => percents,
        };
        let mut refinement = Refinement::new(&tallies, percents)?;
        while refinement.is_open() {
            before += share(before);
            let mut part = |done: f64| progress(before + done * share(before));
            let lookers = (0..self.threads).map(|_| refinement.looker(source));
            walk.run(lookers.collect(), &mut part)?;
            refinement.end_pass()?;
        }
        match progress(1.0) {
            true => Ok((tallies, refinement.known())),
            false => Err(walk::ended()),
        }
    }
}
