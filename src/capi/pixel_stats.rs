//! Statistics of pixels, taken once and then asked any number of times.

use super::args::{self, SizeLed, natural};
use super::guard::guard;
use super::handle::{self, Object};
use super::progress::{self, tc_progress_fn};
use super::provider::tc_provider;
use super::status::{tc_error, tc_status};
use crate::error::{Error, Result};
use crate::stats::{self, MAX_PERCENTS, Options, PixelStats};
use std::ffi::c_void;
use std::ptr::null_mut;

/// Statistics of the bands of an image; provider_pixel_stats takes them. They never change, and keep neither the image
/// nor pixels of it, but the counters of which tc_pixel_stats_info tells the bytes.
///
/// Reference-counted: tc_pixel_stats_retain, tc_pixel_stats_release. All functions may be called from any number of
/// threads at once. Not to be mistaken for tc_statistics, which tells of a cache.
pub struct tc_pixel_stats {
    stats: PixelStats,
}

impl tc_pixel_stats {
    /// The statistics.
    pub fn stats(&self) -> &PixelStats {
        &self.stats
    }
}

impl Object for tc_pixel_stats {}

/// The bits of tc_sample_options.flags and of tc_pixel_stats_about.flags.
#[repr(C)]
pub enum tc_sample_flags {
    /// Only windows of 256 x 256 pixels are looked at, in the middle of each of 8 x 8 equal parts of the level, or all of
    /// a part that is smaller. Part n along a side of N pixels begins at n N / 8, rounded down, and a window begins at
    /// half of what its part is longer, rounded down. So they do not depend on the blocks of the image.
    TC_SAMPLE_WINDOWS = 1,
    /// Percentiles of types of 32 and 64 bits are made exact, those that `percents` names, by a second pass over the same
    /// pixels, and by further ones where the values of many percentiles lie close together. The others are exact
    /// anyway.
    TC_SAMPLE_EXACT = 2,
    /// Complex samples count by their power, re^2 + im^2; without this flag by their magnitude, the root of it. Both in
    /// double.
    TC_SAMPLE_POWER = 4,
    /// Minimum, maximum, mean and deviation are those that stand in the file or beside it (STATISTICS_MINIMUM,
    /// STATISTICS_MAXIMUM, STATISTICS_MEAN and STATISTICS_STDDEV of GDAL, see provider_metadata), if all four do for
    /// each band, of a real type, and level is 0; else they are computed. Those that are marked by
    /// STATISTICS_APPROXIMATE are taken with TC_SAMPLE_WINDOWS only. Without this flag nobody else's numbers are
    /// taken.
    TC_SAMPLE_STORED = 8,
}

/// Options of provider_pixel_stats. Size-led; 0 is the default everywhere: all pixels of the full image, by the calling
/// thread.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tc_sample_options {
    /// sizeof(tc_sample_options), set by you.
    pub struct_size: u32,
    /// Bits of tc_sample_flags.
    pub flags: u32,
    /// Threads that work at once, the calling one among them, at most 1,024. 0: that alone. The others exist only
    /// during the call.
    pub threads: u32,
    /// The level whose pixels are looked at.
    pub level: i32,
    /// Hears how far the call has come. NULL: nobody.
    pub progress: tc_progress_fn,
    /// Passed to `progress`.
    pub progress_user: *mut c_void,
    /// With TC_SAMPLE_EXACT: the percentiles that are made exact, each from 0 to 100; with n_percents, at most 1,000;
    /// copied. NULL and 0: 0.1, 0.5, 1, 2, 2.5, 5, 10, 25, 50, 75, 90, 95, 97.5, 98, 99, 99.5 and 99.9.
    pub percents: *const f64,
    /// The length of `percents`.
    pub n_percents: usize,
}

