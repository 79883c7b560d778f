//! Warped: an image seen through a transformation from the pixels of the output to those of the source.
//!
//! `cells` divides a level of the output, `grids` keeps what was divided. `spots` makes places in the source of pixels,
//! `fields` those of many at once, `rungs` has its levels and `extent` their edges, `blocks` reads what the places touch, and `level` makes tiles.

mod blocks;
mod cells;
mod extent;
mod fields;
mod grids;
mod level;
mod rungs;
mod spots;

use super::data_key::data_key;
use super::inherit::drop_statistics;
use super::kernel::{Computed, Work};
use crate::cache::{Cache, Followed, compute_key};
use crate::decimal::Decimal;
use crate::dtype::DType;
use crate::error::{Error, Kind, Result};
use crate::image::{Colour, Image, MAX_LEVELS, SharedWork};
use crate::provider::{Provider, Request};
use crate::resample::{Filter, Format};
use crate::transform::Transform;
use cells::{Leaf, Level, Rules};
use grids::Grids;
use level::{Shows, WarpedLevel};
use rungs::{Rung, rungs};
use std::collections::VecDeque;
use std::sync::Arc;

/// Columns and rows of a tile where nothing is said.
const TILE: u64 = 1024;

/// How far a position may be from where it should be where nothing is said, in pixels of the level that is read.
pub const MAX_ERROR: f64 = 0.125;

/// The most pixels along a side that one of the output may stand for by an option.
const MAX_SCALE: f64 = (1u64 << 20) as f64;

/// How an image is warped.
#[derive(Clone, Debug, Default)]
pub struct WarpOptions {
    /// Columns and rows of the output.
    pub size: (u64, u64),
    /// How pixels become one: bilinear if not given, nearest for a palette.
    pub filter: Option<Filter>,
    /// Columns and rows of a tile; 0 is 1024.
    pub tile: (u64, u64),
    /// How many levels the output has; if not given, those up to the first that is one tile.
    pub levels: Option<u32>,
    /// Every pixel is transformed, and none interpolated.
    pub exact: bool,
    /// How far an interpolated position may be from where it should be; 0 is [`MAX_ERROR`].
    pub max_error: f64,
    /// The level of the source that is read, for all pixels.
    pub source_level: Option<u32>,
    /// How many columns and rows of the level one pixel stands for, for all pixels; 0 is what it is in each place.
    pub scale: (f64, f64),
    /// After so many columns the source begins again; 0 is never.
    pub period: u64,
}

/// What all levels of a warped image have in common.
struct Warp {
    transform: Arc<dyn Transform>,
    rungs: Vec<Rung>,
    levels: Vec<Level>,
    format: Format,
    filter: Filter,
    exact: bool,
    max_error: f64,
    /// The place of the rung that is read in any case.
    fixed: Option<usize>,
    scale: (f64, f64),
    period: Option<u64>,
    grids: Grids,
}

impl Warp {
    fn leaves(
        &self,
        level: u32,
        size: (u64, u64),
        cells: &[(u64, u64)],
        request: &Request<'_>,
    ) -> Result<Vec<Arc<Vec<Leaf>>>> {
        let rules = Rules {
            transform: &*self.transform,
            step: (1u64 << level) as f64,
            max_error: self.max_error,
            levels: &self.levels,
            fixed: self.fixed,
            scale: self.scale,
            period: self.period.map(|period| period as f64),
        };
        self.grids.leaves(level, size, cells, &rules, request)
    }

    /// Bytes of a pixel of the source.
    fn pixel_bytes(&self) -> u64 {
        (self.format.dtype.size() * self.format.nodata.len()) as u64
    }
}

impl WarpOptions {
    fn tile(&self) -> (u64, u64) {
        let or_default = |side: u64| if side == 0 { TILE } else { side };
        (or_default(self.tile.0), or_default(self.tile.1))
    }

