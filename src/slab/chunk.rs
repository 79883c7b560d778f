//! The memory of a slab: nodes in chunks, and the columns of each chunk, one for each stripe that uses it.

use super::flag::{OPEN, PLACE};
use super::word::{AtomicWord, Word};
use super::{NODES, NONE, Shared};
use crate::pages::Late;
use crate::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};
use crate::thread::{STRIPES, Stripe};
use crate::tile::Pixels;
use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::sync::Weak;

/// What every handle points to.
#[repr(C)]
pub(super) struct Head {
    pub(super) pixels: UnsafeCell<MaybeUninit<Pixels>>,
    pub(super) flags: AtomicU32,
    /// Of look-ups: the next node of a chain. Of free nodes: the next one that is free.
    pub(super) next: AtomicU32,
}

impl Head {
    pub(super) fn new(pixels: MaybeUninit<Pixels>, flags: u32) -> Self {
        Self {
            pixels: UnsafeCell::new(pixels),
            flags: AtomicU32::new(flags),
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

pub(super) type Column = [AtomicWord; NODES];

#[repr(C)]
pub(super) struct Chunk {
    pub(super) nodes: [Node; NODES],
    pub(super) columns: [Late<Column>; STRIPES],
    /// One bit for each node: handed out since it was last seen free.
    pub(super) handed: AtomicU64,
    pub(super) number: u32,
    pub(super) slab: Weak<Shared>,
}

impl Chunk {
    pub(super) fn new(number: u32, slab: Weak<Shared>) -> Self {
        let node = |place: usize| Node {
            head: Head::new(MaybeUninit::uninit(), (place as u32) << PLACE),
            count: AtomicI64::new(0),
            label: Default::default(),
        };
        Self {
            nodes: std::array::from_fn(node),
            columns: Default::default(),
            handed: AtomicU64::new(0),
            number,
            slab,
        }
    }

    /// The column of a stripe, made if there is none. To be called under the lock of the slab, if
    /// there is one.
    pub(super) fn make_column(&self, stripe: Stripe) -> &Column {
        self.columns[stripe.number()].get_or_make(|| {
            let closed = Word::closed(0);
            let word = |node: &Node| match node.head.flags.load(Ordering::SeqCst) & OPEN {
                0 => AtomicWord::new(closed),
                _ => AtomicWord::new(closed.open()),
            };
            self.nodes.each_ref().map(word)
        })
    }

    /// The words of a node in all columns that there are.
    pub(super) fn words(&self, place: usize) -> impl Iterator<Item = &AtomicWord> {
        let columns = self.columns.iter().filter_map(Late::get);
        columns.map(move |column| &column[place])
    }
}