/// The numbers of a band. Frozen.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tc_band_stats {
    /// Pixels that were looked at.
    pub count: i64,
    /// Valid pixels: those that are data and finite. All that follows speaks of them.
    pub valid: i64,
    /// Data that is NaN.
    pub nan: i64,
    /// Data that is infinite.
    pub infinite: i64,
    /// The smallest value; NaN, as all that follows, if no pixel is valid.
    pub minimum: f64,
    /// The largest value.
    pub maximum: f64,
    /// The mean: the exact one, rounded once.
    pub mean: f64,
    /// The population standard deviation: the root of the exact variance, which was rounded once. 0 if all values
    /// are equal.
    pub deviation: f64,
}

/// What statistics speak of. Frozen.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tc_pixel_stats_about {
    /// Bands.
    pub bands: i32,
    /// The level whose pixels were looked at.
    pub level: i32,
    /// TC_SAMPLE_WINDOWS: only the windows that it describes. TC_SAMPLE_STORED: they stood in the file or beside it, and
    /// no pixel was looked at.
    pub flags: u32,
    /// 0.
    pub reserved: u32,
    /// The bytes of their counters.
    pub table_bytes: u64,
}

#[cfg(target_pointer_width = "64")]
const _: () = {
    assert!(size_of::<tc_sample_options>() == 48);
    assert!(size_of::<tc_band_stats>() == 64 && size_of::<tc_pixel_stats_about>() == 24);
};

// SAFETY: numbers, pointers and an optional function behind a size; zero is NULL.
unsafe impl SizeLed for tc_sample_options {
    const NAME: &'static str = "tc_sample_options";
}

/// ======== STATISTICS OF PIXELS ========
///
/// Takes the statistics of all bands of an image: counts, minimum, maximum, mean, standard deviation, and counters for
/// percentiles and histograms.
///
/// A pixel of a band is data unless the mask beside the image (see provider_mask) is not 255 there, an alpha band is 0
/// there, or its sample is equal to the nodata value of that very band (NaN: any NaN). What an alpha band holds itself is
/// data wherever the mask says so. Other bands make no difference, so that each has the statistics that it would have alone.
/// Absent blocks are pixels of the pad value.
///
/// Sums are exact and counters whole numbers: the same pixels give the same bits, whatever the tiles, blocks, threads,
/// budgets and order through which they come. Statistics speak of the pixels that were looked at, and of no others.
///
/// Each block beneath is decoded once (once for each pass with TC_SAMPLE_EXACT), also where the provider shows it in
/// tiles: of those the cache has, the resident ones are taken, and the rest comes from the blocks. It reads as
/// TC_READ_STREAMING does: what is found in caches does not count as used, and what is loaded is the next to be evicted.
///
/// Counters exist for values that occur, by sign, exponent and 11 bits of the mantissa: at most 4 bytes for each value of 8
/// and 16 bits (59 MB for 224 bands in which each occurs), 8 KiB for each power of two between values of the wider types.
/// Up to 64 bands each thread has its own, from there on all share them. 1 GiB is the most.
///
/// - provider: required. A call that waits in it ends with it if it is a reader that is cancelled.
/// - options: NULL is all defaults.
/// - stats: receives a reference that you own; NULL on failure.
/// - err: may be NULL.
///
/// Errors: TC_E_RANGE if there is no such level, and for threads and percents; TC_E_ARGUMENT; TC_E_CANCELLED if
/// `progress` returned 0; TC_E_LIMIT if the counters would take more than 1 GiB; TC_E_UNSUPPORTED for a level that
/// the mask does not have; TC_E_CHANGED if a second pass finds other pixels; TC_E_NO_MEMORY; what decoding fails with.
/// Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn provider_pixel_stats(
    provider: *mut tc_provider,
    options: *const tc_sample_options,
    stats: *mut *mut tc_pixel_stats,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            let to = args::output(stats, null_mut(), "stats")?;
            let provider = handle::borrow(provider, "provider")?.provider.clone();
            let given: tc_sample_options = args::read_options(options)?;
            let options = sample_options(&given)?;
            let mut tell = |done| progress::tell(given.progress, given.progress_user, done);
            let stats = PixelStats::with_progress(provider, &options, &mut tell)?;
            to.set(handle::new(tc_pixel_stats { stats }));
            Ok(())
        })
    }
}

