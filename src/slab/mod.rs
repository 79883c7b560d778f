//! Handles of pixels, and the slab of those that a cache keeps: there the handle is the entry itself.
//!
//! A node of a slab is pinned by each thread in a column of the thread's stripe, and unpinned where it was
//! pinned, so that taking and releasing a handle writes nothing that other threads write. A node is *open* while its pins stand in
//! the columns. [`Slab::close`] moves them into the count of the node and the pins of its buffer, where
//! all later ones go too: from then on the last release is seen. A pin and a close meet in one word of a
//! column, so that each pin is either moved or sees that it has to go to the count.
//!
//! A look-up takes no lock. It pins a node as it was seen, which fails if the node was closed since, or it
//! pins whatever a node is and then looks whether that is what it wanted. Nodes are therefore memory that
//! is never anything else: a chunk of them lives as long as its slab, or as long as one of its nodes is
//! held.

mod chunk;
mod handle;
mod held;
mod node;
mod pins;
#[cfg(test)]
mod tests;
mod word;

pub use handle::Handle;
pub use node::NodeRef;

use crate::pages::Pages;
use crate::sync::Mutex;
use crate::sync::atomic::Ordering;
use crate::tile::Pixels;
use chunk::{Chunk, Node};
use flag::{FINDABLE, LIVE, OPEN, PLACE};
use std::sync::Arc;
use word::Word;

/// Nodes of a chunk: as many as there are bits in [`Chunk::handed`]; fewer for the model checker, whose atomics
/// take more room and time.
const NODES: usize = if cfg!(feature = "model") { 8 } else { 64 };

/// No node.
pub const NONE: u32 = u32::MAX;

/// Flags of a node, which a look-up asks for.
pub mod flag {
    /// Look-ups may hand it out.
    pub const FINDABLE: u16 = 1;
    /// Made ahead of its first use.
    pub const UNREAD: u16 = 2;
    /// It has all bands of its image.
    pub const ALL_BANDS: u16 = 4;
    /// Handed out since it was last seen free.
    pub const HANDED: u16 = 64;
    /// Put by a caller, not loaded.
    pub const PUT: u16 = 128;
    /// Its uses are noted one by one; above the place of the node in its chunk.
    pub const OBSERVED: u16 = 1 << 14;
    /// It may be used as long as another tier lets it be believed.
    pub const BELIEVED: u16 = 1 << 15;
    /// Its pins stand in the columns.
    pub(super) const OPEN: u16 = 8;
    /// The slab itself counts as a handle.
    pub(super) const LIVE: u16 = 16;
    /// No node, but a handle apart from any cache.
    pub(super) const APART: u16 = 32;
    /// Above it stands which node of its chunk it is.
    pub(super) const PLACE: u32 = 8;
}

/// What an open node counts beside its handles, lest they seem to be none while they are moved.
const OPEN_COUNT: i64 = 1 << 40;

struct Shared {
    chunks: Pages<Chunk>,
    /// Held while nodes are opened and closed.
    free: Mutex<Free>,
    /// The numbers of chunks of which a node was handed out since they were last seen free.
    handed: Mutex<Vec<u32>>,
}

/// The nodes without pixels.
struct Free {
    /// The first of those that had some.
    first: u32,
    /// The first of those that never had.
    fresh: u32,
}

/// The nodes of a cache.
pub struct Slab(Arc<Shared>);

impl Default for Slab {
    fn default() -> Self {
        Self(Arc::new(Shared {
            chunks: Pages::default(),
            free: Mutex::new(Free {
                first: NONE,
                fresh: 0,
            }),
            handed: Mutex::default(),
        }))
    }
}

