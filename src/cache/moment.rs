//! Moments: the time of the process, which passes with every change of an image, and the number of those changes.

use crate::sync::atomic::{AtomicU64, Ordering};

/// A moment: it passes with every change of any image.
pub type Moment = u64;

static CLOCK: AtomicU64 = AtomicU64::new(1);

/// The present moment, which every request remembers from its beginning.
pub fn now() -> Moment {
    CLOCK.load(Ordering::SeqCst)
}

/// Lets a moment pass, and returns the new one.
pub fn tick() -> Moment {
    CLOCK.fetch_add(1, Ordering::SeqCst) + 1
}

/// A moment that does not come.
pub const NEVER: Moment = Moment::MAX;

/// How often any image has begun or ceased to change, or came to be computed from others.
static CHANGES: AtomicU64 = AtomicU64::new(1);

/// How often any image has changed, or came to be computed from others, or to be known to another tier: what was found out
/// before this was the same number is still true.
pub fn changes() -> u64 {
    CHANGES.load(Ordering::SeqCst)
}

/// Something has changed that others follow.
pub fn note_change() {
    CHANGES.fetch_add(1, Ordering::SeqCst);
}