/// The options that concern the core.
///
/// # Safety
/// The pointers in `given` must be as the header says.
pub unsafe fn sample_options(given: &tc_sample_options) -> Result<Options> {
    use tc_sample_flags::*;
    if given.flags & !15 != 0 {
        let flags = given.flags;
        return Err(Error::argument(format!(
            "flags of options is {flags:#x}; no such flag of a sample"
        )));
    }
    let has = |flag: tc_sample_flags| given.flags & flag as u32 != 0;
    let percents = match (given.percents.is_null(), given.n_percents) {
        (true, 0) => Vec::new(),
        (false, 1..=MAX_PERCENTS) => {
            // SAFETY: promised by the caller.
            unsafe { std::slice::from_raw_parts(given.percents, given.n_percents) }.to_vec()
        }
        (true, n) => {
            return Err(Error::argument(format!(
                "percents is NULL but n_percents is {n}"
            )));
        }
        (false, n) => {
            return Err(Error::range(format!(
                "n_percents is {n}; it must be 1 to {MAX_PERCENTS}, or percents NULL"
            )));
        }
    };
    if !percents.is_empty() && !has(TC_SAMPLE_EXACT) {
        return Err(Error::argument(
            "percents of options is set, but TC_SAMPLE_EXACT is not",
        ));
    }
    Ok(Options {
        level: natural(given.level, "level")? as u32,
        is_sampled: has(TC_SAMPLE_WINDOWS),
        is_exact: has(TC_SAMPLE_EXACT),
        is_power: has(TC_SAMPLE_POWER),
        takes_stored: has(TC_SAMPLE_STORED),
        threads: given.threads,
        percents,
    })
}

/// What statistics speak of.
///
/// - stats: required.
/// - about: required; receives it, zeros on failure.
/// - err: may be NULL.
///
/// Errors: TC_E_ARGUMENT. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_pixel_stats_info(
    stats: *const tc_pixel_stats,
    about: *mut tc_pixel_stats_about,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            let nothing = tc_pixel_stats_about {
                bands: 0,
                level: 0,
                flags: 0,
                reserved: 0,
                table_bytes: 0,
            };
            let to = args::output(about, nothing, "about")?;
            let stats = handle::borrow(stats, "stats")?.stats();
            use tc_sample_flags::*;
            let flag = |is_set: bool, flag: tc_sample_flags| match is_set {
                true => flag as u32,
                false => 0,
            };
            to.set(tc_pixel_stats_about {
                bands: stats.band_count() as i32,
                level: stats.level() as i32,
                flags: flag(stats.is_sampled(), TC_SAMPLE_WINDOWS)
                    | flag(stats.is_stored(), TC_SAMPLE_STORED),
                reserved: 0,
                table_bytes: stats.table_bytes(),
            });
            Ok(())
        })
    }
}

/// The numbers of a band.
///
/// - stats: required.
/// - band: from 0.
/// - numbers: required; receives them, zeros on failure. The counts are 0 in statistics that stood in the file.
/// - err: may be NULL.
///
/// Errors: TC_E_RANGE if there is no such band, TC_E_ARGUMENT. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_pixel_stats_band(
    stats: *const tc_pixel_stats,
    band: i32,
    numbers: *mut tc_band_stats,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            let to = args::output(numbers, tc_band_stats::of(&NOTHING), "numbers")?;
            let stats = handle::borrow(stats, "stats")?.stats();
            to.set(tc_band_stats::of(
                stats.band(natural(band, "band")? as u32)?,
            ));
            Ok(())
        })
    }
}

/// What an output holds until the call succeeds.
const NOTHING: stats::BandStats = stats::BandStats {
    count: 0,
    valid: 0,
    nan: 0,
    infinite: 0,
    minimum: 0.0,
    maximum: 0.0,
    mean: 0.0,
    deviation: 0.0,
};

impl tc_band_stats {
    fn of(band: &stats::BandStats) -> Self {
        Self {
            count: count(band.count),
            valid: count(band.valid),
            nan: count(band.nan),
            infinite: count(band.infinite),
            minimum: band.minimum,
            maximum: band.maximum,
            mean: band.mean,
            deviation: band.deviation,
        }
    }
}

