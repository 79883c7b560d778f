//! Pins: where handles of a node are counted, while it is open and while it is closed.

use super::flag::{HANDED, OPEN};
use super::handle::Handle;
use super::node::NodeRef;
use super::word::{AtomicWord, Word};
use crate::sync::atomic::Ordering;
use crate::thread::{self, Stripe};

/// An open node as a thread of a stripe saw it.
pub struct Seen<'a> {
    node: NodeRef<'a>,
    stripe: Stripe,
    word: &'a AtomicWord,
    seen: Word,
}

impl Seen<'_> {
    /// A handle to the node, as a use with this stamp, unless its pins in the stripe were changed since it was
    /// seen. So what was read of the node in between, label and pixels, is still so.
    #[inline(always)]
    pub fn pin(self, stamp: u64) -> Option<Handle> {
        let Self { node, stripe, .. } = self;
        let replaced = self.word.replace(self.seen, self.seen.pinned(stamp));
        if replaced.is_err() {
            thread::met_in(stripe);
            return None;
        }
        let handle = Handle::of_node(node.node, stripe);
        // After the pin, for what looks for held nodes takes the flag away before it looks for pins.
        match node.flags() & HANDED {
            0 => Some(handle.handed_out()),
            _ => Some(handle),
        }
    }
}

impl<'a> NodeRef<'a> {
    /// A handle to what the node is at this moment; `None` if it is free.
    pub fn pin(&self, stripe: Stripe) -> Option<Handle> {
        match self.pin_in_column(stripe) {
            None => self.pin_in_count(stripe),
            handle => handle,
        }
    }

    /// The node as it is now, if a thread of the stripe can pin it in the column.
    #[inline(always)]
    pub fn as_seen(&self, stripe: Stripe) -> Option<Seen<'a>> {
        let word = self.word(stripe);
        let seen = word.load(Ordering::Acquire);
        seen.can_pin().then_some(Seen {
            node: *self,
            stripe,
            word,
            seen,
        })
    }

    fn pin_in_column(&self, stripe: Stripe) -> Option<Handle> {
        loop {
            let pinned = self.as_seen(stripe)?.pin(0);
            if pinned.is_some() {
                return pinned;
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn pin_in_count(&self, stripe: Stripe) -> Option<Handle> {
        let up = |count: i64| (count != 0).then_some(count + 1);
        let count = &self.get().count;
        count
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, up)
            .ok()?;
        let handle = Handle::of_node(self.node, stripe);
        handle.pixels().buffer().pin();
        self.make_even(stripe);
        self.look_again();
        Some(handle)
    }

    /// Notes a use with this stamp.
    pub fn note_use(&self, stripe: Stripe, stamp: u64) {
        self.word(stripe).change(|seen| Some(seen.used(stamp)));
    }

    /// Takes a pin out of a column; says whether it could.
    #[inline(always)]
    pub(super) fn unpin_in_column(&self, stripe: Stripe) -> bool {
        let word = self.word(stripe);
        let mut seen = word.load(Ordering::Relaxed);
        while let Some(unpinned) = seen.unpinned() {
            match word.replace(seen, unpinned) {
                Ok(()) => return true,
                Err(now) => seen = now,
            }
        }
        false
    }

    #[cold]
    #[inline(never)]
    pub(super) fn unpin_in_count(&self, stripe: Stripe) {
        self.make_even(stripe);
        let node = self.get();
        // SAFETY: the handle that goes still keeps the pixels.
        let pixels = unsafe { (*node.head.pixels.get()).assume_init_ref() };
        pixels.buffer().unpin();
        self.look_again();
        if node.count.fetch_sub(1, Ordering::SeqCst) == 1 {
            // SAFETY: nothing refers to the node any more, and there is only one last.
            unsafe { self.free() };
        }
    }

    /// A handle of an open node was counted in its buffer: a sum over its columns and its buffer may have seen
    /// only one of the two places where the handle came and went.
    fn look_again(&self) {
        if self.flags() & OPEN != 0 {
            self.hand_out();
        }
    }

    /// Moves what stands in a column at the end of its range.
    fn make_even(&self, stripe: Stripe) {
        let word = self.word(stripe);
        if word.load(Ordering::Relaxed).even().is_some()
            && let Some(slab) = self.chunk.slab.upgrade()
        {
            let _closing = slab.free.lock();
            if let Some(old) = word.change(Word::even) {
                self.add(old.pins());
            }
        }
    }

    /// Counts handles that stood in a column. The node is held or the slab's.
    pub(super) fn add(&self, handles: i64) {
        let node = self.get();
        node.count.fetch_add(handles, Ordering::SeqCst);
        // SAFETY: what is held or the slab's has its pixels.
        let pixels = unsafe { (*node.head.pixels.get()).assume_init_ref() };
        pixels.buffer().add_pins(handles);
    }
}
