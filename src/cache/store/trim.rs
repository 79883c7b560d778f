//! Trimming: memory given back now, under a budget that stays as it is.

use super::Store;
use super::evict::{Interrupted, Patience};

/// How much is to be given back, and how much was.
pub struct Trim {
    wanted: u64,
    /// What the cache takes less of its budget.
    pub freed: u64,
}

impl Store {
    /// A trim of so many bytes, of which there may be fewer. What others take meanwhile is not given back, so it
    /// comes to an end.
    pub fn begin_trim(&self, bytes: u64) -> Trim {
        Trim {
            wanted: bytes.min(self.taken()),
            freed: 0,
        }
    }

    /// Gives back what was kept for reuse, then idle buffers in the order in which they go, until that is as much
    /// as wanted or nothing idle is left.
    pub fn trim(&mut self, trim: &mut Trim) -> Result<(), Interrupted> {
        let patience = &mut Patience::of_turn();
        while trim.freed < trim.wanted {
            let before = self.taken();
            let outcome = match self.pool.bytes() {
                0 => self.evict_next(patience),
                reusable => {
                    self.trim_pool(reusable.saturating_sub(trim.wanted - trim.freed));
                    Ok(true)
                }
            };
            trim.freed += before - self.taken();
            if !outcome? {
                break;
            }
        }
        Ok(())
    }
}