fn count(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// A percentile of a band: the k-th smallest valid value, k being the smallest whole number that is at least n p / 100
/// of n valid values, and 1 for 0 percent. Nothing is interpolated (NumPy: `inverted_cdf`).
///
/// Exact for types of 8 and 16 bits, for the smallest and the largest value, for whole numbers between -4,096 and 4,096,
/// and after TC_SAMPLE_EXACT for what that was asked for. Else the value is known to be in an interval, at most 2^-11
/// wide relative to it.
///
/// - stats: required.
/// - band: from 0.
/// - percent: from 0 to 100; the 7th and later decimals do not count.
/// - value: required; receives the value, or the middle of the interval; NaN if no pixel is valid; 0 on failure.
/// - low, high: receive the ends of the interval, both `value` where it is exact; each may be NULL.
/// - err: may be NULL.
///
/// Errors: TC_E_RANGE for band and percent; TC_E_NOT_FOUND for statistics that stood in the file; TC_E_ARGUMENT.
/// Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_pixel_stats_percentile(
    stats: *const tc_pixel_stats,
    band: i32,
    percent: f64,
    value: *mut f64,
    low: *mut f64,
    high: *mut f64,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            let low = args::output(low, 0.0, "low").ok();
            let high = args::output(high, 0.0, "high").ok();
            let value = args::output(value, 0.0, "value")?;
            let stats = handle::borrow(stats, "stats")?.stats();
            let found = stats.percentile(natural(band, "band")? as u32, percent)?;
            value.set(found.value);
            if let Some(low) = low {
                low.set(found.low);
            }
            if let Some(high) = high {
                high.set(found.high);
            }
            Ok(())
        })
    }
}

/// The histogram of a band: valid pixels in bins of equal width from `low` to `high`. A bin has the values from its lower
/// end on, the last one its upper end too. Values beyond `low` and `high` are in none.
///
/// - stats: required.
/// - band: from 0.
/// - low, high: the ends; both 0: the minimum and the maximum of the band. For whole numbers, `high` = `low` + n_counts
///   gives each its own bin.
/// - counts: required; receives n_counts numbers, zeros on failure.
/// - n_counts: the number of bins, 1 to 65,536.
/// - approximate: receives 1 if pixels that are counted together, see tc_pixel_stats_percentile, may belong to different
///   bins and were put into that of their middle, which never happens for types of 8 and 16 bits; else 0. May be NULL.
/// - err: may be NULL.
///
/// Errors: TC_E_RANGE for band, bins and ends; TC_E_NOT_FOUND for statistics that stood in the file; TC_E_ARGUMENT.
/// Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_pixel_stats_histogram(
    stats: *const tc_pixel_stats,
    band: i32,
    low: f64,
    high: f64,
    counts: *mut i64,
    n_counts: usize,
    approximate: *mut u32,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            let approximate = args::output(approximate, 0, "approximate").ok();
            if counts.is_null() {
                return Err(Error::argument("counts is NULL"));
            }
            let bins = n_counts.min(stats::MAX_BINS);
            counts.write_bytes(0, bins);
            let stats = handle::borrow(stats, "stats")?.stats();
            let band = natural(band, "band")? as u32;
            let made = match (low, high) {
                (0.0, 0.0) => stats.histogram(band, n_counts)?,
                (low, high) => stats.histogram_between(band, low, high, n_counts)?,
            };
            for (nth, pixels) in made.counts.iter().enumerate() {
                counts.add(nth).write(count(*pixels));
            }
            if let Some(approximate) = approximate {
                approximate.set(made.is_approximate.into());
            }
            Ok(())
        })
    }
}

/// One more reference to statistics. Returns `stats`; NULL gives NULL.
///
/// Cannot fail. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_pixel_stats_retain(stats: *mut tc_pixel_stats) -> *mut tc_pixel_stats {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe { handle::retain(stats) }
}

/// Gives up a reference to statistics. NULL does nothing.
///
/// Cannot fail. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_pixel_stats_release(stats: *mut tc_pixel_stats) {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe { handle::release(stats) }
}
