//! Which nodes may be held: those that were handed out since they were last seen free.

use super::flag::HANDED;
use super::node::NodeRef;
use super::{NODES, Slab};
use crate::sync::atomic::Ordering;

impl NodeRef<'_> {
    /// Notes that it is handed out, unless [`flag::HANDED`] says that this is known. To be called after it
    /// was pinned.
    pub fn hand_out(&self) {
        self.set(HANDED);
        let handed = &self.chunk.handed;
        if handed.fetch_or(1 << self.place, Ordering::SeqCst) == 0
            && let Some(slab) = self.chunk.slab.upgrade()
        {
            slab.handed.lock().push(self.chunk.number);
        }
    }
}

impl Slab {
    /// How many chunks have nodes that may be held.
    pub fn chunks_held(&self) -> usize {
        self.0.handed.lock().len()
    }

    /// Looks at the nodes of at most so many chunks that may be held, until they are seen free: `work` says
    /// whether one is held. Where one is, its chunk comes last in the order of looks.
    pub fn for_each_held(&self, most: usize, mut work: impl FnMut(NodeRef<'_>) -> bool) {
        let mut numbers: Vec<u32> = {
            let mut handed = self.0.handed.lock();
            let most = most.min(handed.len());
            handed.drain(..most).collect()
        };
        numbers.sort_unstable();
        numbers.dedup();
        numbers.retain(|number| {
            let Some(chunk) = self.0.chunks.get(*number as usize) else {
                return false;
            };
            let mut left = chunk.handed.load(Ordering::SeqCst);
            while left != 0 {
                let place = left.trailing_zeros();
                left &= left - 1;
                let id = chunk.number * NODES as u32 + place;
                // First the bit, for a pin is noted after it is made.
                chunk.handed.fetch_and(!(1 << place), Ordering::SeqCst);
                let Some(node) = self.live(id) else { continue };
                node.unset(HANDED);
                if work(node) {
                    node.hand_out();
                }
            }
            chunk.handed.load(Ordering::SeqCst) != 0
        });
        self.0.handed.lock().extend(numbers);
    }
}