    /// Refuses numbers that no warp can have.
    fn check(&self, source: &Image) -> Result<()> {
        if let Some(levels) = self.levels
            && !(1..=MAX_LEVELS as u32).contains(&levels)
        {
            return Err(Error::range(format!(
                "levels is {levels}; it must be 1 to {MAX_LEVELS}"
            )));
        }
        let is_bound =
            |value: f64, least: f64, most: f64| value == 0.0 || (least..=most).contains(&value);
        for (name, value, least, most) in [
            ("max_error", self.max_error, f64::MIN_POSITIVE, MAX_SCALE),
            ("scale_x", self.scale.0, 1.0, MAX_SCALE),
            ("scale_y", self.scale.1, 1.0, MAX_SCALE),
        ] {
            if !is_bound(value, least, most) {
                let [value, least, most] = [value, least, most].map(Decimal);
                return Err(Error::range(format!(
                    "{name} is {value}; it must be 0 or {least} to {most}"
                )));
            }
        }
        if let Some(level) = self.source_level {
            source.check_level(level)?;
        }
        // What is further beyond than that is no source that goes round.
        if self.period > source.width().saturating_mul(1 << 20) {
            return Err(Error::range(format!(
                "a period of {} columns for an image of {}",
                self.period,
                source.width()
            )));
        }
        Ok(())
    }

    fn filter(&self, source: &Image) -> Result<Filter> {
        let filter = self.filter.unwrap_or(match Filter::default_for(source) {
            Filter::Nearest => Filter::Nearest,
            _ => Filter::Bilinear,
        });
        use Filter::*;
        if matches!(filter, Gauss | Rms | Sips) {
            let name = filter.name();
            return Err(Error::new(
                Kind::Unsupported,
                format!("the filter {name} for a warped image"),
            ));
        }
        filter.check(source)?;
        Ok(filter)
    }

    /// Sizes of the levels of the output.
    fn sizes(&self) -> Vec<(u64, u64)> {
        let (tile, mut size) = (self.tile(), self.size);
        let mut sizes = vec![size];
        let is_last = |sizes: &Vec<(u64, u64)>, (width, height): (u64, u64)| match self.levels {
            Some(levels) => sizes.len() >= levels as usize,
            None => width <= tile.0 && height <= tile.1,
        };
        while !is_last(&sizes, size) && sizes.len() < MAX_LEVELS {
            size = (size.0.div_ceil(2), size.1.div_ceil(2));
            sizes.push(size);
        }
        sizes
    }

    /// What keys say of it.
    fn name(&self, filter: Filter, levels: usize) -> String {
        let ((width, height), (columns, rows)) = (self.size, self.tile());
        let mut name = format!(
            "warped:{}:{width}x{height}:tile:{columns}x{rows}:levels:{levels}",
            filter.name()
        );
        let mut say = |text: String| name.push_str(&text);
        if self.exact {
            say(":exact".into());
        }
        if self.max_error != 0.0 && self.max_error != MAX_ERROR {
            say(format!(":error:{}", self.max_error));
        }
        if let Some(level) = self.source_level {
            say(format!(":source_level:{level}"));
        }
        if self.scale != (0.0, 0.0) {
            say(format!(":scale:{}x{}", self.scale.0, self.scale.1));
        }
        if self.period != 0 {
            say(format!(":period:{}", self.period));
        }
        name
    }
}

