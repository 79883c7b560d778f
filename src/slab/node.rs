//! A node: what it is found by and what is known of it, until its last handle is gone.

use super::NODES;
use super::chunk::{Chunk, Node};
use super::flag::PLACE;
use super::word::AtomicWord;
use crate::sync::atomic::{AtomicU32, Ordering};
use crate::thread::Stripe;
use std::ptr::NonNull;
use std::sync::Arc;

/// A node, for as long as its slab is borrowed.
#[derive(Clone, Copy)]
pub struct NodeRef<'a> {
    pub(super) node: NonNull<Node>,
    pub(super) chunk: &'a Chunk,
    pub(super) place: usize,
}

impl<'a> NodeRef<'a> {
    /// # Safety
    /// `node` must have been reached through its chunk, which is alive for as long as the reference; the
    /// flags are its own.
    #[inline(always)]
    pub(super) unsafe fn at(node: NonNull<Node>, flags: u16) -> Self {
        let place = (flags >> PLACE) as usize % NODES;
        // SAFETY: the nodes are the first member of the chunk.
        let chunk = unsafe { node.sub(place).cast::<Chunk>().as_ref() };
        Self { node, chunk, place }
    }

    /// The chunk as its `Arc` has it.
    pub(super) fn chunk_pointer(&self) -> *const Chunk {
        self.node.as_ptr().wrapping_sub(self.place).cast()
    }

    #[inline(always)]
    pub(super) fn get(&self) -> &'a Node {
        &self.chunk.nodes[self.place % NODES]
    }

    /// What the stripes have for the node.
    pub(super) fn words(&self) -> impl Iterator<Item = &'a AtomicWord> {
        let (columns, place) = (&self.chunk.columns, self.place);
        columns.iter().map(move |column| &column[place])
    }

    /// What a stripe has for the node.
    #[inline(always)]
    pub(super) fn word(&self, stripe: Stripe) -> &'a AtomicWord {
        &self.chunk.columns[stripe.number()][self.place % NODES]
    }

    /// The number of the node.
    pub fn id(&self) -> u32 {
        self.chunk.number * NODES as u32 + self.place as u32
    }

    /// What it is found by.
    #[inline(always)]
    pub fn is_labelled(&self, label: &[u64; 3]) -> bool {
        let own = &self.get().label;
        own[0].load(Ordering::Relaxed) == label[0]
            && own[1].load(Ordering::Relaxed) == label[1]
            && own[2].load(Ordering::Relaxed) == label[2]
    }

    /// What it is found by.
    pub fn label(&self) -> [u64; 3] {
        let own = &self.get().label;
        std::array::from_fn(|at| own[at].load(Ordering::Relaxed))
    }

    /// The next node of the chain.
    #[inline(always)]
    pub fn next(&self) -> &'a AtomicU32 {
        &self.get().head.next
    }

    #[inline(always)]
    pub fn flags(&self) -> u16 {
        self.get().head.flags.load(Ordering::SeqCst)
    }

    /// Sets flags, and returns those from before.
    pub fn set(&self, flags: u16) -> u16 {
        self.get().head.flags.fetch_or(flags, Ordering::SeqCst)
    }

    /// Takes flags away, and returns those from before.
    pub fn unset(&self, flags: u16) -> u16 {
        self.get().head.flags.fetch_and(!flags, Ordering::SeqCst)
    }

    /// The moment of the last use that a look-up has left; before the first one, that of its insertion or 0.
    pub fn last_use(&self) -> u64 {
        let stamps = self
            .words()
            .map(|word| word.load(Ordering::Relaxed).stamp());
        stamps.max().unwrap_or(0)
    }

    /// Handles less those that the pins of its buffer count: of one that is closed, none.
    pub fn pins(&self) -> i64 {
        self.words()
            .map(|word| word.load(Ordering::SeqCst).pins())
            .sum()
    }

    /// # Safety
    /// The count has just become 0.
    pub(super) unsafe fn free(&self) {
        let node = self.get();
        // SAFETY: written when it was occupied, and taken once, for the count became 0 once.
        let pixels = unsafe { (*node.head.pixels.get()).assume_init_read() };
        if let Some(slab) = self.chunk.slab.upgrade() {
            let mut free = slab.free.lock();
            // A look-up that is led astray by this sees that chains were changed.
            node.head.next.store(free.first, Ordering::Release);
            free.first = self.id();
        }
        // SAFETY: an occupied node has one reference to its chunk.
        unsafe { Arc::decrement_strong_count(self.chunk_pointer()) };
        drop(pixels);
    }
}
