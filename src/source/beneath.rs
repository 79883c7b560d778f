//! What a source says that it had to decode for a block, where that is more or less than the block.

use crate::sync::thread_local;
use std::cell::Cell;

thread_local! {
    /// What the read that this thread is in has said so far.
    static SAID: Cell<Option<f64>> = const { Cell::new(None) };
}

/// Runs a read, and gives with its result what it says of what it decoded, in whole blocks. Reads inside it
/// count for themselves.
pub fn heard<R>(read: impl FnOnce() -> R) -> (R, Option<f64>) {
    let outer = SAID.with(|said| said.replace(None));
    let result = read();
    (result, SAID.with(|said| said.replace(outer)))
}

/// Says in a read that so many whole blocks were decoded for it; what is said adds up.
pub fn say(blocks: f64) {
    if blocks.is_finite() && blocks >= 0.0 {
        SAID.with(|said| said.set(Some(said.get().unwrap_or(0.0) + blocks)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_counts_for_the_read_that_says_it() {
        assert_eq!(heard(|| ()).1, None);
        let (inner, outer) = heard(|| {
            say(2.0);
            let inner = heard(|| say(0.0)).1;
            say(0.5);
            say(-1.0);
            say(f64::NAN);
            inner
        });
        assert_eq!((inner, outer), (Some(0.0), Some(2.5)));
    }
}
