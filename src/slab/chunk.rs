//! The memory of a slab: nodes in chunks, and the columns of each chunk, one for each stripe.

use super::flag::PLACE;
use super::word::{AtomicWord, Word};
use super::{NODES, NONE, Shared};
use crate::sync::atomic::{AtomicI64, AtomicU16, AtomicU32, AtomicU64};
use crate::thread::STRIPES;
use crate::tile::Pixels;
use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::sync::Weak;

/// What every handle points to.
#[repr(C)]
pub(super) struct Head {
    pub(super) pixels: UnsafeCell<MaybeUninit<Pixels>>,
    pub(super) flags: AtomicU16,
    /// What [`super::Handle::set_mark`] has set.
    pub(super) mark: AtomicU16,
    /// Of look-ups: the next node of a chain. Of free nodes: the next one that is free.
    pub(super) next: AtomicU32,
}

impl Head {
    pub(super) fn new(pixels: MaybeUninit<Pixels>, flags: u16) -> Self {
        Self {
            pixels: UnsafeCell::new(pixels),
            flags: AtomicU16::new(flags),
            mark: AtomicU16::new(0),
            next: AtomicU32::new(NONE),
        }
    }
}

// SAFETY: pixels are written before there are handles, and only read while there are any.
unsafe impl Sync for Head {}

#[repr(C, align(64))]
pub(super) struct Node {
    pub(super) head: Head,
    /// Handles that stand in no column, one for the slab, and [`OPEN_COUNT`]; 0 for a free node.
    pub(super) count: AtomicI64,
    pub(super) label: [AtomicU64; 3],
}

#[repr(C)]
pub(super) struct Chunk {
    pub(super) nodes: [Node; NODES],
    /// What each stripe has for each node.
    pub(super) columns: [[AtomicWord; NODES]; STRIPES],
    /// One bit for each node: handed out since it was last seen free.
    pub(super) handed: AtomicU64,
    pub(super) number: u32,
    pub(super) slab: Weak<Shared>,
}

impl Chunk {
    pub(super) fn new(number: u32, slab: Weak<Shared>) -> Self {
        let node = |place: usize| Node {
            head: Head::new(MaybeUninit::uninit(), (place as u16) << PLACE),
            count: AtomicI64::new(0),
            label: Default::default(),
        };
        Self {
            nodes: std::array::from_fn(node),
            columns: std::array::from_fn(|_| {
                std::array::from_fn(|_| AtomicWord::new(Word::closed(0)))
            }),
            handed: AtomicU64::new(0),
            number,
            slab,
        }
    }
}
