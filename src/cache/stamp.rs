//! Moments of use.

use std::cell::Cell;
use std::sync::LazyLock;
use std::time::Instant;

/// When something was last used, or made. A thread's stamps ascend; those of several threads are as
/// comparable as the machine's clock.
pub type Stamp = u64;

/// Set in the stamps of uses: what nobody has used is older than everything used.
const USE: Stamp = 1 << 63;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

thread_local! {
    static LATEST: Cell<u64> = const { Cell::new(0) };
}

/// Whether it is the stamp of a use.
pub fn is_use(stamp: Stamp) -> bool {
    stamp & USE != 0
}

/// The stamp of something that is made now and not used yet.
pub fn unused() -> Stamp {
    let now = START.elapsed().as_nanos() as u64;
    LATEST.with(|latest| {
        let next = now.max(latest.get() + 1);
        latest.set(next);
        next
    })
}

/// The stamp of a use now.
pub fn used() -> Stamp {
    unused() | USE
}
