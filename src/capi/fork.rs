//! `fork` without `exec`: a child may make handles and use them; those made before it are refused.

use super::array;
use super::tile::tc_tile;
use crate::bytes::descriptors;
use crate::cache::{lineages_stand_still, links_stand_still};
use crate::in_flight;
use crate::load::loads_stand_still;
use crate::pad;
use crate::source::index;
use crate::sync::{ProcessGuard, ProcessMutex, Still};
use crate::workers::Workers;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::c_int;
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

/// How many forks lie between the process that loaded the library and this one.
static GENERATION: AtomicU32 = AtomicU32::new(0);

thread_local! {
    /// What stands still while this thread forks.
    static HELD: RefCell<Vec<Box<dyn Still>>> = const { RefCell::new(Vec::new()) };
}

/// How many references to each tile a child has given away itself.
static TILES: ProcessMutex<BTreeMap<usize, usize>> = ProcessMutex::new(BTreeMap::new());

unsafe extern "C" {
    fn pthread_atfork(
        prepare: Option<extern "C" fn()>,
        parent: Option<extern "C" fn()>,
        child: Option<extern "C" fn()>,
    ) -> c_int;
}

/// In which process of a line of forks this is called, from 0 on.
pub fn generation() -> u32 {
    GENERATION.load(Ordering::Relaxed)
}

/// Whether the process was forked after it had loaded the library, so that handles may be from before that.
#[inline(always)]
pub fn is_child() -> bool {
    generation() > 0
}

/// Notes a reference to a tile that is given away. Only a child keeps account of them.
pub fn give_tile(tile: *const tc_tile) {
    if is_child() {
        *TILES.lock().entry(tile.addr()).or_default() += 1;
    }
}

/// Takes a reference to a tile back in a child: whether it may go, and is not from before the fork.
pub fn take_tile(tile: *const tc_tile) -> bool {
    let mut tiles = TILES.lock();
    let Some(references) = tiles.get_mut(&tile.addr()) else {
        return false;
    };
    *references -= 1;
    if *references == 0 {
        tiles.remove(&tile.addr());
    }
    true
}

/// Whether a tile may get one more reference.
pub fn has_tile(tile: *const tc_tile) -> bool {
    !is_child() || TILES.lock().contains_key(&tile.addr())
}

/// Has forks from now on be safe for what a child makes itself.
pub fn expect() {
    static EXPECTED: Once = Once::new();
    EXPECTED.call_once(|| {
        // SAFETY: the functions neither unwind nor wait for anything that the thread holds itself. Without
        // memory for the list they are not called, and forks are as they were.
        unsafe { pthread_atfork(Some(before), Some(in_parent), Some(in_child)) };
    });
}

impl Still for ProcessGuard<'static, BTreeMap<usize, usize>> {
    fn in_child(&mut self) {
        self.clear();
    }
}

/// All that the process has but once. What belongs to one cache or provider is not among it: a child makes
/// its own.
fn all() -> Vec<Box<dyn Still>> {
    vec![
        Workers::stand_still(),
        links_stand_still(),
        lineages_stand_still(),
        loads_stand_still(),
        in_flight::stands_still(),
        descriptors::stand_still(),
        pad::stand_still(),
        index::stand_still(),
        array::stand_still(),
        Box::new(TILES.lock()),
    ]
}

extern "C" fn before() {
    let all = all();
    // A thread that ends has no such memory any more, and forks without it.
    let _ = HELD.try_with(|held| *held.borrow_mut() = all);
}

extern "C" fn in_parent() {
    let _ = HELD.try_with(|held| held.borrow_mut().clear());
}

extern "C" fn in_child() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
    let _ = HELD.try_with(|held| {
        let mut held = held.borrow_mut();
        held.iter_mut().for_each(|still| still.in_child());
        held.clear();
    });
}
