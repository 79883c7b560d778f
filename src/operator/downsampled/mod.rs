//! Downsampled: an image made smaller, and all the levels that an image does not have.

mod ladder;
mod masks;
mod reduced;
mod strips;

pub use masks::completed_mask;

use super::pyramid::named_pyramid;
use super::{cached, level};
use crate::cache::Cache;
use crate::error::{Error, Result};
use crate::image::{Image, MAX_LEVELS};
use crate::provider::Provider;
use crate::resample::Filter;
use ladder::{Ladder, Rung};
use std::sync::Arc;

/// Columns and rows of a tile where nothing is said.
const TILE: u64 = 1024;

/// The text of a pyramid that says how many of its levels are those of its source.
const NATIVE: &str = "TC:NATIVE_LEVELS";

/// How many levels of a full pyramid are those of its source; 1 of any other image.
pub fn native_levels(image: &Image) -> usize {
    let text = image.metadata.get(&(None, NATIVE.to_owned()));
    let count = text.and_then(|text| text.parse().ok());
    count.unwrap_or(1).clamp(1, image.levels.len())
}

/// How levels are made.
#[derive(Clone, Debug, Default)]
pub struct LevelOptions {
    /// How pixels become one; [`Filter::default_for`] the image if not given.
    pub filter: Option<Filter>,
    /// Columns and rows of a tile; 0 is 1024.
    pub tile: (u64, u64),
    /// How many levels the result has; if not given, as many as the source has from its first on, and in a full pyramid
    /// those up to the first that is one tile.
    pub levels: Option<u32>,
    /// All levels are computed from level 0, also those that the source has.
    pub recomputes: bool,
}

/// How large the output is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// The image halved so often.
    Halved(u32),
    /// Columns and rows.
    Pixels(u64, u64),
}

impl LevelOptions {
    fn tile(&self) -> (u64, u64) {
        let or_default = |side: u64| if side == 0 { TILE } else { side };
        (or_default(self.tile.0), or_default(self.tile.1))
    }

    /// Refuses numbers that no image can have.
    fn check(&self) -> Result<()> {
        match self.levels {
            Some(levels) if !(1..=MAX_LEVELS as u32).contains(&levels) => Err(Error::range(
                format!("levels is {levels}; it must be 1 to {MAX_LEVELS}"),
            )),
            _ => Ok(()),
        }
    }
}

/// `source` made smaller; native levels are used unless the options say otherwise.
///
/// Halved so often it is the level of that number of the full pyramid, bit by bit. Any other size is made by halvings
/// as long as that leaves no less, and one step of another ratio.
pub fn downsampled(
    source: Arc<dyn Provider>,
    size: Size,
    options: &LevelOptions,
    cache: Option<&Cache>,
) -> Result<Arc<dyn Provider>> {
    options.check()?;
    let mut ladder = Ladder::new(kept(source, cache)?, options, cache)?;
    let first = match size {
        Size::Halved(times) => {
            if times as usize >= MAX_LEVELS {
                let most = MAX_LEVELS - 1;
                return Err(Error::range(format!(
                    "an image halved {times} times; at most {most}"
                )));
            }
            ladder.climb(times as usize)?;
            times as usize
        }
        Size::Pixels(width, height) => ladder.climb_to((width, height))?,
    };
    let natives = ladder.natives.saturating_sub(first);
    let usual = ladder.of_source.saturating_sub(first).max(1);
    let count = options.levels.map_or(usual, |levels| levels as usize);
    let has_all = ladder.natives == ladder.source.image().levels.len();
    if has_all && (1..=natives).contains(&count) && first + count == ladder.natives {
        return level(ladder.source, first as u32);
    }
    ladder.climb(first + count - 1)?;
    match &ladder.rungs[first..first + count] {
        [only] if natives == 0 => Ok(only.image.clone()),
        rungs => joined(rungs, natives, &ladder),
    }
}

/// `source` with all the levels that it has, and those that it does not have computed each from the next finer one, down
/// to the first that is one tile.
pub fn full_pyramid(
    source: Arc<dyn Provider>,
    options: &LevelOptions,
    cache: Option<&Cache>,
) -> Result<Arc<dyn Provider>> {
    options.check()?;
    let mut ladder = Ladder::new(kept(source, cache)?, options, cache)?;
    let count = match options.levels {
        Some(levels) => levels as usize,
        None => ladder.levels_to_one_tile(),
    };
    ladder.climb(count - 1)?;
    joined(&ladder.rungs[..count], ladder.natives, &ladder)
}

/// A source whose blocks stay in the cache where there is one, so that none is decoded for each of its parts.
fn kept(source: Arc<dyn Provider>, cache: Option<&Cache>) -> Result<Arc<dyn Provider>> {
    match cache {
        Some(cache) => cached(source, cache),
        None => Ok(source),
    }
}

/// Levels as one image, with their masks.
fn joined(rungs: &[Rung], natives: usize, ladder: &Ladder<'_>) -> Result<Arc<dyn Provider>> {
    let images = rungs.iter().map(|rung| rung.image.clone()).collect();
    let natives = natives.min(rungs.len());
    let name = format!("pyramid:{}:native:{natives}", ladder.name());
    let masks: Option<Vec<_>> = rungs.iter().map(|rung| rung.mask.clone()).collect();
    let mask = masks.map(|masks| named_pyramid(masks, natives, name.clone(), None, None));
    let native = (NATIVE.to_owned(), natives.to_string());
    named_pyramid(images, natives, name, mask.transpose()?, Some(native))
}
