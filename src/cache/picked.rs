//! Whether some of many bands are loaded without the others, where all are read anyway.
//!
//! To bring all of hundreds of bands into the form of tiles takes longer than to read them, and keeps hundreds of times as
//! much. So the bands asked for are loaded alone, until others of the same block are asked for while those are still
//! there, and all bands of what is there would fit into the cache: then others are likely to be asked for of other
//! blocks too, and all come together from then on.

use crate::image::Image;
use crate::sync::atomic::{AtomicBool, Ordering};

/// Fewer bands always come together.
const MANY: usize = 32;

/// No more than one in so many bands is loaded alone.
const FEW: u64 = 8;

/// What is known of the bands that are asked of an image in one cache.
#[derive(Default)]
pub struct Picked {
    others_follow: AtomicBool,
}

impl Picked {
    /// Whether an image is one of which some bands may be loaded alone.
    pub fn are_of(image: &Image) -> bool {
        image.bands_together && image.picks_bands && image.bands.len() >= MANY
    }

    /// Whether so many of all bands are few.
    pub fn are_few(&self, count: u64, all: u64) -> bool {
        count * FEW <= all
    }

    /// Whether bands are loaded alone; `is_other` tells that the others of the block should come with them.
    pub fn stay_alone(&self, is_other: impl FnOnce() -> bool) -> bool {
        if self.others_follow.load(Ordering::Relaxed) {
            return false;
        }
        let follow = is_other();
        if follow {
            self.others_follow.store(true, Ordering::Relaxed);
        }
        !follow
    }
}