/// `source` seen through a transformation, which leads from pixels of level 0 of the output to those of level 0 of the
/// source. Tiles, and the blocks of the source, are kept in `cache`, if there is one.
pub fn warped(
    source: Arc<dyn Provider>,
    transform: Arc<dyn Transform>,
    options: &WarpOptions,
    cache: Option<&Cache>,
) -> Result<Arc<dyn Provider>> {
    options.check(source.image())?;
    let filter = options.filter(source.image())?;
    let sizes = options.sizes();
    let period = (options.period != 0).then_some(options.period);
    let rungs = rungs(&source, cache, period)?;
    let fixed = options
        .source_level
        .map(|level| fixed_rung(&rungs, level))
        .transpose()?;
    let levels: Vec<Level> = match filter {
        // Pixels of the source itself, whatever the output is for.
        filter if filter.selects() && fixed.is_none() => vec![rungs[0].level],
        _ => rungs.iter().map(|rung| rung.level).collect(),
    };
    let name = format!(
        "{}:{}{}",
        options.name(filter, sizes.len()),
        transform.key(),
        data_key(&*source)
    );
    let mask = source.mask();
    let sources = [Some(&source), mask.as_ref()].into_iter().flatten();
    let sources = sources.chain(transform.sources());
    let key = compute_key(&name, sources.map(|source| source.key()))?;
    let image = output_image(source.image(), options, &sizes);
    let has_own = image.bands.iter().any(|band| band.colour == Colour::Alpha)
        || image.bands.iter().all(|band| band.nodata.is_some());
    let needs_mask = !has_own || source.mask().is_some();
    let read = transform.sources().iter().map(|source| source.key());
    let warp = Arc::new(Warp {
        grids: Grids::new(Followed::new(read)),
        transform,
        levels,
        format: Format::of(&image),
        filter,
        exact: options.exact,
        max_error: if options.max_error > 0.0 {
            options.max_error
        } else {
            MAX_ERROR
        },
        fixed,
        scale: options.scale,
        period,
        rungs,
    });
    let masks = match needs_mask {
        true => {
            let mut data = Image::new(image.width(), image.height(), 1, DType::U8);
            (data.levels, data.block) = (image.levels.clone(), image.block);
            all_levels(
                &warp,
                Shows::Data,
                &data,
                &format!("{key}:data"),
                &[],
                cache,
            )?
        }
        false => Vec::new(),
    };
    let made = all_levels(&warp, Shows::Pixels, &image, &key, &masks, cache)?;
    Ok(made[0].clone())
}

/// The place of a level of the source that is to be read.
fn fixed_rung(rungs: &[Rung], level: u32) -> Result<usize> {
    let place = rungs.iter().position(|rung| rung.level.number == level);
    place.ok_or_else(|| {
        let what = format!("level {level} of the source is not there, only a higher one");
        Error::new(Kind::NotFound, what)
    })
}

/// What the output is: as the source, but for its size, its place and what was said of other pixels.
fn output_image(source: &Image, options: &WarpOptions, sizes: &[(u64, u64)]) -> Image {
    let mut image = source.clone();
    drop_statistics(&mut image.metadata);
    image.levels = sizes.to_vec();
    image.block = options.tile();
    image.georef = None;
    image.sparse = false;
    image.padded = false;
    image.shared_work = SharedWork::None;
    image
}

/// All levels as images, each with those above it and its mask.
fn all_levels(
    warp: &Arc<Warp>,
    shows: Shows,
    image: &Image,
    key: &str,
    masks: &[Arc<dyn Provider>],
    cache: Option<&Cache>,
) -> Result<Vec<Arc<dyn Provider>>> {
    let mut above: VecDeque<Arc<dyn Provider>> = VecDeque::new();
    // From the top down, so that the image of a level has those of the levels above it.
    for of in (0..image.levels.len() as u32).rev() {
        let mut own = image.clone();
        own.levels = image.levels_from(of);
        let of_level = WarpedLevel {
            warp: warp.clone(),
            level: of,
            image: own.clone(),
            shows,
        };
        let source = &warp.rungs[0];
        let sources = [Some(&source.image), source.mask.as_ref()];
        let sources = sources.into_iter().flatten();
        let made = Computed {
            sources: sources.chain(warp.transform.sources()).cloned().collect(),
            work: Work::Streamed(Arc::new(of_level)),
            level: 0,
            key: match of {
                0 => key.to_owned(),
                of => format!("{key}:of_level:{of}"),
            },
            above: above
                .iter()
                .cloned()
                .map(Some)
                .take(own.levels.len() - 1)
                .collect(),
            image: own,
            mask: masks.get(of as usize).cloned(),
        };
        above.push_front(made.build(cache)?);
    }
    Ok(above.into())
}
