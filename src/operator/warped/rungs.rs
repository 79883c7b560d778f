//! Rungs: the levels that a source has, each as an image of its own, with its mask.

use super::cells::Level;
use super::extent::Extent;
use crate::cache::Cache;
use crate::error::{Kind, Result};
use crate::image::{Block, is_halved};
use crate::operator::downsampled::completed_mask;
use crate::operator::level;
use crate::operator::parts::{in_parts, kept};
use crate::provider::{Provider, Request};
use std::sync::Arc;

/// A level of a source.
pub struct Rung {
    pub level: Level,
    pub extent: Extent,
    pub image: Arc<dyn Provider>,
    /// Where it is data, where a mask lies beside it.
    pub mask: Option<Arc<dyn Provider>>,
}

/// The levels of a source, their blocks kept in `cache` where there is one.
pub fn rungs(
    source: &Arc<dyn Provider>,
    cache: Option<&Cache>,
    period: Option<u64>,
) -> Result<Vec<Rung>> {
    let source = kept(source.clone(), cache)?;
    let described = source.image();
    let mask = source
        .mask()
        .map(|mask| kept(completed_mask(mask, &described.levels)?, cache))
        .transpose()?;
    let full = described.levels[0];
    let rung = |(number, size): (u32, &(u64, u64))| {
        // A level may be told of that is not there, beneath one that is.
        if number > 0 && is_missing(&source, number)? {
            return Ok(None);
        }
        let factor = |full: u64, size: u64| match is_halved((full, 1), number, (size, 1)) {
            true => (1u64 << number) as f64,
            false => full as f64 / size as f64,
        };
        let factor = (factor(full.0, size.0), factor(full.1, size.1));
        let of_level = |image: &Arc<dyn Provider>| in_parts(level(image.clone(), number)?, cache);
        Ok(Some(Rung {
            level: Level { number, factor },
            extent: Extent {
                size: *size,
                factor,
                full_width: full.0,
                period,
            },
            image: of_level(&source)?,
            mask: mask.as_ref().map(of_level).transpose()?,
        }))
    };
    let rungs = (0..).zip(&described.levels).map(rung);
    rungs.filter_map(Result::transpose).collect()
}

fn is_missing(source: &Arc<dyn Provider>, number: u32) -> Result<bool> {
    let has = Request::new().run(|| source.has_block(Block::new(number, 0, 0)));
    match has {
        Err(error) if error.kind() == Kind::NotFound => Ok(true),
        has => has.map(|_| false),
    }
}
