//! Statistics that stand in a file or beside it, as GDAL writes them.

use super::{BandStats, Options};
use crate::image::Image;

/// What the texts of an image say of all its bands; `None` where they do not say all of it.
pub fn stored(image: &Image, options: &Options) -> Option<Vec<BandStats>> {
    let is_of_whole = options.level == 0 && !image.dtype.is_complex();
    let bands = (0..image.band_count()).map(|band| of_band(image, band, options.is_sampled));
    is_of_whole.then(|| bands.collect()).flatten()
}

fn of_band(image: &Image, band: u32, may_be_approximate: bool) -> Option<BandStats> {
    let text = |name: &str| {
        image
            .metadata
            .get(&(Some(band), format!("STATISTICS_{name}")))
    };
    let number = |name: &str| {
        let number: f64 = text(name)?.trim().parse().ok()?;
        number.is_finite().then_some(number)
    };
    let is_approximate = text("APPROXIMATE").is_some_and(|text| text == "YES");
    let stats = BandStats {
        minimum: number("MINIMUM")?,
        maximum: number("MAXIMUM")?,
        mean: number("MEAN")?,
        deviation: number("STDDEV")?,
        ..BandStats::default()
    };
    let is_possible = stats.minimum <= stats.maximum && stats.deviation >= 0.0;
    (is_possible && (may_be_approximate || !is_approximate)).then_some(stats)
}