impl Slab {
    /// A node, occupied or not.
    #[inline(always)]
    pub fn node(&self, id: u32) -> Option<NodeRef<'_>> {
        let chunk = self.0.chunks.pointer(id as usize / NODES)?;
        let place = id as usize % NODES;
        // SAFETY: the chunk is alive as long as the slab; its first member are more nodes than `place`.
        let (node, chunk) = unsafe { (chunk.cast::<Node>().add(place), chunk.as_ref()) };
        Some(NodeRef { node, chunk, place })
    }

    /// A closed node with these pixels, which is the slab's until it is removed. `stamp` is a moment later than
    /// all that the node was used at.
    pub fn insert(&self, pixels: Pixels, label: [u64; 3], flags: u16, stamp: u64) -> u32 {
        let mut free = self.0.free.lock();
        let id = match free.first {
            NONE => {
                free.fresh += 1;
                free.fresh - 1
            }
            first => first,
        };
        let (number, place) = (id as usize / NODES, id as usize % NODES);
        let new = || Chunk::new(number as u32, Arc::downgrade(&self.0));
        self.0.chunks.make(number, new);
        let node_ref = self.node(id).expect("a chunk that was made");
        let node = node_ref.get();
        if free.first == id {
            free.first = node.head.next.load(Ordering::Relaxed);
        }
        // SAFETY: a free node is read by nothing, and leaves the list of free ones under the lock.
        unsafe { (*node.head.pixels.get()).write(pixels) };
        for (own, part) in node.label.iter().zip(label) {
            own.store(part, Ordering::Relaxed);
        }
        let flags = flags | LIVE | ((place as u16) << PLACE);
        node.head.mark.store(0, Ordering::Relaxed);
        node.head.flags.store(flags, Ordering::SeqCst);
        for word in node_ref.words() {
            word.store(Word::closed(stamp));
        }
        // SAFETY: the pointer comes from an `Arc` that is alive; the node has this reference until it is free.
        unsafe { Arc::increment_strong_count(node_ref.chunk_pointer()) };
        node.count.store(1, Ordering::SeqCst);
        id
    }

    /// From now on the pins of a node stand in the columns.
    pub fn open(&self, id: u32) {
        let _closing = self.0.free.lock();
        let Some(node) = self.live(id) else { return };
        if node.flags() & OPEN == 0 {
            node.get().count.fetch_add(OPEN_COUNT, Ordering::SeqCst);
            node.set(OPEN);
            for word in node.words() {
                word.change(|seen| Some(seen.open()));
            }
        }
    }

    /// Moves the pins of a node out of the columns: its buffer knows all of them from now on.
    pub fn close(&self, id: u32) {
        let _closing = self.0.free.lock();
        if let Some(node) = self.live(id) {
            self.close_live(node);
        }
    }

    fn close_live(&self, node: NodeRef<'_>) {
        if node.unset(OPEN) & OPEN == 0 {
            return;
        }
        for word in node.words() {
            if let Some(seen) = word.change(|seen| Some(seen.close())) {
                node.add(seen.pins());
            }
        }
        node.get().count.fetch_sub(OPEN_COUNT, Ordering::SeqCst);
    }

    /// Gives up a node. It goes with the last handle to it.
    pub fn remove(&self, id: u32) {
        let closing = self.0.free.lock();
        let Some(node) = self.live(id) else { return };
        self.close_live(node);
        node.unset(LIVE | FINDABLE);
        drop(closing);
        if node.get().count.fetch_sub(1, Ordering::SeqCst) == 1 {
            // SAFETY: nothing refers to the node any more, and there is only one last.
            unsafe { node.free() };
        }
    }

    /// Looks at the pixels of a node that is the slab's, without a handle. `work` takes no lock and drops
    /// no handle.
    pub fn look<R>(&self, id: u32, work: impl FnOnce(&Pixels) -> R) -> Option<R> {
        let _closing = self.0.free.lock();
        let node = self.live(id)?;
        // SAFETY: what is the slab's has its pixels, and is given up under the lock alone.
        let pixels = unsafe { (*node.get().head.pixels.get()).assume_init_ref() };
        Some(work(pixels))
    }

    fn live(&self, id: u32) -> Option<NodeRef<'_>> {
        let node = self.node(id);
        node.filter(|node| node.flags() & LIVE != 0)
    }
}

impl Drop for Slab {
    fn drop(&mut self) {
        let fresh = self.0.free.lock().fresh;
        (0..fresh).for_each(|id| self.remove(id));
    }
}
