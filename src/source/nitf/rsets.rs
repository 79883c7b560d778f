//! R-sets: reduced resolutions that lie as files of their own beside the full one.

use crate::bytes::Bytes;
use crate::error::Result;
use crate::image::MAX_LEVELS;
use crate::source::beside::Beside;
use std::sync::Arc;

/// A file that holds a reduced resolution.
pub struct Reduction {
    /// How its name differs from that of the full one.
    pub suffix: String,
    /// What it holds.
    pub bytes: Arc<dyn Bytes>,
}

/// The files with the resolutions above one, as far as there are any, the largest first.
///
/// The reduced resolutions of `name.ntf` are `name.ntf.r1`, `name.ntf.r2` and so on, or `name.r1`,
/// or the same with `.hr1`; those of `name.r0` are `name.r1` and so on.
pub fn beside(beside: &dyn Beside) -> Result<Vec<Reduction>> {
    for start in [".r", "*.r", ".hr", "*.hr"] {
        let mut found = Vec::new();
        for level in 1..MAX_LEVELS {
            let suffix = format!("{start}{level}");
            match beside.open(&suffix)? {
                Some(bytes) => found.push(Reduction { suffix, bytes }),
                None => break,
            }
        }
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Ok(Vec::new())
}
